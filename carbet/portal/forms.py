"""Shape of what a person types at their own door, and of what the region says of a service."""

import uuid
from collections.abc import Iterable
from typing import Any

from django import forms

from carbet.coordination.documents.forms import ReceivedFilesField
from carbet.coordination.support.choices import RequestReason, Urgency
from carbet.coordination.support.forms import MAX_TEXT, LongTextField
from carbet.portal import queries
from carbet.portal.choices import DisruptionKind

_REASONS = [
    (RequestReason.HOME, "Vivre chez soi devient difficile"),
    (RequestReason.DISCHARGE, "Un retour de l’hôpital à préparer"),
    (RequestReason.CAREGIVER, "La personne qui aide n’en peut plus"),
    (RequestReason.COMPLEX, "Plusieurs maladies, plusieurs soignants"),
    (RequestReason.RIGHTS, "Des droits ou des papiers à ouvrir"),
    (RequestReason.ISOLATION, "Loin de tout, ou seul·e"),
    (RequestReason.OTHER, "Autre chose"),
]


class SupportForm(forms.Form):
    """What one needs help with, how soon, where to call back."""

    gesture = forms.UUIDField(widget=forms.HiddenInput)
    addressee = forms.TypedChoiceField(label="Équipe d’appui", coerce=int)
    reason = forms.ChoiceField(
        label="De quoi s’agit-il ?", choices=_REASONS, widget=forms.RadioSelect
    )
    text = LongTextField(
        label="Racontez avec vos mots",
        max_length=MAX_TEXT,
        help_text="Ce qui est difficile, ce qui aiderait. L’équipe vous rappellera.",
        widget=forms.Textarea(attrs={"rows": 6, "dir": "auto"}),
    )
    urgency = forms.ChoiceField(
        label="Pour quand ?",
        choices=Urgency.choices,
        initial=Urgency.ROUTINE,
        help_text="Danger immédiat : appelez le 15 ou le 112.",
        widget=forms.RadioSelect,
    )
    phone = forms.CharField(
        label="Numéro où vous rappeler",
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    files = ReceivedFilesField(label="Documents joints")
    agrees = forms.ChoiceField(
        label="La personne est-elle d’accord ?",
        choices=[
            ("person", "Oui, elle me l’a dit"),
            ("representative", "Je suis son représentant légal"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Demandez d’abord à la personne si elle est d’accord."},
    )

    def __init__(
        self,
        *args: Any,
        addressees: Iterable[tuple[int, str]],
        as_relative: bool,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        choices = list(addressees)
        self.fields["gesture"].initial = uuid.uuid4
        self.fields["addressee"].choices = choices
        if choices:
            self.fields["addressee"].initial = choices[0][0]
        if not as_relative:
            del self.fields["agrees"]


class MomentField(forms.DateTimeField):
    """A day and an hour, as a browser asks for them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
            **options,
        )
        self.error_messages["invalid"] = "Indiquez un jour et une heure."


class ChangeForm(forms.Form):
    """What is said of a disruption: in a line, in full, from when, until when."""

    title = forms.CharField(
        label="Titre",
        max_length=120,
        help_text="Ce que l’on constate, sans nommer personne : « Connexion impossible ».",
    )
    starts_at = MomentField(label="Du")
    ends_at = MomentField(
        label="Au",
        required=False,
        help_text="Pour un incident : le rétablissement espéré, si on le connaît.",
    )
    message = forms.CharField(
        label="Message",
        max_length=1000,
        required=False,
        help_text="Ce qui marche encore, comment faire en attendant, qui appeler.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)


class DeclarationForm(ChangeForm):
    """A disruption of one service."""

    service = forms.ChoiceField(label="Service")
    kind = forms.ChoiceField(
        label="De quoi s’agit-il ?",
        choices=[
            (DisruptionKind.INCIDENT, "Un incident, qui a commencé"),
            (DisruptionKind.MAINTENANCE, "Une maintenance prévue"),
        ],
        initial=DisruptionKind.INCIDENT,
        widget=forms.RadioSelect,
    )
    gesture = forms.UUIDField(widget=forms.HiddenInput)
    version = None  # type: ignore[assignment]
    field_order = ("service", "kind", "title", "starts_at", "ends_at", "message")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["gesture"].initial = uuid.uuid4
        self.fields["service"].choices = [  # type: ignore[attr-defined]
            ("", "Choisissez"),
            *queries.service_names().items(),
        ]


class EndForm(forms.Form):
    """What became of it."""

    outcome = forms.CharField(
        label="Ce qui s’est passé",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
