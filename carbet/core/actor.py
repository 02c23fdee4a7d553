"""Who acts: an account under one role, a system, or the house itself."""

from dataclasses import dataclass, field, replace
from enum import IntEnum, IntFlag


class Level(IntEnum):
    """How far an actor may go in the record of one person."""

    IDENTITY = 10
    READ = 20
    WRITE = 30
    MANAGE = 40


class DataCategory(IntFlag):
    """What kind of data a row holds, and which kinds a grant opens (local; CSP L1110-4, R1110-1).

    A row has one; a grant covers several, added together.
    """

    MEDICAL = 1
    SOCIAL = 2
    ADMINISTRATIVE = 4


ALL_DATA = DataCategory.MEDICAL | DataCategory.SOCIAL | DataCategory.ADMINISTRATIVE


ANONYMOUS, PROFESSIONAL, PERSON, SYSTEM, INTERNAL = (
    "anonymous",
    "professional",
    "person",
    "system",
    "internal",
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone or something that acts, with everything that decides what it may do.

    `grantees` are the keys under which access to a record may have been granted to it:
    "role:<PractitionerRole id>", "org:<Organization id>", "account:<Account id>".
    """

    kind: str = ANONYMOUS
    account_id: int | None = None
    role_id: int | None = None
    organization_id: int | None = None
    client_id: str = ""
    display_name: str = ""
    role_label: str = ""
    organization_name: str = ""
    profession: str = ""
    grantees: tuple[str, ...] = ()
    capabilities: frozenset[str] = field(default_factory=frozenset)
    delegated_role_ids: tuple[int, ...] = ()
    role_count: int = 0

    @property
    def is_authenticated(self) -> bool:
        return self.kind != ANONYMOUS

    @property
    def is_professional(self) -> bool:
        return self.kind == PROFESSIONAL

    @property
    def is_person(self) -> bool:
        return self.kind == PERSON

    def can(self, capability: str) -> bool:
        """Tell whether the actor's role carries the capability, whatever the person concerned."""
        return capability in self.capabilities or self.kind == INTERNAL


ANONYMOUS_ACTOR = Actor()


def role_key(role_id: int) -> str:
    """Return the key under which a PractitionerRole is granted access."""
    return f"role:{role_id}"


def organization_key(organization_id: int) -> str:
    """Return the key under which every role of an organization is granted access."""
    return f"org:{organization_id}"


def account_key(account_id: int) -> str:
    """Return the key under which an account (a person, a relative) is granted access."""
    return f"account:{account_id}"


def for_house(actor: Actor) -> Actor:
    """Return the house acting because this actor did: the trace still names who."""
    return replace(actor, kind=INTERNAL)


def internal(reason: str) -> Actor:
    """Return the house itself as an actor: jobs, imports, demonstration. `reason` says what for."""
    return Actor(kind=INTERNAL, display_name=reason)
