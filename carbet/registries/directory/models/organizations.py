"""Organizations: legal entities, their sites and what is inside, and the software they run."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Upper

from carbet.core import row_security
from carbet.registries.directory.choices import OrganizationKind, Purpose
from carbet.registries.directory.models.territory import PUBLIC_FACTS, Commune, Sourced


class Organization(Sourced):
    """One row is a legal entity, a site of one, or a part of a site (`part_of`)."""

    ROW_SECURITY = PUBLIC_FACTS

    kind = models.CharField(
        max_length=24, choices=OrganizationKind, default=OrganizationKind.GEOGRAPHICAL
    )
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.OTHER)
    part_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="sites")
    name = models.CharField(max_length=200)
    alias = models.CharField(max_length=200, blank=True, db_default="")
    finess = models.CharField(max_length=9, blank=True)
    siret = models.CharField(max_length=14, blank=True, db_default="")
    # An identifier of another system, for what has no FINESS number.
    identifier_system = models.CharField(max_length=200, blank=True)
    identifier_value = models.CharField(max_length=100, blank=True)
    # TRE_R66: category of establishment.
    category_code = models.CharField(max_length=4, blank=True)
    category_label = models.CharField(max_length=120, blank=True)
    # TRE_R02: sector of activity, "SA01".
    sector = models.CharField(max_length=8, blank=True, db_default="")
    # TRE_R72: legal status.
    legal_status = models.CharField(max_length=8, blank=True, db_default="")
    address_line = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=5, blank=True)
    city = models.CharField(max_length=100, blank=True, db_default="")
    # The INSEE code as said; `commune` when it is of the territory.
    insee = models.CharField(max_length=5, blank=True, db_default="")
    commune = models.ForeignKey(Commune, on_delete=models.PROTECT, null=True)
    phone = models.CharField(max_length=20, blank=True)
    fax = models.CharField(max_length=20, blank=True, db_default="")
    email = models.CharField(max_length=254, blank=True, db_default="")
    # The address to write to, among its mailboxes that may be shown.
    secure_email = models.EmailField(blank=True)
    active = models.BooleanField(default=True)
    opened_on = models.DateField(null=True)
    closed_on = models.DateField(null=True)
    # ROR: region of the source, "03".
    region = models.CharField(max_length=2, blank=True, db_default="")
    synthetic = models.BooleanField(default=False)
    # The OAuth2 client that declared it, when no national directory did: to be checked.
    declared_by = models.CharField(max_length=100, blank=True, db_default="")

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
            GinIndex(fields=["identifiers"], name="organization_identifiers"),
            models.Index(fields=["updated_at"], name="organization_updated"),
        ]

    def __str__(self) -> str:
        return self.name


class SystemClient(models.Model):
    """One row ties an OAuth2 client to the organization whose software it is."""

    ROW_SECURITY = row_security.Open("read before any actor is known, by client id only")

    client_id = models.CharField(max_length=100, unique=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    name = models.CharField(max_length=100)
    active = models.BooleanField(default=True)
