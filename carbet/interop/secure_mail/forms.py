"""Shapes of what is typed about secure mail."""

import uuid

from django import forms

from carbet.interop.secure_mail.models import Mailbox

_OWNERS = [("role", "Ma boîte personnelle"), ("structure", "La boîte de ma structure")]


class MailboxForm(forms.Form):
    """A mailbox to declare, or whose password changes."""

    owner = forms.ChoiceField(label="Titulaire", choices=_OWNERS)
    address = forms.EmailField(
        label="Adresse sécurisée",
        max_length=254,
        help_text="L’adresse MSSanté. Déclarée à nouveau, elle change de mot de passe.",
        error_messages={
            "required": "Indiquez l’adresse de la boîte.",
            "invalid": "Cette adresse n’est pas complète.",
        },
    )
    server = forms.ChoiceField(label="Opérateur", required=False)
    username = forms.CharField(
        label="Identifiant", max_length=254, required=False,
        help_text="Vide : l’adresse elle-même.",
    )  # fmt: skip
    password = forms.CharField(
        label="Mot de passe", max_length=200, required=False, strip=False,
        help_text="Scellé, jamais montré.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(
        self, *data: object, servers: list[tuple[str, str]], manages: bool, **options: object
    ) -> None:
        super().__init__(*data, **options)  # type: ignore[arg-type]
        self.fields["server"].choices = servers  # type: ignore[attr-defined]
        if not manages:
            self.fields["owner"].choices = _OWNERS[:1]  # type: ignore[attr-defined]


class ReasonForm(forms.Form):
    """Why a mail is put apart or sent back."""

    decision = forms.ChoiceField(
        label="Décision",
        choices=[("return", "Retourner à l’expéditeur"), ("quarantine", "Mettre en quarantaine")],
    )
    reason = forms.CharField(
        label="Raison",
        max_length=300,
        help_text="Gardée avec votre nom ; un retour la montre à l’expéditeur.",
        error_messages={"required": "Dites pourquoi, en 5 à 300 signes."},
    )


class SendForm(forms.Form):
    """To whom a document leaves, and from which mailbox."""

    mailbox = forms.ModelChoiceField(
        label="De", queryset=Mailbox.objects.none(), empty_label=None,
        error_messages={
            "required": "Choisissez une de vos boîtes.",
            "invalid_choice": "Choisissez une de vos boîtes.",
        },
    )  # fmt: skip
    circle = forms.MultipleChoiceField(
        label="Au cercle", required=False, widget=forms.CheckboxSelectMultiple
    )
    recipients = forms.CharField(
        label="Autres adresses",
        required=False,
        max_length=2000,
        help_text="Des boîtes de l’annuaire MSSanté, séparées par un espace ou une virgule.",
    )
    to_patient = forms.BooleanField(label="La personne, dans Mon espace santé", required=False)
    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(
        self,
        *data: object,
        mailboxes: list[Mailbox],
        circle: list[tuple[str, str]],
        person: bool,
        **options: object,
    ) -> None:
        super().__init__(*data, **options)  # type: ignore[arg-type]
        field = self.fields["mailbox"]
        field.queryset = Mailbox.objects.filter(  # type: ignore[attr-defined]
            pk__in=[each.pk for each in mailboxes]
        )
        self.fields["circle"].choices = circle  # type: ignore[attr-defined]
        if not circle:
            del self.fields["circle"]
        if not person:
            del self.fields["to_patient"]

    def addresses(self) -> list[str]:
        """Return every address chosen or typed."""
        typed = self.cleaned_data["recipients"].replace(",", " ").replace(";", " ").split()
        return [*self.cleaned_data.get("circle", []), *typed]
