"""The regional directory: who works where, offers what, and how to reach them. Open facts."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Upper

from carbet.core import row_security
from carbet.core.actor import role_key
from carbet.registries.directory.choices import (
    Category,
    OrganizationKind,
    PracticeMode,
    Purpose,
)

PUBLIC_FACTS = row_security.Open("public facts of the directory")


class Commune(models.Model):
    """One row is a commune of the territory, by its INSEE code (never its postal code)."""

    ROW_SECURITY = PUBLIC_FACTS

    code = models.CharField(max_length=5, primary_key=True)
    name = models.CharField(max_length=80)
    postal_codes = models.JSONField(default=list)
    population = models.PositiveIntegerField(null=True)
    epci = models.CharField(max_length=80, blank=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    access = models.JSONField(default=list)
    river = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return self.name


class Organization(models.Model):
    """One row is an organization: a legal entity, or a site of one (`part_of`)."""

    ROW_SECURITY = PUBLIC_FACTS

    kind = models.CharField(
        max_length=20, choices=OrganizationKind, default=OrganizationKind.GEOGRAPHICAL
    )
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.OTHER)
    part_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="sites")
    name = models.CharField(max_length=200)
    finess = models.CharField(max_length=9, blank=True)
    # An identifier of another system, for what has no FINESS number.
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=100, blank=True)
    category_code = models.CharField(max_length=4, blank=True)
    category_label = models.CharField(max_length=120, blank=True)
    address_line = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=5, blank=True)
    commune = models.ForeignKey(Commune, on_delete=models.PROTECT, null=True)
    phone = models.CharField(max_length=20, blank=True)
    secure_email = models.EmailField(blank=True)
    active = models.BooleanField(default=True)
    synthetic = models.BooleanField(default=False)
    # The OAuth2 client that declared it, when no national directory did: to be checked.
    declared_by = models.CharField(max_length=100, blank=True, db_default="")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["finess", "kind"],
                name="organization_finess",
                condition=~models.Q(finess=""),
            ),
            models.UniqueConstraint(
                fields=["identifier_system", "identifier_value"],
                name="organization_identifier",
                condition=~models.Q(identifier_value=""),
            ),
        ]
        indexes = [
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="organization_name_trgm"),
        ]

    def __str__(self) -> str:
        return self.name


class HealthcareService(models.Model):
    """One row is a service that an organization offers at a site."""

    ROW_SECURITY = PUBLIC_FACTS

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    name = models.CharField(max_length=200)
    activity = models.CharField(max_length=120, blank=True)
    comment = models.CharField(max_length=500, blank=True)
    active = models.BooleanField(default=True)
    synthetic = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class Capacity(models.Model):
    """One row is a number of beds or places of an organization, and the day it was true."""

    ROW_SECURITY = PUBLIC_FACTS

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    activity = models.CharField(max_length=80)
    status = models.CharField(max_length=2, default="01")
    number = models.PositiveIntegerField()
    source = models.CharField(max_length=80)
    updated_on = models.DateField()


class Practitioner(models.Model):
    """One row is a professional as a person, whatever the roles held."""

    ROW_SECURITY = PUBLIC_FACTS

    # NULL, not empty: several professionals have no RPPS, and it is unique.
    rpps = models.CharField(max_length=11, null=True, unique=True)  # noqa: DJ001
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=100, blank=True)
    civility = models.CharField(max_length=10, blank=True)
    family = models.CharField(max_length=100)
    given = models.CharField(max_length=100)
    account = models.OneToOneField(
        "accounts.Account", on_delete=models.PROTECT, null=True, related_name="practitioner"
    )
    active = models.BooleanField(default=True)
    synthetic = models.BooleanField(default=False)
    search = models.CharField(max_length=220, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            GinIndex(fields=["search"], name="practitioner_search", opclasses=["gin_trgm_ops"])
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


class PractitionerRole(models.Model):
    """One row is a professional practising one profession in one organization, for a time."""

    ROW_SECURITY = PUBLIC_FACTS

    practitioner = models.ForeignKey(Practitioner, on_delete=models.PROTECT, related_name="roles")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="roles")
    # TRE_G15 for health professions, J48 otherwise.
    profession = models.CharField(max_length=12)
    profession_label = models.CharField(max_length=100)
    category = models.CharField(max_length=16, choices=Category)
    specialty = models.CharField(max_length=8, blank=True)
    specialty_label = models.CharField(max_length=120, blank=True)
    mode = models.CharField(max_length=1, choices=PracticeMode, default=PracticeMode.LIBERAL)
    secure_email = models.EmailField(blank=True)
    phone = models.CharField(max_length=20, blank=True)
    started_on = models.DateField(null=True)
    ended_at = models.DateTimeField(null=True)
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=100, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [models.Index(fields=["profession", "organization"], name="role_by_profession")]

    def __str__(self) -> str:
        return f"{self.practitioner}, {self.label}"

    @property
    def label(self) -> str:
        return self.specialty_label or self.profession_label

    @property
    def key(self) -> str:
        return role_key(self.pk)


class Delegation(models.Model):
    """One row lets one role act for another, as a secretary for a doctor, until it ends."""

    ROW_SECURITY = PUBLIC_FACTS

    delegator = models.ForeignKey(
        PractitionerRole, on_delete=models.PROTECT, related_name="delegations_given"
    )
    delegate = models.ForeignKey(
        PractitionerRole, on_delete=models.PROTECT, related_name="delegations_received"
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)


class SystemClient(models.Model):
    """One row ties an OAuth2 client to the organization whose software it is."""

    ROW_SECURITY = row_security.Open("read before any actor is known, by client id only")

    client_id = models.CharField(max_length=100, unique=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    name = models.CharField(max_length=100)
    active = models.BooleanField(default=True)
