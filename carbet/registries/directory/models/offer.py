"""The offer of care: places, services, when they open, and how many beds or places they have."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from carbet.registries.directory.choices import CapacityStatus
from carbet.registries.directory.models.organizations import Organization
from carbet.registries.directory.models.territory import PUBLIC_FACTS, Commune, Sourced


def _codes() -> ArrayField:
    """Return a column of codes of one nomenclature, whose labels are in `Term`."""
    return ArrayField(models.CharField(max_length=40), default=list, db_default=[])


class Location(Sourced):
    """One row is a place where care is given, with its equipment."""

    ROW_SECURITY = PUBLIC_FACTS

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, null=True)
    name = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=1000, blank=True)
    # TRE_R343: function of the place.
    function = models.CharField(max_length=8, blank=True)
    address_line = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=5, blank=True)
    city = models.CharField(max_length=100, blank=True)
    insee = models.CharField(max_length=5, blank=True)
    commune = models.ForeignKey(Commune, on_delete=models.PROTECT, null=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    # TRE_R212: specific equipment.
    equipment = _codes()
    phone = models.CharField(max_length=20, blank=True)
    active = models.BooleanField(default=True)
    region = models.CharField(max_length=2, blank=True)
    synthetic = models.BooleanField(default=False)

    class Meta:
        indexes = [
            GinIndex(fields=["identifiers"], name="location_identifiers"),
            GinIndex(fields=["equipment"], name="location_equipment"),
            models.Index(fields=["updated_at"], name="location_updated"),
        ]

    def __str__(self) -> str:
        return self.name or self.city


class HealthcareService(Sourced):
    """One row is a service that an organization offers at a place: what, for whom, how, when."""

    ROW_SECURITY = PUBLIC_FACTS

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True)
    name = models.CharField(max_length=200)
    activity = models.CharField(max_length=120, blank=True)
    comment = models.CharField(max_length=2000, blank=True)
    phone = models.CharField(max_length=20, blank=True, db_default="")
    # The address to write to, among its mailboxes that may be shown.
    secure_email = models.EmailField(blank=True, db_default="")
    # J20, TRE_R227: field of activity ("01" MCO).
    field = models.CharField(max_length=8, blank=True, db_default="")
    # J238, TRE_R244: type of offer.
    category = models.CharField(max_length=8, blank=True, db_default="")
    # TRE_R211: operational activities.
    activities = _codes()
    # TRE_R213: how the person is cared for (hospital stay, at home, consultation…).
    care_mode = models.CharField(max_length=8, blank=True, db_default="")
    # TRE_R240: for how long the person is received.
    temporality = models.CharField(max_length=8, blank=True, db_default="")
    # TRE_R338: on site, at home, by video…
    modalities = _codes()
    # TRE_R210: specific acts.
    acts = _codes()
    # TRE_R212: specific equipment of the service itself.
    equipment = _codes()
    # TRE_R350, TRE_R94, TRE_G15: professions that the service has.
    professions = _codes()
    # TRE_R243: specific competences.
    competences = _codes()
    # TRE_R245: what the care is specialised in.
    specialisations = _codes()
    # TRE_R239: public; ages in years.
    publics = _codes()
    age_low = models.PositiveSmallIntegerField(null=True)
    age_high = models.PositiveSmallIntegerField(null=True)
    # INSEE codes of the communes (or other divisions) served; empty: not said.
    zones = _codes()
    psychiatric_sectors = _codes()
    appointment_required = models.BooleanField(null=True)
    # ROR "unité sensible": what describes it is confidential, no system is told.
    sensitive = models.BooleanField(default=False, db_default=False)
    active = models.BooleanField(default=True)
    opened_on = models.DateField(null=True)
    closed_on = models.DateField(null=True)
    region = models.CharField(max_length=2, blank=True, db_default="")
    synthetic = models.BooleanField(default=False)

    class Meta:
        indexes = [
            GinIndex(fields=["identifiers"], name="service_identifiers"),
            GinIndex(fields=["activities"], name="service_activities"),
            GinIndex(fields=["acts"], name="service_acts"),
            GinIndex(fields=["publics"], name="service_publics"),
            models.Index(fields=["updated_at"], name="service_updated"),
        ]

    def __str__(self) -> str:
        return self.name


class OpeningHours(models.Model):
    """One row is a stretch of a weekday on which a service is open.

    A service without any row has not said when it opens: it is neither open nor closed.
    """

    ROW_SECURITY = PUBLIC_FACTS

    service = models.ForeignKey(HealthcareService, on_delete=models.CASCADE, related_name="hours")
    # ISO: 1 is Monday, 7 is Sunday.
    weekday = models.PositiveSmallIntegerField()
    # Both None: the whole day.
    opens_at = models.TimeField(null=True)
    closes_at = models.TimeField(null=True)
    valid_from = models.DateField(null=True)
    valid_until = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(weekday__gte=1, weekday__lte=7), name="hours_weekday"
            ),
        ]


class Closure(models.Model):
    """One row is a time when a service does not receive: from a day, until a day excluded."""

    ROW_SECURITY = PUBLIC_FACTS

    service = models.ForeignKey(
        HealthcareService, on_delete=models.CASCADE, related_name="closures"
    )
    starts_on = models.DateField(null=True)
    # The day on which it opens again; None: nobody knows.
    ends_on = models.DateField(null=True)
    reason = models.CharField(max_length=200, blank=True)


class Capacity(models.Model):
    """One row is a number of beds or places, and the moment at which it was true.

    Its parts are those of the ROR extension `ror-location-supported-capacity`: seven are mandatory
    there (type, status, temporality, number, source type, moment, temporary assignment).
    """

    ROW_SECURITY = PUBLIC_FACTS

    # None: of a place whose services have not come yet.
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, null=True)
    location = models.ForeignKey(
        Location, on_delete=models.PROTECT, null=True, related_name="capacities"
    )
    service = models.ForeignKey(
        HealthcareService, on_delete=models.PROTECT, null=True, related_name="capacities"
    )
    activity = models.CharField(max_length=80)
    # J187: bed or place.
    type = models.CharField(max_length=8, blank=True, db_default="")
    status = models.CharField(max_length=2, choices=CapacityStatus, default="01")
    # J189: full time, day, night…
    temporality = models.CharField(max_length=8, blank=True, db_default="")
    number = models.PositiveIntegerField()
    # J193: how the number was known.
    source_type = models.CharField(max_length=8, blank=True, db_default="")
    # In words: who said so.
    source = models.CharField(max_length=80)
    # J195: given for a time to another use.
    temporary_assignment = models.CharField(max_length=8, blank=True, db_default="")
    # J190, J191, J192, J194.
    gender = models.CharField(max_length=8, blank=True, db_default="")
    closing_type = models.CharField(max_length=8, blank=True, db_default="")
    additional_bed_type = models.CharField(max_length=8, blank=True, db_default="")
    crisis_type = models.CharField(max_length=8, blank=True, db_default="")
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["organization", "activity", "status"], name="capacity_place"),
        ]
