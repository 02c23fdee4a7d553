"""What is said to deposit a document."""

import uuid

from django import forms


class DepositForm(forms.Form):
    """The person was told, and does not oppose."""

    was_told = forms.BooleanField(
        label="La personne est informée de ce dépôt et ne s’y oppose pas",
        error_messages={
            "required": "Le dépôt demande que la personne soit informée et ne s’y oppose pas."
        },
    )
    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
