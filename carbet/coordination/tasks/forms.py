"""Shape of what is typed to ask for something and to answer."""

import uuid
from typing import Any

from django import forms

from carbet.coordination.care_teams.choices import DATA_CATEGORIES
from carbet.coordination.tasks.queries import Position
from carbet.core.actor import ALL_DATA


class TaskForm(forms.Form):
    """What is to do, by whom, by when."""

    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    text = forms.CharField(
        label="Ce qui est à faire",
        max_length=300,
        widget=forms.TextInput(attrs={"dir": "auto"}),
        help_text="Commencez par un verbe : « Renouveler l’ordonnance », « Rappeler sa fille ».",
    )
    owner = forms.ChoiceField(label="Demandé à")
    due_on = forms.DateField(
        label="Pour le",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    urgent = forms.BooleanField(label="Urgent : prévenir tout de suite", required=False)
    category = forms.TypedChoiceField(
        label="Nature de l’information",
        help_text="Qui la lit, en plus de la personne à qui vous la demandez.",
        coerce=int,
        empty_value=None,
        required=False,
    )

    def __init__(
        self,
        *args: Any,
        owners: list[tuple[str, str]],
        categories: int = ALL_DATA,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.fields["owner"].choices = owners
        said = [(int(each), label) for each, label in DATA_CATEGORIES.items() if each & categories]
        if len(said) < 2:
            del self.fields["category"]
        else:
            self.fields["category"].choices = said


class AnswerForm(forms.Form):
    """Done, refused, cancelled: with which words."""

    reason = forms.CharField(
        label="Un mot",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
        help_text="Obligatoire pour refuser.",
    )


class EntrustForm(forms.Form):
    """To whom else."""

    owner = forms.ChoiceField(label="Demander plutôt à")

    def __init__(self, *args: Any, owners: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["owner"].choices = owners


def write_position(position: Position | None) -> str:
    """Return the place in the list as an address carries it."""
    return f"{position.at}~{position.pk}" if position else ""


def read_position(text: str, *, moment: bool) -> Position | None:
    """Return the place that an address names, or None when it names none."""
    at, _, number = text.partition("~")
    if not number.isdecimal() or len(number) > 18:
        return None
    field = forms.DateTimeField() if moment else forms.DateField()
    try:
        parsed = field.clean(at)
    except forms.ValidationError:
        return None
    return Position(parsed.isoformat(), int(number))
