"""The plan on paper: a tagged, lasting PDF (PDF/A-2a, PDF/UA-1) that any reader can read aloud.

What people wrote goes to the page as text, never as instructions of the page.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.defaultfilters import date as format_date
from django.utils import timezone

from carbet.coordination.care_plans import presenters
from carbet.coordination.care_plans.queries import Plan, Version
from carbet.core import paper
from carbet.registries.patients.choices import DatePrecision
from carbet.registries.patients.models import Patient, PatientIdentifier

PAGE = Path(__file__).resolve().parent.parent / "templates" / "care_plans" / "plan.typ"


def sheet(
    *,
    patient: Patient,
    ins: PatientIdentifier | None,
    version: Version | None,
    draft: Plan | None = None,
) -> dict[str, Any]:
    """Return what the page says: an approved version, or the plan as it stands, as a draft."""
    if version is not None:
        content, today = version.content, timezone.localdate(version.approved_at)
        author, at = version.author, version.approved_at
    else:
        content, today = draft.content, draft.today
        author, at = str(draft.author), draft.updated_at
    return {
        "draft": version is None,
        "demonstration": bool(getattr(settings, "DEMONSTRATION", False)),
        "person": _person(patient, ins),
        "running": _running(patient),
        "version": f"Version {version.number}" if version else "Projet",
        "standing": f"Version {version.number}, approuvée le {_moment(version.approved_at)}"
        if version
        else f"Projet non approuvé, au {_moment(draft.updated_at)}",
        "facts": _facts(version, author, content.review_due_on),
        "comment": version.comment if version else "",
        "words": content.person_words,
        "agreed": _agreed(version, draft),
        "needs": [_need(need) for need in presenters.tree(content, today=today)],
        "year": at.year,
        "month": at.month,
        "day": at.day,
    }


def pdf(said: dict[str, Any]) -> bytes:
    """Return the PDF of a sheet."""
    return paper.pdf(PAGE, "plan", said)


def _person(patient: Patient, ins: PatientIdentifier | None) -> list[list[str]]:
    used = " ".join(filter(None, (patient.used_given, patient.used_family)))
    facts = [
        ["Nom de naissance", patient.birth_family],
        ["Prénoms", ", ".join(patient.birth_given)],
    ]
    if used:
        facts.append(["Nom utilisé", used])
    facts += [
        ["Date de naissance", _birth(patient)],
        ["Sexe", patient.get_gender_display()],
    ]
    if ins is not None:
        facts.append(["INS", f"{ins.value} ({ins.type_code})"])
    return facts


def _running(patient: Patient) -> str:
    """Return the identity that every page carries, so that a lost page finds its record."""
    used = f" ({patient.used_family})" if patient.born_name else ""
    return f"{patient.birth_family}{used} {patient.first_given} · {_birth(patient)}"


def _birth(patient: Patient) -> str:
    form = {DatePrecision.YEAR: "Y", DatePrecision.MONTH: "m/Y"}
    return format_date(patient.birth_date, form.get(patient.birth_date_precision, "d/m/Y"))


def _agreed(version: Version | None, draft: Plan | None) -> list[str]:
    """Return what the person said of this very text, and their words; nothing of another one."""
    said = version.agreement if version is not None else None
    if draft is not None and draft.is_agreed_as_it_stands:
        approved = draft.is_approved and version is not None
        if version is None or (approved and draft.latest.number == version.number):
            said = draft.agreement
    return [presenters.agreement_words(said), said.words] if said else []


def _facts(version: Version | None, author: str, review: date | None) -> list[list[str]]:
    facts = []
    if version is not None:
        approver = version.approved_by
        facts.append(["Approuvé par", f"{approver}, {approver.organization}"])
    if author:
        facts.append(["Rédigé par", author])
    if review:
        facts.append(["Révision prévue", _day(review)])
    return facts


def _need(need: presenters.NeedLines) -> dict[str, Any]:
    return {
        "text": need.text,
        "domain": need.domain,
        "goals": [
            {
                "text": goal.text,
                "target": goal.target,
                "target_on": f"avant le {_day(goal.target_on)}" if goal.target_on else "",
                "status": goal.label,
                "actions": [
                    [
                        action.text,
                        action.who or "À attribuer",
                        _rhythm(action),
                        format_date(action.due_on, "d/m/Y") if action.due_on else "–",
                        action.label,
                    ]
                    for action in goal.actions
                ],
            }
            for goal in need.goals
        ],
    }


def _rhythm(action: presenters.ActionLine) -> str:
    start = f"dès le {format_date(action.start_on, 'd/m/Y')}" if action.start_on else ""
    return ", ".join(filter(None, (action.frequency, start))) or "–"


def _day(on: date) -> str:
    return format_date(on, "j F Y") if on.day > 1 else format_date(on, "1\\e\\r F Y")


def _moment(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{_day(local.date())} à {local.hour} h {local.minute:02d}"
