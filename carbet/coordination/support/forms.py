"""Shape of what is typed to ask for support and to answer."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from carbet.coordination.care_teams.choices import ConsentGiver
from carbet.coordination.documents.forms import ReceivedFilesField
from carbet.coordination.support import rules
from carbet.coordination.support.choices import (
    CaseStatus,
    Contact,
    Outcome,
    RequestReason,
    RequestSource,
    RequestStatus,
    Urgency,
)
from carbet.coordination.support.queries import Position
from carbet.core.identifiers import from_short_id, short_id

MAX_TEXT = 4000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The tabs of the list, as its address names them.
TABS = {
    "a-etudier": RequestStatus.SUBMITTED,
    "a-completer": RequestStatus.INCOMPLETE,
    "acceptees": RequestStatus.ACCEPTED,
    "reorientees": RequestStatus.REDIRECTED,
    "retirees": RequestStatus.WITHDRAWN,
}


# The tabs of the caseload.
CASE_TABS = {
    "ouverts": CaseStatus.ACTIVE,
    "suspendus": CaseStatus.ON_HOLD,
    "clos": CaseStatus.FINISHED,
}


class DayField(forms.DateField):
    """A day, as a browser asks for it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **options
        )
        self.error_messages["invalid"] = "Indiquez un jour : jj/mm/aaaa."


class LongTextField(forms.CharField):
    """A text of several lines, whose end of line counts as one sign."""

    def to_python(self, value: Any) -> str:
        return super().to_python(str(value or "").replace("\r\n", "\n").replace("\r", "\n"))


def _agreement(**options: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Accord donné par",
        choices=ConsentGiver.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Recueillez l’accord de la personne, et dites qui l’a donné."},
        **options,
    )


def _note_of_agreement() -> forms.CharField:
    return forms.CharField(
        label="Précision sur l’accord",
        max_length=500,
        required=False,
        help_text="Par exemple : donné à domicile, en présence de sa fille.",
    )


class RequestForm(forms.Form):
    """Whose request it is, who is asked, why, how soon; the agreement when none is recorded."""

    gesture = forms.UUIDField(widget=forms.HiddenInput)
    source = forms.ChoiceField(
        label="Qui demande",
        choices=[
            (RequestSource.PROFESSIONAL, "Moi"),
            (RequestSource.STRUCTURE, "Ma structure"),
            (RequestSource.RELATIVE, "Un proche, qui m’en parle"),
            (RequestSource.PERSON, "La personne, qui m’en parle"),
        ],
        initial=RequestSource.PROFESSIONAL,
        required=False,
        widget=forms.RadioSelect,
    )
    requester_name = forms.CharField(
        label="Nom du proche, et son lien", max_length=200, required=False
    )
    requester_phone = forms.CharField(
        label="Numéro où rappeler",
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )
    authored_on = DayField(label="Demande faite le", required=False)
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
    files = ReceivedFilesField(label="Documents joints")
    given_by = _agreement()
    consent_note = _note_of_agreement()

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


class TriageForm(forms.Form):
    """What makes the situation complex: each factor says how much it weighs."""

    factors = forms.MultipleChoiceField(
        label="Ce qui rend la situation complexe",
        choices=[(factor.code, factor.label) for factor in rules.FACTORS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    note = LongTextField(
        label="Précision",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )

    def groups(self) -> list[tuple[str, list[tuple[rules.Factor, bool]]]]:
        """Return the factors under the name of their group, each with whether it is ticked."""
        chosen = set(self["factors"].value() or ())
        found: dict[str, list[tuple[rules.Factor, bool]]] = {}
        for factor in rules.FACTORS:
            found.setdefault(factor.group, []).append((factor, factor.code in chosen))
        return list(found.items())


class AskForm(forms.Form):
    """What the team needs to know before it answers."""

    text = LongTextField(
        label="Ce qui manque",
        max_length=2000,
        help_text="Le demandeur lira ce texte. Le délai s’arrête jusqu’à sa réponse.",
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
    )


class CompleteForm(forms.Form):
    """What the requester answers."""

    text = LongTextField(
        label="Votre réponse",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
    )
    files = ReceivedFilesField(label="Documents joints")


class AcceptForm(forms.Form):
    """Who confirmed the agreement, when only the requester had said so."""

    given_by = _agreement(required=False)
    consent_note = _note_of_agreement()


class ContactForm(forms.Form):
    """When the first contact was made, and with whom."""

    on = DayField(label="Jour")
    at = forms.TimeField(
        label="Heure",
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        error_messages={"invalid": "Indiquez une heure : hh:mm."},
    )
    contact = forms.ChoiceField(
        label="Avec qui",
        choices=Contact.choices,
        initial=Contact.PERSON,
        widget=forms.RadioSelect,
    )
    note = forms.CharField(label="Précision", max_length=500, required=False)

    def moment(self) -> datetime:
        """Return the moment said, on the clock of the territory."""
        said = datetime.combine(self.cleaned_data["on"], self.cleaned_data["at"])
        return timezone.make_aware(said)


class HandOverForm(forms.Form):
    """To whom a case is entrusted, and what they must know."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)
    coordinator = forms.TypedChoiceField(label="Confier à", coerce=int)
    reason = LongTextField(
        label="Ce que la suite doit savoir",
        max_length=500,
        help_text="Où en est la situation, ce qui est promis, qui rappeler.",
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
    )

    def __init__(self, *args: Any, coordinators: Iterable[tuple[int, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["coordinator"].choices = [("", "Choisir…"), *coordinators]


class SuspendForm(forms.Form):
    """Why support pauses, and until when."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)
    reason = LongTextField(
        label="Pourquoi l’appui est suspendu",
        max_length=500,
        help_text="Par exemple : séjour à l’hôpital, voyage, souhait de la personne.",
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    resume_on = DayField(
        label="Reprise prévue le",
        required=False,
        help_text="Laissez vide si personne ne le sait encore.",
    )


class ReopenForm(forms.Form):
    """Why support goes on again, and the agreement of the person, asked anew."""

    reason = LongTextField(
        label="Pourquoi l’appui reprend",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    given_by = _agreement()
    consent_note = _note_of_agreement()


class CaseloadForm(forms.Form):
    """Whose cases are shown."""

    coordination = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class CloseForm(forms.Form):
    """Why support ends, and what it came to."""

    version = forms.IntegerField(
        widget=forms.HiddenInput, required=False, min_value=1, max_value=2**31 - 1
    )
    outcome = forms.ChoiceField(label="Issue", choices=Outcome.choices, widget=forms.RadioSelect)
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
