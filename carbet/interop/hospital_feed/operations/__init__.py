"""What can be done with the feed: receive, carry out, mend, replay, abandon; open a route."""

from carbet.interop.hospital_feed.operations.mending import (
    UnableToMend,
    abandon,
    accept_domain,
    is_domain_unknown,
    mend,
    replay,
)
from carbet.interop.hospital_feed.operations.processing import process_next
from carbet.interop.hospital_feed.operations.receiving import receive
from carbet.interop.hospital_feed.operations.routing import (
    UnableToRoute,
    close_route,
    open_route,
)
from carbet.interop.hospital_feed.operations.waking import wake, wake_later, wake_updates

__all__ = [
    "UnableToMend",
    "UnableToRoute",
    "abandon",
    "accept_domain",
    "close_route",
    "is_domain_unknown",
    "mend",
    "open_route",
    "process_next",
    "receive",
    "replay",
    "wake",
    "wake_later",
    "wake_updates",
]
