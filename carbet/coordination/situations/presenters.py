"""What pages and the emergency sheet show of a living situation, in words."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import TextChoices

from carbet.coordination.care_teams.presenters import Circle
from carbet.coordination.documents.presenters import sheets
from carbet.coordination.situations.choices import (
    Aid,
    Directives,
    Household,
    Housing,
    Protection,
    Reach,
    Right,
    Utility,
)
from carbet.coordination.situations.models import EmergencyInformation, Situation
from carbet.core.templatetags.carbet import phone

S = TypeVar("S", Situation, EmergencyInformation)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing said: its name, its words, and for a telephone the number to call."""

    term: str
    text: str
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the situation, with what was said in it."""

    title: str
    icon: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Besides:
    """What another record of the person said, and who wrote it there."""

    lines: tuple[Line, ...]
    author: str
    at: datetime


def parts(situation: Situation | None, *, language: str, interpreter: bool) -> list[Part]:
    """Return what was said of a situation, part by part, without those of which nothing is known.

    Args:
        language: the label of the language that the person speaks.
    """
    spoken = f"{language}, avec un interprète" if interpreter else language
    if situation is None:
        return [Part("Entourage et langue", "people", (Line("Langue", spoken),))]
    said = situation
    found = [
        Part(
            "Domicile",
            "home",
            _lines(
                ("Vit", _label(Household, said.household)),
                ("Logement", _join(_label(Housing, said.housing), said.housing_note)),
                ("Sur place", _labels(Utility, said.utilities)),
            ),
        ),
        Part(
            "Comment y aller",
            "boat" if Reach.RIVER in said.reach else "pin",
            _lines(
                ("Accès", _labels(Reach, said.reach)),
                ("Indications", said.directions),
                (
                    "Temps depuis le lieu de soins",
                    f"{said.minutes} min" if said.minutes is not None else "",
                ),
            ),
        ),
        Part(
            "Entourage et langue",
            "people",
            _lines(
                ("Qui aide", said.helpers),
                ("Langue", _join(spoken, said.interpreter_note)),
            ),
        ),
        Part(
            "Droits et aides",
            "shield",
            _lines(
                ("Droits ouverts", _join(_labels(Right, said.rights), said.rights_note)),
                ("Aides en place", _join(_labels(Aid, said.aids), said.aids_note)),
            ),
        ),
        Part(
            "Protection juridique",
            "lock",
            (
                *_lines(("Protection juridique", _label(Protection, said.protection))),
                *(
                    (Line("Curateur ou tuteur", said.guardian_name, said.guardian_phone),)
                    if said.guardian_name or said.guardian_phone
                    else ()
                ),
            ),
        ),
    ]
    return [part for part in found if part.lines]


def emergency_lines(said: EmergencyInformation | None) -> tuple[Line, ...]:
    """Return what an emergency must know, in the order in which it matters."""
    if said is None:
        return ()
    directives = (
        _join(_label(Directives, said.directives), said.directives_note)
        if said.directives != Directives.UNKNOWN
        else said.directives_note
    )
    return _lines(
        ("Allergies", said.allergies),
        ("Conduite à tenir", said.instructions),
        ("Maladies et antécédents", said.conditions),
        ("Traitements", said.treatments),
        ("Matériel", said.devices),
        ("Directives anticipées", directives),
        ("Hôpital de référence", said.hospital),
    )


def situation_besides(others: Iterable[Situation], known: Situation | None) -> list[Besides]:
    """Return what other records said of how the person lives, but what this one says as well."""
    return _besides(others, known, _all_lines)


def emergency_besides(
    others: Iterable[EmergencyInformation], known: EmergencyInformation | None
) -> list[Besides]:
    """Return what other records said for an emergency, but what this one says as well."""
    return _besides(others, known, emergency_lines)


def _besides(
    others: Iterable[S], known: S | None, lines_of: Callable[[S], tuple[Line, ...]]
) -> list[Besides]:
    shown = lines_of(known) if known else ()
    found = [
        Besides(
            tuple(line for line in lines_of(other) if line not in shown),
            other.updated_by_name,
            other.updated_at,
        )
        for other in others
    ]
    return [besides for besides in found if besides.lines]


def _all_lines(situation: Situation) -> tuple[Line, ...]:
    """Return what was said of a situation, without what the identity says (language)."""
    said = parts(situation, language="", interpreter=False)
    return tuple(line for part in said for line in part.lines)


def _lines(*said: tuple[str, str]) -> tuple[Line, ...]:
    return tuple(Line(term, text) for term, text in said if text)


def _label(choices: type[TextChoices], code: str) -> str:
    return str(choices(code).label) if code else ""


def _labels(choices: type[TextChoices], codes: Iterable[str]) -> str:
    held = set(codes)
    said = [str(each.label) for each in choices if each in held]
    return ", ".join(said[:1] + [f"{label[0].lower()}{label[1:]}" for label in said[1:]])


def _join(*said: str) -> str:
    return " · ".join(filter(None, said))


def on_paper(
    urgent: Iterable[Line], parts: Iterable[Part], circle: Circle, *, besides: Iterable[Besides]
) -> list[sheets.Part]:
    """Return the emergency sheet as it is set on paper: what is urgent first, then whom to call."""
    lines = [(line.term, line.text) for line in urgent]
    call = [
        (
            member.role_label or member.profession or "Proche",
            f"{member.name} {phone(member.phone)}".strip(),
        )
        for member in (*circle.relatives, *circle.professionals)
    ]
    home = [
        (line.term, f"{line.text} {phone(line.phone)}".strip())
        for part in parts
        for line in part.lines
    ]
    others = [
        (line.term, f"{line.text} {phone(line.phone)}".strip() + f" ({each.author})")
        for each in besides
        for line in each.lines
    ]
    found = [
        sheets.Part(
            "À savoir en urgence", facts=lines, paragraphs=[] if lines else ["Rien n’est noté."]
        ),
        sheets.Part("Qui appeler", facts=call),
        sheets.Part("Domicile, accès, entourage, droits", facts=home),
        sheets.Part("Dit dans un autre dossier de la même personne", facts=others),
    ]
    return [part for part in found if part.facts or part.paragraphs]
