"""Texts being written, kept sealed on the device: what only their writer's pages know.

The browser makes the key of a draft from a salt that it keeps and from this secret, which the
server writes on pages of that account alone: whoever else uses the device, or copies its disk, has
one half only.
"""

from django.utils.crypto import salted_hmac

from carbet.core.actor import Actor


def secret(actor: Actor) -> str:
    """Return the half of the key that the server tells this account, 64 hexadecimal digits."""
    return _digest("key", str(actor.account_id))


def place(actor: Actor, *names: object) -> str:
    """Return the name under which a draft is kept: it says neither who nor about what."""
    return _digest("place", "/".join(map(str, (actor.account_id, actor.role_id, *names))))[:24]


def _digest(purpose: str, value: str) -> str:
    return salted_hmac(f"carbet.core.drafts.{purpose}", value, algorithm="sha256").hexdigest()
