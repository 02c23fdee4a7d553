"""Regional applications that one enters through Carbet: they are told when somebody leaves it."""

import requests

SECONDS = 5


class NotHeard(OSError):
    """The application did not say that it closed the session: it is told again later."""


def say_left(address: str, token: str) -> int:
    """Send a logout token to an application. Return its status.

    Source: OpenID Connect Back-Channel Logout 1.0 §2.5 and §2.8.

    Raises:
        OSError: it does not answer, answers elsewhere, or refuses.
    """
    answer = requests.post(
        address, data={"logout_token": token}, timeout=SECONDS, allow_redirects=False, stream=True
    )
    answer.close()
    if answer.status_code not in (200, 204):
        raise NotHeard(f"status {answer.status_code}")
    return answer.status_code
