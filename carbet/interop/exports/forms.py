"""What is said to ask for an export."""

import uuid

from django import forms


class ExportForm(forms.Form):
    """Why a record, or the territory, is taken out."""

    reason = forms.CharField(
        label="Pourquoi",
        max_length=200,
        help_text="Par exemple : la personne déménage et demande son dossier.",
    )
    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class TerritoryForm(ExportForm):
    """Why the territory is taken out."""

    reason = forms.CharField(
        label="Pourquoi",
        max_length=200,
        help_text="Par exemple : reprise des données par un autre système.",
    )
