"""One POST to an address outside: no redirection followed, no proxy guessed, a bounded answer."""

from collections.abc import Mapping

import requests

TIMEOUT_SECONDS = (5, 10)
LARGEST_ANSWER = 64 * 1024


def post(url: str, content: bytes, *, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Send `content` and return the status and the beginning of the answer.

    Raises:
        requests.RequestException: no answer, within 5 s to connect and 10 s to read.
    """
    with requests.Session() as session:
        # Neither a proxy nor a password of the machine's environment.
        session.trust_env = False
        with session.post(
            url,
            data=content,
            headers=dict(headers),
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
        ) as answer:
            return answer.status_code, next(answer.iter_content(LARGEST_ANSWER), b"")
