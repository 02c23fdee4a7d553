"""The national ROR (ME 3.0): pages like the Annuaire's, a token, the profile of a user.

The region is asked by `_tag` (Guyane: 03).
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

KINDS = ("Organization", "Practitioner", "Location", "HealthcareService", "PractitionerRole")
REGION = "03"
# A search is cut there by the national server, without a word (its documentation, 2026).
MOST_ANSWERS = 10_000


@dataclass
class Bearer:
    """A token of OAuth 2.0 client credentials, asked again when it is refused."""

    token_url: str
    client_id: str
    secret: str
    # Ror-Profil-Utilisateur-Code, -System, Ror-Role-Metier-Code, -System.
    profile: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def headers(self) -> dict[str, str]:
        if not self.token:
            self.renew()
        return {"Authorization": f"Bearer {self.token}"} | self.profile

    def renew(self) -> bool:
        if not self.token_url.startswith(("https://", "http://")):
            return False
        asked = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.secret,
        }
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            self.token_url, data=urllib.parse.urlencode(asked).encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                self.token = str(json.loads(answer.read(65536))["access_token"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return True
