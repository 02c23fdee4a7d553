"""Shape of what is typed at the desk."""

from typing import Any

from django import forms

from carbet.registries.identity.choices import SETTABLE, ProofKind
from carbet.registries.identity.queries import MOST_MONTHS

_UNWRITABLE = "Un signe de ce texte ne peut pas être gardé."


class ReasonField(forms.CharField):
    """Why, in one or two sentences, kept for ever."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=500, **{"label": "Pourquoi", **options})

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            raise forms.ValidationError(_UNWRITABLE)
        return str(text)


class DecisionForm(forms.Form):
    """What is decided on a pair, on the version that was read."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    verdict = forms.ChoiceField(
        choices=[("same", "Même personne"), ("different", "Personnes différentes")],
        error_messages={"required": "Dites si c’est la même personne, ou deux personnes."},
    )
    reason = ReasonField(required=False, help_text="Gardé avec la décision.")
    keep = forms.IntegerField(required=False)
    carried = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, entries: Any = (), **options: Any) -> None:
        super().__init__(*args, **options)
        carried: Any = self.fields["carried"]
        carried.choices = [(each.key, each.key) for each in entries]

    def carried_rows(self) -> list[tuple[str, int]]:
        """Return the chosen rows as (table, row)."""
        parts = (key.rsplit(":", 1) for key in self.cleaned_data["carried"])
        return [(table, int(row)) for table, row in parts]


class ReasonForm(forms.Form):
    """Why something is undone, doubted, separated."""

    reason = ReasonField()


class MarkForm(forms.Form):
    """An attribute to set, and why."""

    attribute = forms.ChoiceField(
        label="Attribut",
        choices=[(each.value, each.label) for each in SETTABLE],
        error_messages={"required": "Choisissez un attribut."},
    )
    reason = ReasonField(error_messages={"required": "Dites pourquoi : la raison est gardée."})

    def __init__(self, *args: Any, standing: Any = (), **options: Any) -> None:
        super().__init__(*args, **options)
        field: Any = self.fields["attribute"]
        field.choices = [each for each in field.choices if each[0] not in standing]


class LiftForm(forms.Form):
    """An attribute to lift, whether it was set wrongly, and why."""

    attribute = forms.ChoiceField(choices=[(each.value, each.label) for each in SETTABLE])
    mistaken = forms.BooleanField(required=False)
    reason = ReasonField(error_messages={"required": "Dites pourquoi : la raison est gardée."})


class ProofForm(forms.Form):
    """A document seen."""

    kind = forms.ChoiceField(label="Pièce", choices=ProofKind.choices)
    number_end = forms.CharField(
        label="Quatre derniers caractères du numéro", max_length=4, required=False
    )
    expires_on = forms.DateField(
        label="Valable jusqu’au", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


class FindForm(forms.Form):
    """A local number, an INS or a name."""

    q = ReasonField(
        label="Numéro local, INS, ou prénom et nom",
        help_text="Ajoutez la date de naissance (14/03/1951) ou l’année si vous l’avez.",
        error_messages={"required": "Tapez un numéro, un INS, ou un nom."},
    )


def months_back(text: str) -> int:
    """Return how many months before this one are asked; none when it is no such number."""
    asked = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    return min(asked, MOST_MONTHS - 1)
