"""What is said to deposit a document, and to look a person up in the shared record."""

import uuid
from typing import Any

from django import forms

from carbet.interop.shared_record.rules import Mode


class DepositForm(forms.Form):
    """The person was told, and does not oppose."""

    was_told = forms.BooleanField(
        label="La personne est informée de ce dépôt et ne s’y oppose pas",
        error_messages={
            "required": "Le dépôt demande que la personne soit informée et ne s’y oppose pas."
        },
    )
    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class ConsultForm(forms.Form):
    """How the record is entered; an emergency says why."""

    mode = forms.ChoiceField(
        label="À quel titre",
        choices=Mode.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Dites à quel titre vous ouvrez ce DMP."},
    )
    reason = forms.CharField(
        label="Motif de l’urgence",
        required=False,
        max_length=200,
        help_text="Seulement en urgence. Le motif est transmis au DMP et gardé dans les traces.",
    )

    def clean(self) -> dict[str, Any]:
        """Ask why where the person could not be asked."""
        given = super().clean() or {}
        if given.get("mode") != Mode.GLASS:
            given["reason"] = ""
        elif not given.get("reason"):
            self.add_error("reason", "Dites en quoi c’est une urgence.")
        return given


class SearchForm(forms.Form):
    """What is looked for among the documents found; the rest of the page comes along."""

    entered = forms.CharField(widget=forms.HiddenInput, max_length=2000)
    q = forms.CharField(label="Titre, type ou auteur", required=False, max_length=100)
    page = forms.IntegerField(required=False, min_value=1, max_value=100)


class TakeForm(forms.Form):
    """One document that was found."""

    entry = forms.CharField(max_length=4000)
