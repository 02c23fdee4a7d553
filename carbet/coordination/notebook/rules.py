"""What is true of notes and measures: what is plausible, what is new, how numbers are written."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from carbet.coordination.notebook.choices import MeasureKind

MAX_TEXT = 20_000
# Clocks differ a little from one device to the next; beyond that, the moment is a mistake.
CLOCK_TOLERANCE = timedelta(minutes=10)

_NUMBER = re.compile(r"[+-]?[0-9]{1,6}(?:[.,][0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Scale:
    """How a value is written: its unit (UCUM, then French) and the bounds that a body can reach."""

    label: str
    unit_code: str
    unit: str
    least: Decimal
    most: Decimal
    decimals: int = 0

    @property
    def range_text(self) -> str:
        """The bounds in words: « entre 30 et 250 /min »."""
        unit = "" if self.unit_code == "{score}" else f" {self.unit}"
        return f"entre {write_number(self.least)} et {write_number(self.most)}{unit}"


def _scale(
    label: str, unit_code: str, unit: str, least: str, most: str, decimals: int = 0
) -> Scale:
    return Scale(label, unit_code, unit, Decimal(least), Decimal(most), decimals)


# Bounds of plausibility, wide on purpose: they catch a slip of the finger or of the unit, and judge
# nobody's health. Units: UCUM, as MES 3.2.0 binds them.
SCALES: dict[str, tuple[Scale, ...]] = {
    MeasureKind.BLOOD_PRESSURE: (
        _scale("Systolique", "mm[Hg]", "mmHg", "50", "280"),
        _scale("Diastolique", "mm[Hg]", "mmHg", "20", "180"),
    ),
    MeasureKind.HEART_RATE: (_scale("Fréquence cardiaque", "/min", "/min", "20", "250"),),
    MeasureKind.TEMPERATURE: (_scale("Température", "Cel", "°C", "28", "44", 1),),
    MeasureKind.OXYGEN: (_scale("Saturation en oxygène", "%", "%", "40", "100"),),
    MeasureKind.GLUCOSE: (_scale("Glycémie capillaire", "g/L", "g/L", "0.1", "8", 2),),
    MeasureKind.WEIGHT: (_scale("Poids", "kg", "kg", "0.3", "400", 2),),
    MeasureKind.PAIN: (_scale("Douleur", "{score}", "sur 10", "0", "10"),),
}


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
