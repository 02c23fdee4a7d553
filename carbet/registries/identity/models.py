"""Identities by domain, the person they are one of, and every decision that moved them."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from carbet.core import row_security
from carbet.core.history import tracked
from carbet.registries.identity import rules
from carbet.registries.identity.choices import (
    Attribute,
    IdentityState,
    NoticeKind,
    PairKind,
    PairState,
    ProofKind,
    QualityLevel,
    ReconciliationKind,
)
from carbet.registries.patients.choices import DatePrecision, Gender, IdentityStatus
from carbet.registries.patients.rules import identity_status, ins_may_leave

CELL = row_security.Custom("the identity cell, and the domain concerned: the rules are in 0002")


class IdentityDomain(models.Model):
    """One row is a house that numbers its own identities: hospital, care home, Carbet itself."""

    ROW_SECURITY = row_security.Open("says which houses number identities, and of no person")

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    # Of its local numbers: the OID of PID-3.4, and the URI of Patient.identifier.system.
    oid = models.CharField(max_length=100, blank=True)
    system = models.CharField(max_length=200, blank=True)
    organization = models.ForeignKey(
        "directory.Organization", on_delete=models.PROTECT, null=True, related_name="+"
    )
    quality = models.CharField(max_length=10, choices=QualityLevel, default=QualityLevel.UNKNOWN)
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["oid"], name="domain_oid", condition=~models.Q(oid="")),
            models.UniqueConstraint(
                fields=["system"], name="domain_system", condition=~models.Q(system="")
            ),
        ]

    def __str__(self) -> str:
        return self.name


@tracked
class RegionalIdentity(models.Model):
    """One row is one person of the region, as far as is known: the group of their identities.

    It never disappears: emptied by a link, it says into which other it went.
    """

    ROW_SECURITY = CELL

    active = models.BooleanField(default=True)
    retired_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(active=False) | models.Q(retired_into__isnull=True),
                name="regional_identity_redirects_when_retired",
            )
        ]


@tracked
class LocalIdentity(models.Model):
    """One row is a person under the number of one domain (IPP), with the traits it gave."""

    ROW_SECURITY = CELL

    domain = models.ForeignKey(IdentityDomain, on_delete=models.PROTECT, related_name="+")
    number = models.CharField(max_length=100)
    regional = models.ForeignKey(
        RegionalIdentity, on_delete=models.PROTECT, related_name="identities"
    )
    state = models.CharField(max_length=6, choices=IdentityState, default=IdentityState.ACTIVE)
    # Into which identity of its domain it was merged: it then stands in the same group.
    survivor = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    # The record here, in the domain of Carbet.
    patient = models.OneToOneField(
        "patients.Patient", on_delete=models.PROTECT, null=True, related_name="+"
    )
    # False while only its number was told, by a message that came before its own.
    known = models.BooleanField(default=True)

    birth_family = models.CharField(max_length=100, blank=True)
    birth_given = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    used_family = models.CharField(max_length=100, blank=True)
    used_given = models.CharField(max_length=60, blank=True)
    gender = models.CharField(max_length=8, choices=Gender, default=Gender.UNKNOWN)
    birth_date = models.DateField(null=True)
    birth_date_precision = models.CharField(
        max_length=5, choices=DatePrecision, default=DatePrecision.DAY
    )
    birth_place_code = models.CharField(max_length=5, blank=True)
    birth_place_name = models.CharField(max_length=80, blank=True)
    address_line = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=10, blank=True)
    city = models.CharField(max_length=80, blank=True)
    phones = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    mother_name = models.CharField(max_length=160, blank=True)
    father_name = models.CharField(max_length=160, blank=True)
    deceased_on = models.DateField(null=True)
    # The two axes of the RNIV; the status is derived, never stored.
    ins_recovered = models.BooleanField(default=False)
    identity_checked = models.BooleanField(default=False)
    attributes = ArrayField(models.CharField(max_length=5), default=list, blank=True)
    # Those that the cell, or INSi, set: no message takes them away, the cell lifts them.
    marked = ArrayField(models.CharField(max_length=5), default=list, blank=True, db_default=[])

    # When its domain last said these traits: an older message never overwrites a newer one.
    said_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["domain", "number"], name="local_number_once"),
            models.CheckConstraint(
                condition=models.Q(state=IdentityState.ACTIVE, survivor__isnull=True)
                | models.Q(state=IdentityState.MERGED, survivor__isnull=False),
                name="merged_identity_has_a_survivor",
            ),
        ]
        indexes = [models.Index(fields=["number"], name="localidentity_number")]

    def __str__(self) -> str:
        return f"{self.domain_id}/{self.number}"

    @property
    def name(self) -> str:
        """How the person is named on screen."""
        given = self.used_given or (self.birth_given[0] if self.birth_given else "")
        return f"{given} {self.used_family or self.birth_family}".strip() or "Traits non reçus"

    @property
    def identity_status(self) -> IdentityStatus:
        return identity_status(
            ins_recovered=self.ins_recovered,
            identity_checked=self.identity_checked,
            attributes=self.attributes,
        )

    @property
    def keeps_attributes(self) -> bool:
        """Tell whether people alone take some away: theirs, or a collision that waits."""
        return bool(self.marked) or "COLP" in self.attributes

    @property
    def ins_may_leave(self) -> bool:
        """Tell whether its INS may be told outside (RNIV: of a qualified identity only)."""
        return ins_may_leave(self.identity_status, self.attributes)

    @property
    def traits(self) -> rules.Traits:
        """The traits as values, without their row; the INS is asked of `ins_of`."""
        values = {name: getattr(self, name) for name in rules.STORED_TRAITS}
        for name in ("birth_given", "phones", "attributes"):
            values[name] = tuple(values[name])
        return rules.Traits(**values)


class IdentitySearch(models.Model):
    """One row holds the hashed keys under which an identity is found again.

    Row security would make the index unusable: searches go through `identity_candidates()`.
    """

    ROW_SECURITY = CELL

    identity = models.OneToOneField(LocalIdentity, on_delete=models.PROTECT, primary_key=True)
    keys = ArrayField(models.IntegerField())

    class Meta:
        indexes = [GinIndex(fields=["keys"], name="identitysearch_keys", fastupdate=False)]


class IdentityIns(models.Model):
    """One row is an INS that an identity bears or bore (NIR or NIA), and until when."""

    ROW_SECURITY = CELL

    identity = models.ForeignKey(LocalIdentity, on_delete=models.PROTECT, related_name="ins")
    system = models.CharField(max_length=200)
    value = models.CharField(max_length=15)
    # How it came: INSi, the domain's message, a file.
    via = models.CharField(max_length=12, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["identity"],
                name="one_current_ins",
                condition=models.Q(until__isnull=True),
            )
        ]
        indexes = [models.Index(fields=["value"], name="identityins_value")]


class IdentityProof(models.Model):
    """One row says that an identity was checked against a document, which, when and by whom."""

    ROW_SECURITY = CELL

    identity = models.ForeignKey(LocalIdentity, on_delete=models.PROTECT, related_name="proofs")
    kind = models.CharField(max_length=5, choices=ProofKind)
    # Its last characters only: enough to know it again, too little to use it.
    number_end = models.CharField(max_length=4, blank=True)
    expires_on = models.DateField(null=True)
    checked_at = models.DateTimeField()
    checked_by_name = models.CharField(max_length=200)


class IdentityMark(models.Model):
    """One row says that the cell, or INSi, set an attribute, and by whom it was lifted."""

    ROW_SECURITY = CELL

    identity = models.ForeignKey(LocalIdentity, on_delete=models.PROTECT, related_name="marks")
    attribute = models.CharField(max_length=5, choices=Attribute)
    marked_at = models.DateTimeField()
    marked_by_name = models.CharField(max_length=200)
    reason = models.CharField(max_length=500, blank=True)
    # What a doubt took away: set by mistake, it comes back.
    was_recovered = models.BooleanField(default=False)
    was_checked = models.BooleanField(default=False)
    lifted_at = models.DateTimeField(null=True)
    lifted_by_name = models.CharField(max_length=200, blank=True)
    lifted_reason = models.CharField(max_length=500, blank=True)
    # Set wrongly, or true in its time.
    mistaken = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "attribute"],
                name="one_standing_mark",
                condition=models.Q(lifted_at__isnull=True),
            )
        ]


class Reconciliation(models.Model):
    """One row is a decision that moved identities: who, when, why, with which score. Append-only.

    Its undoing is a row of its own; nothing is undone twice.
    """

    ROW_SECURITY = CELL

    kind = models.CharField(max_length=8, choices=ReconciliationKind)
    decided_at = models.DateTimeField()
    decided_by_name = models.CharField(max_length=200)
    account_id = models.BigIntegerField(null=True)
    automatic = models.BooleanField(default=False)
    # The domain that asked for it by a message, if any.
    domain = models.ForeignKey(
        IdentityDomain, on_delete=models.PROTECT, null=True, related_name="+"
    )
    # When that domain said so: a message that comes late does not come back on a later one.
    said_at = models.DateTimeField(null=True)
    first = models.ForeignKey(LocalIdentity, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(LocalIdentity, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    weight = models.FloatField(null=True)
    probability = models.FloatField(null=True)
    explanation = models.JSONField(default=list)
    undoes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="undone_by"
    )
    # How many rows an undoing left where they were: somebody had moved them since.
    stayed = models.PositiveIntegerField(default=0, db_default=0)
    # Of the message or of the gesture: the same key twice is one decision.
    key = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key"], name="decision_once", condition=~models.Q(key="")
            )
        ]
        indexes = [models.Index(fields=["-decided_at", "-id"], name="reconciliation_latest")]


class Movement(models.Model):
    """One row is what a decision changed of one row of any table: its columns before and after."""

    ROW_SECURITY = CELL

    reconciliation = models.ForeignKey(
        Reconciliation, on_delete=models.PROTECT, related_name="movements"
    )
    table = models.CharField(max_length=63)
    row_id = models.BigIntegerField()
    before = models.JSONField()
    after = models.JSONField()

    class Meta:
        indexes = [models.Index(fields=["table", "row_id", "-id"], name="movement_of_row")]


@tracked
class Pair(models.Model):
    """One row is what people must look at: two identities, or one number given to two persons.

    Decided, it stays: identities said to be different are never linked by a machine again.
    """

    ROW_SECURITY = CELL

    first = models.ForeignKey(LocalIdentity, on_delete=models.PROTECT, related_name="+")
    # None for a number under which its domain told the traits of two persons.
    second = models.ForeignKey(LocalIdentity, on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=10, choices=PairKind)
    risk = models.SmallIntegerField()
    state = models.CharField(max_length=9, choices=PairState, default=PairState.OPEN)
    weight = models.FloatField(null=True)
    probability = models.FloatField(null=True)
    explanation = models.JSONField(default=list)
    # The traits told under a number that is already somebody else's.
    told = models.JSONField(null=True)
    told_at = models.DateTimeField(null=True)
    found_at = models.DateTimeField()
    # Who first said "the same", where a second agent must confirm.
    proposed_by_account = models.BigIntegerField(null=True)
    proposed_by_name = models.CharField(max_length=200, blank=True)
    proposed_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by_name = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    reconciliation = models.ForeignKey(
        Reconciliation, on_delete=models.PROTECT, null=True, related_name="+"
    )
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="pair_once"),
            models.UniqueConstraint(
                fields=["first"],
                name="collision_once_at_a_time",
                condition=models.Q(second__isnull=True, state="open"),
            ),
            models.CheckConstraint(
                condition=models.Q(second__isnull=True) | models.Q(first__lt=models.F("second")),
                name="pair_in_order",
            ),
        ]
        indexes = [
            models.Index(
                fields=["risk", "-probability", "id"],
                name="pair_worklist",
                condition=models.Q(state__in=["open", "proposed"]),
            ),
            models.Index(fields=["second"], name="pair_second"),
        ]


class DomainNotice(models.Model):
    """One row tells a domain what was decided about its identities, until it says it has seen."""

    ROW_SECURITY = CELL

    domain = models.ForeignKey(IdentityDomain, on_delete=models.PROTECT, related_name="+")
    identity = models.ForeignKey(LocalIdentity, on_delete=models.PROTECT, related_name="+")
    # The other number of the same domain that it speaks of, if any.
    other = models.ForeignKey(LocalIdentity, on_delete=models.PROTECT, null=True, related_name="+")
    reconciliation = models.ForeignKey(
        Reconciliation, on_delete=models.PROTECT, null=True, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=NoticeKind)
    noticed_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    seen_by_name = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["domain", "seen_at", "-id"], name="notice_of_domain")]


class MatchingMeasure(models.Model):
    """One row is what one set of weights does with decisions that it never learnt from, and with an
    invented territory. Append-only."""

    ROW_SECURITY = row_security.Open("counts, of no person")

    # Of the weights (`patients.MatchingModel`); empty for the shipped ones.
    digest = models.CharField(max_length=64, blank=True)
    measured_at = models.DateTimeField()
    # The invented territory: the same seed and size compare two models.
    seed = models.PositiveIntegerField()
    people = models.PositiveIntegerField()
    identities = models.PositiveIntegerField()
    # Pairs of one person; those that machines bring together, rightly and wrongly.
    true = models.PositiveIntegerField()
    right = models.PositiveIntegerField()
    false = models.PositiveIntegerField()
    # Questions to people; pairs of one person linked or asked about.
    asked = models.PositiveIntegerField()
    brought = models.PositiveIntegerField()
    twins = models.PositiveIntegerField()
    twins_linked = models.PositiveIntegerField()
    # Decisions of people: one person, of which linked by machine, and left apart; two persons, of
    # which linked by machine; those where the weights lean the same way.
    same = models.PositiveIntegerField()
    same_linked = models.PositiveIntegerField()
    same_apart = models.PositiveIntegerField()
    different = models.PositiveIntegerField()
    different_linked = models.PositiveIntegerField()
    agreed = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["digest", "-id"], name="matchingmeasure_last")]

    @property
    def rates(self) -> rules.Rates:
        """The measure as shares, with their intervals."""
        return rules.Rates(**{name: getattr(self, name) for name in rules.COUNTS})
