"""Persons cared for: strict and complementary traits, identifiers, keys to find them."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.history import tracked
from carbet.registries.patients import rules
from carbet.registries.patients.choices import (
    INS_DEMO,
    INS_SYSTEMS,
    INS_TEST,
    DatePrecision,
    Gender,
    IdentityStatus,
    Language,
)


@tracked
class Patient(models.Model):
    """One row is a person cared for, as known here (FHIR Patient, FR Core)."""

    ROW_SECURITY = row_security.Protected(column="id", read=Level.IDENTITY)

    birth_family = models.CharField(max_length=100)
    birth_given = ArrayField(models.CharField(max_length=60))
    used_family = models.CharField(max_length=100, blank=True)
    used_given = models.CharField(max_length=60, blank=True)
    gender = models.CharField(max_length=8, choices=Gender)
    birth_date = models.DateField()
    birth_date_precision = models.CharField(
        max_length=5, choices=DatePrecision, default=DatePrecision.DAY
    )
    # INSEE code of the commune or, from 99xxx, of the country; 99999 when unknown.
    birth_place_code = models.CharField(max_length=5, blank=True)
    birth_place_name = models.CharField(max_length=80, blank=True)
    # The two axes of the RNIV; the status is derived, never stored.
    ins_recovered = models.BooleanField(default=False)
    identity_checked = models.BooleanField(default=False)
    identity_attributes = ArrayField(models.CharField(max_length=5), default=list, blank=True)
    address_line = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=5, blank=True)
    city = models.CharField(max_length=80, blank=True)
    commune = models.ForeignKey("directory.Commune", on_delete=models.PROTECT, null=True)
    access_note = models.CharField(max_length=200, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    language = models.CharField(max_length=5, choices=Language, default=Language.FRENCH)
    needs_interpreter = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    deceased_on = models.DateField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(birth_given__len__gte=1), name="patient_has_a_given_name"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.used_given or self.birth_given[0]} {self.used_family or self.birth_family}"

    @property
    def identity_status(self) -> IdentityStatus:
        return rules.identity_status(
            ins_recovered=self.ins_recovered,
            identity_checked=self.identity_checked,
            attributes=self.identity_attributes,
        )

    @property
    def born_name(self) -> str:
        """The birth name, when the person uses another."""
        return self.birth_family if self.used_family not in ("", self.birth_family) else ""

    @property
    def first_given(self) -> str:
        return self.birth_given[0]


class PatientIdentifier(models.Model):
    """One row is an identifier of a person: INS, local number of a hospital, regional number."""

    ROW_SECURITY = row_security.Protected(read=Level.IDENTITY)

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="identifiers")
    system = models.CharField(max_length=200)
    value = models.CharField(max_length=100)
    type_code = models.CharField(max_length=16, blank=True)
    use = models.CharField(max_length=12, default="official")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "value"], name="identifier_once"),
        ]

    @property
    def is_ins(self) -> bool:
        return self.system in INS_SYSTEMS

    @property
    def label(self) -> str:
        """What the identifier is called on screen."""
        if self.is_ins:
            test = self.system in (INS_TEST, INS_DEMO)
            return "INS de test" if test else "INS"
        return self.type_code or self.system


class PatientSearch(models.Model):
    """One row holds the hashed keys under which a person is found (names, date, INS).

    Row security would make the index unusable: searches go through `patients_search()`.
    """

    ROW_SECURITY = row_security.Protected(read=Level.IDENTITY)

    patient = models.OneToOneField(Patient, on_delete=models.PROTECT, primary_key=True)
    keys = ArrayField(models.IntegerField())
    sort_key = models.CharField(max_length=120)

    class Meta:
        indexes = [
            GinIndex(fields=["keys"], name="patientsearch_keys", fastupdate=False),
            models.Index(fields=["sort_key", "patient"], name="patientsearch_order"),
        ]


class PatientTraits(models.Model):
    """One row is one writing of a person's identity, in its normal form, with hashed keys.

    Other writings of the same person share a key (`matching`). `source` is 0 for the traits kept
    here, and the number of a domain's own identity for what another establishment wrote. Searches
    go through `patients_candidates()`: row security would make the index unusable.
    """

    ROW_SECURITY = row_security.Protected(read=Level.IDENTITY)

    pk = models.CompositePrimaryKey("patient_id", "source")
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, db_index=False, related_name="writings"
    )
    source = models.BigIntegerField(default=0)
    keys = ArrayField(models.IntegerField())
    packed = models.TextField()

    class Meta:
        indexes = [
            GinIndex(fields=["keys"], name="patienttraits_keys", fastupdate=False),
        ]


class MatchingModel(models.Model):
    """One row is a set of weights of the matching that a territory learnt. It never changes."""

    ROW_SECURITY = row_security.Open("weights, and names that many bear: of no person")

    # SHA-256 of the weights: what they are called everywhere.
    digest = models.CharField(max_length=64, unique=True)
    raw = models.JSONField()
    learnt_at = models.DateTimeField()
    learnt_from = models.CharField(max_length=200)


class MatchingSwitch(models.Model):
    """One row puts weights into service, the shipped ones without digest. Append-only; the last
    counts for pages, machines and the night alike."""

    ROW_SECURITY = row_security.Open("which weights are in service: of no person")

    # Repeated here: every search reads it in its own statement.
    digest = models.CharField(max_length=64, blank=True)
    model = models.ForeignKey(MatchingModel, on_delete=models.PROTECT, null=True, related_name="+")
    switched_at = models.DateTimeField()
    switched_by_name = models.CharField(max_length=200)
    reason = models.CharField(max_length=500, blank=True)
    forced = models.BooleanField(default=False)
