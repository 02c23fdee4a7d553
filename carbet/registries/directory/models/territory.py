"""Where things are, and what the codes of the offer mean."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from carbet.core import row_security
from carbet.registries.directory.choices import Source

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


class Term(models.Model):
    """One row is a code of a nomenclature that describes the offer, and the label it came with."""

    ROW_SECURITY = PUBLIC_FACTS

    # The short name of the code system: "TRE_R211-ActiviteOperationnelle".
    nomenclature = models.CharField(max_length=80)
    code = models.CharField(max_length=40)
    label = models.CharField(max_length=300)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["nomenclature", "code"], name="term_code"),
        ]

    def __str__(self) -> str:
        return self.label


class Sourced(models.Model):
    """What an imported row carries: from where it came last, when, and what our columns cannot say.

    `kept`: by source, the elements of its FHIR resource said more richly than our columns do, each
    as it came, with the fingerprint of what our columns then said. It is given back as it came
    while our columns still say the same.
    """

    # Empty: written here, by no import.
    source = models.CharField(max_length=12, choices=Source, blank=True, db_default="")
    identifiers = ArrayField(models.CharField(max_length=330), default=list, db_default=[])
    kept = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        abstract = True
