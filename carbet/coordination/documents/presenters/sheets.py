"""A sheet or a letter on paper: whom it is about, its parts, who signs it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.template.defaultfilters import date as format_date
from django.utils import timezone

from carbet.core import paper
from carbet.registries.patients.choices import DatePrecision
from carbet.registries.patients.models import Patient, PatientIdentifier

PAGE = Path(__file__).resolve().parent.parent / "templates" / "documents" / "sheet.typ"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sheet: lines "name, words", then paragraphs."""

    title: str = ""
    facts: Sequence[tuple[str, str]] = ()
    paragraphs: Sequence[str] = ()


def pdf(
    *,
    patient: Patient,
    ins: PatientIdentifier | None,
    title: str,
    author: str,
    now: datetime,
    parts: Iterable[Part],
    signed: str = "",
) -> bytes:
    """Return the sheet as a tagged, lasting PDF.

    Args:
        ins: the INS, when the identity lets it leave.
        signed: who signs, at the foot; a sheet is not signed.
    """
    local = timezone.localtime(now)
    said = {
        "title": title,
        "standing": f"{author}, le " + format_date(local, r"j F Y à G \h i"),
        "running": f"{title} · {patient.birth_family} {patient.first_given} · {_birth(patient)}",
        "demonstration": bool(getattr(settings, "DEMONSTRATION", False)),
        "person": _person(patient, ins),
        "parts": [
            {
                "title": part.title,
                "facts": [list(line) for line in part.facts],
                "paragraphs": list(part.paragraphs),
            }
            for part in parts
        ],
        "signed": signed,
        "year": local.year,
        "month": local.month,
        "day": local.day,
    }
    return paper.pdf(PAGE, "sheet", said)


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of what was typed."""
    return [each.strip() for each in text.replace("\r\n", "\n").split("\n") if each.strip()]


def _person(patient: Patient, ins: PatientIdentifier | None) -> list[list[str]]:
    used = " ".join(filter(None, (patient.used_given, patient.used_family)))
    lines = [
        ["Nom de naissance", patient.birth_family],
        ["Prénoms", ", ".join(patient.birth_given)],
        ["Nom utilisé", used],
        ["Date de naissance", _birth(patient)],
        ["Sexe", patient.get_gender_display()],
        ["INS", f"{ins.value} ({ins.type_code})" if ins is not None else ""],
    ]
    return [line for line in lines if line[1]]


def _birth(patient: Patient) -> str:
    form = {DatePrecision.YEAR: "Y", DatePrecision.MONTH: "m/Y"}
    return format_date(patient.birth_date, form.get(patient.birth_date_precision, "d/m/Y"))
