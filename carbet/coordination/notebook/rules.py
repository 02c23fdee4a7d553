"""What is true of notes and measures: what is plausible, what is new, how numbers are written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from carbet.coordination.notebook.choices import MeasureKind
from carbet.core import names

MAX_TEXT = 20_000
# Clocks differ a little from one device to the next; beyond that, the moment is a mistake.
CLOCK_TOLERANCE = timedelta(minutes=10)

_NUMBER = re.compile(r"[+-]?[0-9]{1,6}(?:[.,][0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Scale:
    """How a value is written: its unit (UCUM, then French) and two pairs of bounds.

    Beyond `least` and `most`, which a body does not reach, a value is refused: a slip of the finger
    or of the unit. Beyond the `usual` ones it is kept once its writer has confirmed it.
    """

    label: str
    unit_code: str
    unit: str
    least: Decimal
    most: Decimal
    usual_least: Decimal
    usual_most: Decimal
    decimals: int = 0

    @property
    def range_text(self) -> str:
        """The bounds in words: « entre 30 et 250 /min »."""
        unit = "" if self.unit_code == "1" else f" {self.unit}"
        return f"entre {write_number(self.least)} et {write_number(self.most)}{unit}"


def _scale(label: str, unit_code: str, unit: str, *bounds: str, decimals: int = 0) -> Scale:
    least, usual_least, usual_most, most = map(Decimal, bounds)
    return Scale(label, unit_code, unit, least, most, usual_least, usual_most, decimals)


# Each line: least, usual least, usual most, most. Wide on purpose, from the newborn to the adult:
# they judge nobody's health. Units: UCUM, as MES 3.2.0 binds them (the code of pain is 1, "Level").
SCALES: dict[str, tuple[Scale, ...]] = {
    MeasureKind.BLOOD_PRESSURE: (
        _scale("Systolique", "mm[Hg]", "mmHg", "50", "80", "200", "280"),
        _scale("Diastolique", "mm[Hg]", "mmHg", "20", "40", "120", "180"),
    ),
    MeasureKind.HEART_RATE: (
        _scale("Fréquence cardiaque", "/min", "/min", "20", "40", "150", "250"),
    ),
    MeasureKind.TEMPERATURE: (
        _scale("Température", "Cel", "°C", "28", "35", "40.5", "44", decimals=1),
    ),
    MeasureKind.OXYGEN: (_scale("Saturation en oxygène", "%", "%", "40", "85", "100", "100"),),
    MeasureKind.RESPIRATION: (
        _scale("Fréquence respiratoire", "/min", "/min", "4", "8", "40", "90"),
    ),
    MeasureKind.GLUCOSE: (
        _scale("Glycémie capillaire", "g/L", "g/L", "0.1", "0.5", "4", "8", decimals=2),
    ),
    MeasureKind.WEIGHT: (_scale("Poids", "kg", "kg", "0.3", "2", "200", "400", decimals=2),),
    MeasureKind.PAIN: (_scale("Douleur", "1", "sur 10", "0", "0", "10", "10"),),
    MeasureKind.HEIGHT: (_scale("Taille", "cm", "cm", "25", "45", "210", "250", decimals=1),),
    MeasureKind.WAIST: (
        _scale("Tour de taille", "cm", "cm", "20", "40", "180", "250", decimals=1),
    ),
    MeasureKind.HEAD: (
        _scale("Périmètre crânien", "cm", "cm", "20", "30", "65", "75", decimals=1),
    ),
    MeasureKind.HBA1C: (_scale("Hémoglobine glyquée", "%", "%", "3", "4", "14", "20", decimals=1),),
    MeasureKind.BMI: (
        _scale("Indice de masse corporelle", "kg/m2", "kg/m²", "5", "10", "70", "120", decimals=1),
    ),
}
# A weight that moved by more than this share since the last one was, most often, mistyped.
_LARGE_CHANGE = Decimal("0.15")


def doubts(
    kind: str, values: tuple[Decimal | None, ...], *, last: Decimal | None = None
) -> dict[int, str]:
    """Return the sentence that asks to confirm each value of a measure, by rank: empty when usual.

    Args:
        last: the last value of a weight, to which this one is compared.
    """
    found = {}
    for rank, (scale, value) in enumerate(zip(SCALES[kind], values, strict=False)):
        if value is None:
            continue
        if not scale.usual_least <= value <= scale.usual_most:
            found[rank] = f"Valeur inhabituelle : {write_number(value)} {scale.unit}."
        elif kind == MeasureKind.WEIGHT and last and abs(value - last) > last * _LARGE_CHANGE:
            found[rank] = f"Le dernier poids noté était de {write_number(last)} kg."
    return found


def body_mass_index(weight: Decimal, height: Decimal) -> Decimal:
    """Return the body mass index (kg/m²) of a weight in kg and a height in cm, to one decimal."""
    return (weight * 10_000 / (height * height)).quantize(Decimal("0.1"))


def read_number(text: str) -> Decimal:
    """Return the number written with a comma or a point: "68,2", " 37.5 ".

    Raises:
        ValueError: it is not a plain number.
    """
    plain = text.strip()
    if _NUMBER.fullmatch(plain) is None:
        raise ValueError("not a number")
    return Decimal(plain.replace(",", "."))


def write_number(value: Decimal) -> str:
    """Return the number as French writes it, without idle zeros: "68,2", "140"."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace(".", ",")


def implausible(scale: Scale, value: Decimal) -> str:
    """Return the sentence that refuses the value on this scale, or nothing when it is plausible."""
    if not scale.least <= value <= scale.most:
        sentence = f"Valeur peu vraisemblable : attendu {scale.range_text}."
        if scale.unit_code == "mm[Hg]" and scale.least <= value * 10 <= scale.most:
            sentence += f" {write_number(value)} en cmHg s’écrit {write_number(value * 10)}."
        return sentence
    if value != round(value, scale.decimals):
        if scale.decimals == 0:
            return "Écrivez un nombre entier."
        return f"Au plus {scale.decimals} chiffre{'s' * (scale.decimals > 1)} après la virgule."
    return ""


def refusals(kind: str, values: tuple[Decimal | None, ...]) -> dict[int, str]:
    """Return the sentence that refuses each value of a measure, by rank: empty when plausible.

    Blood pressure is systolic then diastolic, both given, the first one higher.
    """
    scales = SCALES[kind]
    found: dict[int, str] = {}
    for rank, scale in enumerate(scales):
        value = values[rank] if rank < len(values) else None
        if value is None:
            found[rank] = f"Indiquez la valeur : {scale.label.lower()}."
        elif sentence := implausible(scale, value):
            found[rank] = sentence
    if kind == MeasureKind.BLOOD_PRESSURE and not found and values[0] <= values[1]:
        found[1] = "La diastolique doit être inférieure à la systolique."
    return found


def write_value(kind: str, value: Decimal, second_value: Decimal | None = None) -> str:
    """Return the value of a measure without its unit: "142/86", "68,2"."""
    if second_value is None:
        return write_number(value)
    return f"{write_number(value)}/{write_number(second_value)}"


def called(text: str, members: Mapping[str, tuple[str, str]]) -> set[str]:
    """Return the keys of those whom a text calls: "@Le Bihan", "@Yann Le Bihan", accents or not.

    Args:
        members: by key, the whole name and the family name (empty for a structure).
    """
    if "@" not in text:
        return set()
    said = [
        f"{names.comparison_form(part)} ".lower() for part in re.split("@", text[:MAX_TEXT])[1:]
    ]
    found = set()
    for key, variants in members.items():
        forms = [names.comparison_form(name).lower() for name in variants if name]
        if any(part.startswith(f"{form} ") for form in forms if form for part in said):
            found.add(key)
    return found


def is_too_late(occurred_at: datetime, *, now: datetime) -> bool:
    """Tell whether a moment lies in the future, the disagreement of clocks set aside."""
    return occurred_at > now + CLOCK_TOLERANCE


def is_new(*moments: datetime | None, since: datetime | None, own: bool = False) -> bool:
    """Tell whether something happened after the reader's previous visit.

    What one wrote oneself is never new; without a previous visit nothing is marked.
    """
    if since is None or own:
        return False
    return any(moment is not None and moment > since for moment in moments)
