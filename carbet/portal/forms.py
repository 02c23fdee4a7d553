"""Shape of what a person or a relative types at their own door."""

import uuid
from collections.abc import Iterable
from typing import Any

from django import forms

from carbet.coordination.documents.forms import ReceivedFilesField
from carbet.coordination.support.choices import RequestReason, Urgency
from carbet.coordination.support.forms import MAX_TEXT, LongTextField

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
