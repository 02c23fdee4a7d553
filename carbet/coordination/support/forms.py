"""Shape of what is typed to ask for support and to answer."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict

from carbet.coordination.care_teams.choices import ConsentGiver
from carbet.coordination.support.choices import RequestReason, RequestStatus, Urgency
from carbet.coordination.support.queries import Position
from carbet.core.identifiers import from_short_id, short_id

MAX_TEXT = 4000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The tabs of the list, as its address names them.
TABS = {
    "a-etudier": RequestStatus.SUBMITTED,
    "acceptees": RequestStatus.ACCEPTED,
    "reorientees": RequestStatus.REDIRECTED,
    "retirees": RequestStatus.WITHDRAWN,
}


class LongTextField(forms.CharField):
    """A text of several lines, whose end of line counts as one sign."""

    def to_python(self, value: Any) -> str:
        return super().to_python(str(value or "").replace("\r\n", "\n").replace("\r", "\n"))


class RequestForm(forms.Form):
    """Who is asked, why, how soon; and the agreement of the person when none is recorded."""

    gesture = forms.UUIDField(widget=forms.HiddenInput)
    addressee = forms.TypedChoiceField(label="Équipe d’appui", coerce=int)
    reason = forms.ChoiceField(
        label="Motif principal", choices=RequestReason.choices, widget=forms.RadioSelect
    )
    urgency = forms.ChoiceField(
        label="Réponse attendue",
        choices=list(reversed(Urgency.choices)),
        initial=Urgency.ROUTINE,
        widget=forms.RadioSelect,
    )
    text = LongTextField(
        label="Situation et besoins",
        max_length=MAX_TEXT,
        help_text="Ce que l’équipe doit savoir pour décider : ce qui a changé, ce qui est en place,"
        " ce que souhaite la personne.",
        widget=forms.Textarea(attrs={"rows": 6, "dir": "auto"}),
    )
    given_by = forms.ChoiceField(
        label="Accord donné par",
        choices=ConsentGiver.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Recueillez l’accord de la personne, et dites qui l’a donné."},
    )
    consent_note = forms.CharField(
        label="Précision sur l’accord",
        max_length=500,
        required=False,
        help_text="Par exemple : donné à domicile, en présence de sa fille.",
    )

    def __init__(
        self,
        *args: Any,
        addressees: Iterable[tuple[int, str]],
        asks_consent: bool,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        choices = list(addressees)
        self.fields["gesture"].initial = uuid.uuid4
        self.fields["addressee"].choices = choices
        if choices:
            self.fields["addressee"].initial = choices[0][0]
        if not asks_consent:
            del self.fields["given_by"], self.fields["consent_note"]


class RedirectionForm(forms.Form):
    """Towards whom, and why."""

    reason = LongTextField(
        label="Vers qui s’adresser, et pourquoi",
        max_length=1000,
        help_text="Le demandeur lira ce texte. Rien n’est transmis à votre place.",
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
    )


class CloseForm(forms.Form):
    """Why support ends."""

    reason = LongTextField(
        label="Pourquoi l’appui s’arrête",
        max_length=500,
        help_text="Par exemple : objectifs atteints, déménagement, relais pris par le service"
        " social.",
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )


class SearchForm(forms.Form):
    """What is looked for in the list; it travels in the body, never in the address."""

    q = forms.CharField(label="Nom de la personne ou du demandeur", max_length=100, required=False)


def write_position(position: Position) -> str:
    """Return the place of a request as an address carries it."""
    moment = (position.at - _EPOCH) // timedelta(microseconds=1)
    return f"{position.rank}-{moment}-{short_id(position.pk)}"


def read_position(query: QueryDict) -> Position | None:
    """Return the place after which the page starts, or None when the address has none."""
    parts = query.get("suite", "").split("-")
    try:
        rank, moment, number = parts
        at = _EPOCH + timedelta(microseconds=int(moment))
        return Position(int(rank) % 10, at, from_short_id(number))
    except (ValueError, OverflowError):
        return None
