"""What can be asked: to whom may this person be sent?

A question costs three statements at most before the search itself, whatever the size of the
directory, and the search looks at a bounded number of entries: all of them when its words are rare,
those of the nearest communes first when they are common.
"""

from carbet.coordination.orientation.queries.describing import (
    CAPITAL,
    Capacity,
    Result,
    destination,
)
from carbet.coordination.orientation.queries.referrals import (
    MOST_REFERRALS,
    referrals,
    secure_email,
)
from carbet.coordination.orientation.queries.searching import (
    MOST_PAGES,
    NEAR_ENOUGH,
    PAGE,
    Found,
    search,
)
from carbet.coordination.orientation.queries.understanding import (
    MOST_OPTIONS,
    RARE,
    Facets,
    Options,
    options,
)

__all__ = [
    "CAPITAL",
    "MOST_OPTIONS",
    "MOST_PAGES",
    "MOST_REFERRALS",
    "NEAR_ENOUGH",
    "PAGE",
    "RARE",
    "Capacity",
    "Facets",
    "Found",
    "Options",
    "Result",
    "destination",
    "options",
    "referrals",
    "search",
    "secure_email",
]
