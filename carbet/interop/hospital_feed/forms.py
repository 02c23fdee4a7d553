"""Shapes of what an operator types about the feed."""

from django import forms


class AbandonForm(forms.Form):
    """Why a message is given up."""

    reason = forms.CharField(
        label="Raison",
        max_length=250,
        min_length=5,
        help_text="Gardée avec votre nom. N’écrivez aucun nom de personne.",
        error_messages={
            "required": "Dites en quelques mots pourquoi ce message est abandonné.",
            "min_length": "Dites en quelques mots pourquoi ce message est abandonné.",
            "max_length": "250 signes au plus.",
        },
    )


class MendForm(forms.Form):
    """Which field of a message is written anew, how and why."""

    place = forms.CharField(
        label="Champ à corriger",
        max_length=12,
        help_text="Le segment et le champ, par exemple ZBE-4.",
        error_messages={
            "required": "Indiquez le champ, par exemple ZBE-4.",
            "max_length": "Un segment et un champ, par exemple ZBE-4.",
        },
    )
    value = forms.CharField(
        label="Nouvelle valeur du champ entier",
        max_length=200,
        required=False,
        help_text="Vide pour effacer le champ. « ^ » sépare les composants.",
        error_messages={"max_length": "200 signes au plus."},
    )
    reason = forms.CharField(
        label="Raison",
        max_length=250,
        min_length=5,
        help_text="Gardée avec votre nom. N’écrivez aucun nom de personne.",
        error_messages={
            "required": "Dites en quelques mots pourquoi.",
            "min_length": "Dites en quelques mots pourquoi.",
            "max_length": "250 signes au plus.",
        },
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=30_000)


class RouteForm(forms.Form):
    """Which establishment a sender is."""

    facility = forms.CharField(
        label="Code de l’établissement émetteur",
        max_length=100,
        help_text="Tel qu’il est envoyé en MSH-4, par exemple CHC.",
        error_messages={"required": "Indiquez le code envoyé en MSH-4."},
    )
    application = forms.CharField(
        label="Application émettrice",
        max_length=100,
        required=False,
        help_text="MSH-3, seulement si un établissement en a plusieurs à distinguer.",
    )
    finess = forms.CharField(
        label="Numéro FINESS de la structure",
        max_length=9,
        help_text="9 caractères ; la structure doit être dans l’annuaire.",
        error_messages={
            "required": "Indiquez le numéro FINESS.",
            "max_length": "Un numéro FINESS a 9 caractères.",
        },
    )
    receipts_to = forms.CharField(
        label="Adresse de ses accusés métier",
        max_length=200,
        required=False,
        help_text="Où lui dire qu’un document est classé (ZAM), par exemple 10.1.2.3:2576.",
        error_messages={"max_length": "200 signes au plus."},
    )
    updates_to = forms.CharField(
        label="Adresse des identités croisées",
        max_length=200,
        required=False,
        help_text="Où lui dire que ses numéros sont rattachés autrement (ADT^A31, ITI-10).",
        error_messages={"max_length": "200 signes au plus."},
    )
    gesture = forms.UUIDField(widget=forms.HiddenInput)
