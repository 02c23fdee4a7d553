"""Shape of what is typed about a living situation."""

from typing import Any

from django import forms

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
from carbet.registries.patients.choices import Language


def _several(label: str, choices: list[Any]) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, choices=choices, required=False, widget=forms.CheckboxSelectMultiple
    )


def _text(label: str, most: int, *, rows: int = 2, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=most,
        required=False,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": rows, "dir": "auto"}),
    )


def _one(label: str, choices: list[Any]) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=[("", "Non renseigné"), *choices], required=False)


class VersionedForm(forms.Form):
    """A form that says which version was on screen."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def said(self) -> dict[str, Any]:
        """Return what was typed, without the version."""
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}


class SituationForm(VersionedForm):
    """Home, way there, helpers, language, rights, aids, protection."""

    household = _one("Vit", Household.choices)
    housing = _one("Logement", Housing.choices)
    housing_note = _text("Précision sur le logement", 500)
    utilities = _several("Sur place", Utility.choices)
    reach = _several("Accès", Reach.choices)
    directions = _text(
        "Indications",
        500,
        help_text="Dégrad, portail, étage, qui appeler en arrivant.",
    )
    minutes = forms.IntegerField(
        label="Temps depuis le lieu de soins le plus proche",
        required=False,
        min_value=0,
        max_value=2880,
        help_text="En minutes.",
    )
    helpers = _text("Qui aide, et quand", 1000, rows=3)
    language = forms.ChoiceField(label="Langue parlée", choices=Language.choices)
    needs_interpreter = forms.BooleanField(label="A besoin d’un interprète", required=False)
    interpreter_note = forms.CharField(label="Qui peut traduire", max_length=200, required=False)
    rights = _several("Droits ouverts", Right.choices)
    rights_note = _text("Précision sur les droits", 500)
    aids = _several("Aides en place", Aid.choices)
    aids_note = _text("Précision sur les aides", 500)
    protection = _one("Protection juridique", Protection.choices)
    guardian_name = forms.CharField(
        label="Nom du curateur ou du tuteur", max_length=200, required=False
    )
    guardian_phone = forms.CharField(
        label="Son téléphone",
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )

    PARTS = (
        ("Domicile", ("household", "housing", "housing_note", "utilities")),
        ("Comment y aller", ("reach", "directions", "minutes")),
        ("Entourage et langue", ("helpers", "language", "needs_interpreter", "interpreter_note")),
        ("Droits et aides", ("rights", "rights_note", "aids", "aids_note")),
        ("Protection juridique", ("protection", "guardian_name", "guardian_phone")),
    )

    def parts(self) -> list[tuple[str, list[Any]]]:
        """Return the fields under the name of their part."""
        return [(title, [self[name] for name in names]) for title, names in self.PARTS]


class EmergencyForm(VersionedForm):
    """What an emergency must know at once."""

    allergies = _text("Allergies", 500)
    conditions = _text("Maladies et antécédents importants", 1000, rows=3)
    treatments = _text(
        "Traitements à connaître",
        1000,
        rows=3,
        help_text="Anticoagulant, insuline, morphine, antiépileptique…",
    )
    devices = _text("Matériel implanté ou indispensable", 500)
    instructions = _text("Conduite à tenir", 1000, rows=3)
    hospital = forms.CharField(label="Hôpital de référence", max_length=200, required=False)
    directives = forms.ChoiceField(label="Directives anticipées", choices=Directives.choices)
    directives_note = forms.CharField(label="Où elles se trouvent", max_length=500, required=False)
