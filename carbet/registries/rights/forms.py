"""Shape of what is typed to ask for a right, to answer, to review and to delegate."""

from datetime import datetime
from typing import Any

from django import forms

from carbet.core.identifiers import is_rpps
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.rights import queries
from carbet.registries.rights.choices import MONTHS, ReviewDecision


def months(label: str = "Pour") -> forms.TypedChoiceField:
    """Return the field that asks for how long."""
    return forms.TypedChoiceField(label=label, choices=MONTHS, coerce=int, initial=12)


class RegistrationForm(forms.Form):
    """Who asks, under which profession. Whoever is known is not asked their name again.

    Args:
        signed_in: with an account, whose address is known too.
        roles: those that the directory says of whoever was proven; None when nobody was.
    """

    given = forms.CharField(label="Prénom", max_length=100)
    family = forms.CharField(label="Nom d’exercice", max_length=100)
    email = forms.EmailField(
        label="Adresse électronique professionnelle",
        help_text="Elle servira à vous connecter. Un lien pour suivre votre demande y est envoyé.",
    )
    profession = forms.ChoiceField(label="Profession")
    rpps = forms.CharField(
        label="Numéro RPPS",
        max_length=20,
        required=False,
        help_text="11 chiffres, sur votre carte CPS. Il permet d’entrer avec Pro Santé Connect.",
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    words = forms.CharField(
        label="Un mot à la structure",
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(
        self,
        *args: Any,
        signed_in: bool = False,
        roles: list[PractitionerRole] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        choices = {each.code: each.label for each in queries.professions()}
        for role in roles or ():
            choices.setdefault(role.profession, role.profession_label)
        self.fields["profession"].choices = [("", "Choisissez"), *choices.items()]  # type: ignore[attr-defined]
        known = () if roles is None else ("given", "family", "rpps")
        for name in ("given", "family", "email", "rpps") if signed_in else known:
            del self.fields[name]
        if roles is not None:
            self.fields["email"].help_text = "Un lien pour suivre votre demande y est envoyé."

    def clean_rpps(self) -> str:
        said = "".join(str(self.cleaned_data["rpps"]).split())
        if said and not is_rpps(said):
            raise forms.ValidationError("Ce n’est pas un numéro RPPS : 11 chiffres, sans erreur.")
        return said


class ApprovalForm(forms.Form):
    """For how long, and whether they manage the rights of the structure too."""

    months = months()
    manages = forms.BooleanField(
        label="Gère aussi les habilitations de la structure", required=False
    )


class RefusalForm(forms.Form):
    """Why not."""

    reason = forms.CharField(
        label="Raison du refus",
        max_length=300,
        error_messages={"required": "Dites pourquoi : la personne lira cette raison."},
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="La personne la lira.",
    )


class ReviewForm(forms.Form):
    """For how long more."""

    months = months("Prolonger de")


class ReviewAllForm(forms.Form):
    """What is decided of each right shown: one choice a right, for how long those who stay."""

    months = months("Prolonger de")

    def decisions(self) -> dict[int, str]:
        """Return what was decided, by right; what is left for later is not there."""
        found: dict[int, str] = {}
        for name, said in self.data.items():
            number = name.removeprefix("droit-")
            if name == number or not number.isdecimal() or len(number) > 18:
                continue
            if said in ReviewDecision.values and len(found) < queries.REVIEWED:
                found[int(number)] = said
        return found


class EndForm(forms.Form):
    """Somebody left: nothing more to say."""


class WithdrawForm(forms.Form):
    """Why a right is withdrawn."""

    words = forms.CharField(
        label="Raison du retrait",
        max_length=200,
        error_messages={"required": "Dites pourquoi : la raison est gardée."},
    )


class RenewalForm(forms.Form):
    """How the manager made sure of who asks for a new access."""

    how = forms.CharField(
        label="Comment avez-vous reconnu la personne ?",
        max_length=200,
        error_messages={"required": "Dites comment vous avez reconnu la personne."},
        help_text="Par exemple : venue au bureau avec sa carte professionnelle.",
    )


class DelegationForm(forms.Form):
    """To whom, for how long."""

    delegate = forms.TypedChoiceField(label="Secrétaire", coerce=int)
    months = months()

    def __init__(self, *args: Any, delegates: list[PractitionerRole], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["delegate"].choices = [  # type: ignore[attr-defined]
            (role.pk, f"{role}{' (prolonger)' if role.acts else ''}")  # type: ignore[attr-defined]
            for role in delegates
        ]


class PasswordForm(forms.Form):
    """A first password, twice."""

    password = forms.CharField(
        label="Mot de passe",
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="12 caractères au moins ; une phrase se retient mieux.",
    )
    again = forms.CharField(
        label="Le même, encore une fois",
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("password") and data.get("again") and data["password"] != data["again"]:
            self.add_error("again", "Les deux mots de passe diffèrent.")
        return data


class ApplicationForm(forms.Form):
    """A regional application: its name, its door, where codes are sent."""

    name = forms.CharField(label="Nom de l’application", max_length=80)
    address = forms.URLField(
        label="Adresse de l’application", max_length=300, assume_scheme="https"
    )
    redirect_uri = forms.URLField(
        label="Adresse de retour (redirect_uri)", max_length=300, assume_scheme="https"
    )
    logout_uri = forms.URLField(
        label="Adresse prévenue des départs (backchannel_logout_uri)",
        max_length=300,
        assume_scheme="https",
        required=False,
        help_text="Carbet y dit aussitôt qu’une personne s’est déconnectée ou n’a plus d’accès.",
    )
    confirms = forms.BooleanField(
        label="Demander une confirmation à chaque entrée", required=False, initial=True
    )


def write_position(position: queries.Position | None) -> str:
    """Return the place in the list as an address carries it."""
    return f"{position.at.isoformat()}~{position.pk}" if position else ""


def read_position(text: str) -> queries.Position | None:
    """Return the place that an address names, or None when it names none."""
    at, _, number = text.replace(" ", "+").partition("~")
    if not number.isdecimal() or len(number) > 18:
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return queries.Position(moment, int(number)) if moment.tzinfo else None
