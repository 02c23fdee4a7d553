"""What is typed in an assessment: its answers by question, its moment, why it is corrected."""

import uuid
from typing import Any

from django import forms
from django.http import QueryDict

from carbet.coordination.assessments.rules.definitions import Definition

OTHER = "-autre"
MOST_VALUES = 50


def read_answers(definition: Definition, posted: QueryDict) -> dict[str, list[Any]]:
    """Return what was typed, by linkId; nothing is judged yet."""
    found: dict[str, list[Any]] = {}
    for item in definition.asked:
        name = item.field_name
        values: list[Any] = posted.getlist(name)[:MOST_VALUES]
        if item.kind == "open-choice":
            other = posted.get(f"{name}{OTHER}", "").strip()
            values = [value for value in values if value != OTHER]
            if other:
                values.append({"text": other})
        found[item.link_id] = values
    return found


class GestureForm(forms.Form):
    """Which questionnaire is begun; one gesture begins one."""

    questionnaire = forms.IntegerField(min_value=1, max_value=2**62)
    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class SavingForm(forms.Form):
    """What goes with the answers: the version on screen, the moment, the reason of a correction."""

    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31)
    authored_at = forms.DateTimeField(
        label="Moment de l’évaluation",
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
        error_messages={"invalid": "Indiquez un jour et une heure."},
    )
    reason = forms.CharField(label="Motif de la correction", max_length=200, required=False)


class WithdrawalForm(forms.Form):
    """Why an assessment no longer counts."""

    reason = forms.CharField(
        label="Motif",
        max_length=200,
        error_messages={"required": "Dites pourquoi vous retirez cette évaluation."},
    )
