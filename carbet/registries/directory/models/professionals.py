"""Professionals: the persons, the roles they practise in, those who act for them."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from carbet.core.actor import role_key
from carbet.registries.directory.choices import Category, PracticeMode
from carbet.registries.directory.models.offer import HealthcareService
from carbet.registries.directory.models.organizations import Organization
from carbet.registries.directory.models.territory import PUBLIC_FACTS, Sourced


class Practitioner(Sourced):
    """One row is a professional as a person, whatever the roles held."""

    ROW_SECURITY = PUBLIC_FACTS

    # NULL, not empty: several professionals have no RPPS, and it is unique.
    rpps = models.CharField(max_length=11, null=True, unique=True)  # noqa: DJ001
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=100, blank=True)
    civility = models.CharField(max_length=10, blank=True)
    family = models.CharField(max_length=100)
    given = models.CharField(max_length=100)
    # TRE_G15 or TRE_R94, as the national directory says; a role says its own.
    profession = models.CharField(max_length=12, blank=True, db_default="")
    # Diplomas, profession, savoir-faire: [{"codes": [[nomenclature, code], …], "start", "end"}].
    qualifications = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    # "nomenclature|code" of every qualification.
    qualification_codes = ArrayField(models.CharField(max_length=120), default=list, db_default=[])
    account = models.OneToOneField(
        "accounts.Account", on_delete=models.PROTECT, null=True, related_name="practitioner"
    )
    active = models.BooleanField(default=True)
    synthetic = models.BooleanField(default=False)
    search = models.CharField(max_length=220, blank=True)

    class Meta:
        indexes = [
            GinIndex(fields=["search"], name="practitioner_search", opclasses=["gin_trgm_ops"]),
            models.Index(fields=["updated_at"], name="practitioner_updated"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["identifier_system", "identifier_value"],
                name="practitioner_identifier",
                condition=~models.Q(identifier_value=""),
            ),
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.civility, self.given, self.family)))


class PractitionerRole(Sourced):
    """One row is a professional practising one profession in one organization, for a time."""

    ROW_SECURITY = PUBLIC_FACTS

    practitioner = models.ForeignKey(Practitioner, on_delete=models.PROTECT, related_name="roles")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="roles")
    # ROR: the offer in which the professional works.
    healthcare_service = models.ForeignKey(
        HealthcareService, on_delete=models.SET_NULL, null=True, related_name="roles"
    )
    # TRE_G15 for health professions, J48 otherwise.
    profession = models.CharField(max_length=12)
    profession_label = models.CharField(max_length=100)
    category = models.CharField(max_length=16, choices=Category)
    # TRE_R38: the first savoir-faire; `skills` has them all.
    specialty = models.CharField(max_length=8, blank=True)
    specialty_label = models.CharField(max_length=120, blank=True)
    skills = ArrayField(models.CharField(max_length=12), default=list, db_default=[])
    # TRE_R23.
    mode = models.CharField(
        max_length=1, choices=PracticeMode, default=PracticeMode.LIBERAL, blank=True
    )
    # TRE_R22 kind of activity, TRE_R21 function, TRE_R24 type of liberal activity.
    activity_kind = models.CharField(max_length=12, blank=True, db_default="")
    function = models.CharField(max_length=12, blank=True, db_default="")
    liberal_activity = models.CharField(max_length=12, blank=True, db_default="")
    # None: not said.
    home_visits = models.BooleanField(null=True)
    # INSEE codes of the communes where the professional goes; empty: not said.
    zones = ArrayField(models.CharField(max_length=8), default=list, db_default=[])
    secure_email = models.EmailField(blank=True)
    phone = models.CharField(max_length=20, blank=True)
    started_on = models.DateField(null=True)
    ended_at = models.DateTimeField(null=True)
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=100, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["profession", "organization"], name="role_by_profession"),
            models.Index(
                fields=["identifier_value"],
                name="role_identifier",
                condition=~models.Q(identifier_value=""),
            ),
            models.Index(fields=["updated_at"], name="role_updated"),
        ]

    def __str__(self) -> str:
        return f"{self.practitioner}, {self.label}"

    @property
    def label(self) -> str:
        return self.specialty_label or self.profession_label

    @property
    def key(self) -> str:
        return role_key(self.pk)


class Delegation(models.Model):
    """One row lets one role act for another, as a secretary for a doctor, for a time.

    It always ends, and opens nothing while its giver may not work (`rights.holding_delegations`).
    """

    ROW_SECURITY = PUBLIC_FACTS

    delegator = models.ForeignKey(
        PractitionerRole, on_delete=models.PROTECT, related_name="delegations_given"
    )
    delegate = models.ForeignKey(
        PractitionerRole, on_delete=models.PROTECT, related_name="delegations_received"
    )
    started_at = models.DateTimeField()
    # Exclusive.
    ended_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ended_at__gte=models.F("started_at")), name="delegation_period"
            ),
        ]
