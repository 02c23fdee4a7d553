"""Words that the guides CdL and MES share with the notebook: profiles, systems, codes, units."""

from decimal import Decimal

from carbet.coordination.notebook.choices import MeasureKind
from carbet.core import fhir
from carbet.core.sharing import Visibility

CDL = "https://interop.esante.gouv.fr/ig/fhir/cdl/StructureDefinition/"
NOTE = CDL + "cdl-document-reference"
IS_EMERGENCY = CDL + "cdl-ext-is-emergency"
NOTE_TYPES = fhir.nos("TRE_R234-TypeNote")
VISIBILITIES = fhir.nos("TRE_A07-StatusVisibiliteDocument")
# The same nomenclature, as other guides and CDA name it.
VISIBILITY_SYSTEMS = (
    VISIBILITIES,
    fhir.nos("TRE_A07-StatutVisibiliteDocument"),
    "urn:oid:1.2.250.1.213.1.1.4.13",
)
LABELS = {
    Visibility.PROFESSIONALS: ("INVISIBLE_PATIENT", "Non visible par le patient"),
    Visibility.CHOSEN: ("MASQUE_PS", "Masqué aux professionnels de santé"),
}

MES = "https://interop.esante.gouv.fr/ig/fhir/mesures/StructureDefinition/mesures-"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
PROFILES = {
    MeasureKind.BLOOD_PRESSURE: MES + "fr-observation-bp",
    MeasureKind.WEIGHT: MES + "fr-observation-body-weight",
    MeasureKind.HEART_RATE: MES + "fr-observation-heartrate",
    MeasureKind.TEMPERATURE: MES + "fr-observation-body-temperature",
    MeasureKind.OXYGEN: MES + "fr-observation-oxygen-sat",
    MeasureKind.RESPIRATION: MES + "fr-observation-resp-rate",
    MeasureKind.GLUCOSE: MES + "observation-glucose",
    MeasureKind.HBA1C: MES + "observation-hb1ac",
    MeasureKind.PAIN: MES + "observation-pain-severity",
    MeasureKind.HEIGHT: MES + "fr-observation-bodyheight",
    MeasureKind.WAIST: MES + "observation-waist-circumference",
    MeasureKind.HEAD: MES + "observation-head-circumference",
    MeasureKind.BMI: MES + "fr-observation-bmi",
}
# Systolic, then diastolic.
PRESSURES = ("8480-6", "8462-4")
# The code by which MES and the FHIR vital signs call what we call otherwise.
ALSO = {MeasureKind.OXYGEN: "2708-6", MeasureKind.HEAD: "9843-4"}
KINDS: dict[str, str] = {
    **{kind.value: kind.value for kind in MeasureKind},
    **{code: kind.value for kind, code in ALSO.items()},
    "55284-4": MeasureKind.BLOOD_PRESSURE.value,
    "41653-7": MeasureKind.GLUCOSE.value,
}
# What a value in another unit is multiplied by: mmol/L of glucose is 180.16 mg.
CONVERSIONS: dict[str, dict[str, Decimal]] = {
    MeasureKind.GLUCOSE: {"mg/dL": Decimal("0.01"), "mmol/L": Decimal("0.18016")},
    MeasureKind.WEIGHT: {"g": Decimal("0.001")},
    MeasureKind.HEIGHT: {"m": Decimal(100)},
    MeasureKind.WAIST: {"m": Decimal(100)},
    MeasureKind.HEAD: {"m": Decimal(100), "mm": Decimal("0.1")},
}
SAME_UNITS = {
    MeasureKind.HEART_RATE: ("{beats}/min", "{Beats}/min"),
    MeasureKind.RESPIRATION: ("{breaths}/min",),
    MeasureKind.PAIN: ("{score}",),
}


def is_laboratory(kind: str) -> bool:
    """Tell whether a measure is of the laboratory rather than a vital sign."""
    return kind in (MeasureKind.GLUCOSE, MeasureKind.HBA1C)
