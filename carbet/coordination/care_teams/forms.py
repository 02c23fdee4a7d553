"""Shape of what is typed about a circle: registration, members, consent, exceptional entry."""

import uuid
from collections.abc import Iterable
from typing import Any

from django import forms

from carbet.coordination.care_teams.choices import (
    DATA_CATEGORY_CHOICES,
    Capacity,
    ConsentDecision,
    ConsentGiver,
    GlassReason,
    ParticipantRole,
    Relationship,
)
from carbet.core.actor import DataCategory
from carbet.registries.patients.forms import IdentityForm

MEMBER_ROLES = [
    (role.value, role.label)
    for role in (ParticipantRole.MEMBER, ParticipantRole.ATTENDING, ParticipantRole.COORDINATOR)
]
RELATIVE_ROLES = [
    (role.value, role.label)
    for role in (
        ParticipantRole.EMERGENCY_CONTACT,
        ParticipantRole.CAREGIVER,
        ParticipantRole.TRUSTED,
        ParticipantRole.NEXT_OF_KIN,
    )
]


class GestureForm(forms.Form):
    """A form that writes once, however often it is sent: it carries the key of one gesture."""

    gesture = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["gesture"].initial = uuid.uuid4


class ConsentForm(GestureForm):
    """What the person decided about sharing (CSP L1110-4, L1111-2)."""

    decision = forms.ChoiceField(
        label="Décision de la personne",
        choices=[
            (ConsentDecision.GIVEN, "Elle est d’accord pour que son cercle partage son dossier"),
            (ConsentDecision.OPPOSED, "Elle s’y oppose"),
        ],
        widget=forms.RadioSelect,
    )
    given_by = forms.ChoiceField(
        label="Qui a répondu",
        choices=ConsentGiver.choices,
        initial=ConsentGiver.PERSON,
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label="Précision",
        max_length=500,
        required=False,
        help_text="Par exemple : informée à domicile, avec sa fille ; document remis.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


PHONE = r"^\+?[\d .\-]{6,20}$"
PHONE_EXAMPLE = "Écrivez un numéro de téléphone, par exemple 0694 12 34 56."


class RegistrationForm(IdentityForm, ConsentForm):
    """A new person: traits, decision about sharing, and the place of whoever registers."""

    representative_given = forms.CharField(label="Prénom", max_length=100, required=False)
    representative_family = forms.CharField(label="Nom", max_length=100, required=False)
    representative_phone = forms.RegexField(
        PHONE,
        label="Téléphone",
        required=False,
        widget=forms.TextInput(attrs={"type": "tel"}),
        error_messages={"invalid": PHONE_EXAMPLE},
    )
    representative_capacity = forms.ChoiceField(
        label="Représente la personne comme",
        choices=[("", "Choisissez"), *Capacity.choices],
        required=False,
    )
    attending = forms.BooleanField(label="Je suis son médecin traitant", required=False)
    distinct = forms.BooleanField(
        label="J’ai vérifié : ce n’est aucune des personnes connues sous ces traits",
        required=False,
    )

    def __init__(self, *args: Any, is_doctor: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        if not is_doctor:
            del self.fields["attending"]

    def clean(self) -> dict[str, Any]:
        """Ask who answered when it was not the person alone."""
        data = super().clean() or self.cleaned_data
        asked = {"given": "prénom", "family": "nom", "phone": "numéro de téléphone"}
        if data.get("given_by") in (None, ConsentGiver.PERSON):
            return data
        for name, word in asked.items():
            field = f"representative_{name}"
            if not data.get(field) and field not in self.errors:
                self.add_error(field, f"Écrivez le {word} de qui a répondu ou a été consulté.")
        capacity = data.get("representative_capacity")
        if data["given_by"] == ConsentGiver.TRUSTED:
            data["representative_capacity"] = Capacity.TRUSTED.value
        elif capacity in ("", Capacity.TRUSTED):
            self.add_error(
                "representative_capacity",
                "Dites à quel titre : tutelle, autorité parentale, habilitation…",
            )
        return data

    @property
    def representative(self) -> dict[str, str] | None:
        """Who answered for the person, as columns of RelatedPerson, or nobody."""
        data = self.cleaned_data
        if data["given_by"] == ConsentGiver.PERSON:
            return None
        trusted = data["representative_capacity"] == Capacity.TRUSTED
        return {
            "given": data["representative_given"],
            "family": data["representative_family"],
            "phone": _dialled(data["representative_phone"]),
            "capacity": data["representative_capacity"],
            "role": ParticipantRole.TRUSTED.value if trusted else ParticipantRole.NEXT_OF_KIN.value,
            "relationship": "",
        }


class MemberForm(forms.Form):
    """A professional or a structure of the directory, and its role in the circle."""

    member = forms.RegexField(
        r"^(role|org)-\d{1,18}$",
        label="Professionnel ou structure",
        error_messages={
            "required": "Cherchez, puis choisissez un professionnel ou une structure.",
            "invalid": "Choisissez un professionnel ou une structure de la liste.",
        },
    )
    role = forms.ChoiceField(
        label="Rôle dans le cercle", choices=MEMBER_ROLES, initial=ParticipantRole.MEMBER
    )

    ask_first = forms.BooleanField(
        label="Lui demander d’abord : il accepte ou décline sous 14 jours",
        required=False,
        help_text="D’ici là il voit de qui il s’agit, et rien du dossier.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("ask_first") and str(data.get("member", "")).startswith("org-"):
            self.add_error("ask_first", "Seul un professionnel peut répondre à une invitation.")
        return data

    def chosen(self) -> tuple[str, int]:
        """Return what was chosen: "role" or "org", and its row number."""
        kind, _, number = self.cleaned_data["member"].partition("-")
        return kind, int(number)


class RelativeForm(GestureForm):
    """A relative or friend, how they are tied, and how to reach them."""

    given = forms.CharField(label="Prénom", max_length=100)
    family = forms.CharField(label="Nom", max_length=100)
    relationship = forms.ChoiceField(label="Lien", choices=Relationship.choices)
    role = forms.ChoiceField(label="Rôle", choices=RELATIVE_ROLES)
    phone = forms.RegexField(
        PHONE,
        label="Téléphone",
        widget=forms.TextInput(attrs={"type": "tel"}),
        error_messages={"invalid": PHONE_EXAMPLE},
    )
    capacity = forms.ChoiceField(
        label="Parle au nom de la personne",
        choices=[("", "Non"), *Capacity.choices],
        required=False,
        help_text="Si un juge, la loi ou la personne lui en donne le droit.",
    )

    def clean_phone(self) -> str:
        return _dialled(self.cleaned_data["phone"])


def _dialled(phone: str) -> str:
    """Return a number without the signs that people put to read it."""
    return "".join(sign for sign in phone if sign not in " .-")


class PortalForm(forms.Form):
    """Whose personal space to open, and the address of their account."""

    holder = forms.TypedChoiceField(
        label="Pour qui", coerce=int, empty_value=None, required=False, widget=forms.RadioSelect
    )
    email = forms.EmailField(
        label="Adresse de son compte personnel",
        help_text="Celle avec laquelle la personne se connecte.",
    )

    def __init__(self, *args: Any, relatives: Iterable[Any] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["holder"].choices = [  # type: ignore[attr-defined]
            ("", "La personne elle-même"),
            *((relative.pk, f"{relative}, proche") for relative in relatives),
        ]
        self.fields["holder"].initial = ""


class EndForm(forms.Form):
    """Why a member leaves."""

    reason = forms.ChoiceField(
        label="Motif",
        choices=[
            ("Fin de la prise en charge", "Fin de la prise en charge"),
            ("À la demande de la personne", "À la demande de la personne"),
            ("Remplacé par un autre professionnel", "Remplacé par un autre professionnel"),
            ("N’exerce plus ici", "N’exerce plus ici"),
            ("Ajouté par erreur", "Ajouté par erreur"),
        ],
        widget=forms.RadioSelect,
    )


class ScopeForm(forms.Form):
    """Which data the person opens to one member, and how they said so."""

    follows = forms.ChoiceField(
        label="Ce que ce membre lit",
        choices=[
            ("role", "Ce que son rôle demande"),
            ("chosen", "Ce que la personne a choisi, coché ci-dessous"),
        ],
        widget=forms.RadioSelect,
    )
    categories = forms.TypedMultipleChoiceField(
        label="Données ouvertes à ce membre",
        choices=DATA_CATEGORY_CHOICES,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Sans aucune case, il ne voit que l’identité, le cercle et les rendez-vous.",
    )
    note = forms.CharField(
        label="Comment la personne l’a fait savoir",
        max_length=200,
        help_text="Par exemple : dit à domicile, en présence de sa fille.",
    )

    @property
    def scope(self) -> DataCategory | None:
        if self.cleaned_data["follows"] == "role":
            return None
        return DataCategory(sum(self.cleaned_data["categories"]))


class AnswerForm(forms.Form):
    """What a guest answers to an invitation."""

    answer = forms.ChoiceField(choices=[("accept", "Accepter"), ("decline", "Décliner")])
    reason = forms.CharField(max_length=200, required=False)


class GlassForm(GestureForm):
    """Why someone outside the circle must enter."""

    reason = forms.ChoiceField(label="Motif", choices=GlassReason.choices, widget=forms.RadioSelect)
    explanation = forms.CharField(
        label="Explication",
        max_length=500,
        help_text="Une phrase : la situation, et pourquoi vous ne pouvez pas attendre.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ReviewForm(forms.Form):
    """What was thought of an exceptional entry."""

    verdict = forms.ChoiceField(
        label="Votre avis",
        choices=[("Justifié", "Justifié"), ("À signaler", "À signaler")],
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        label="Remarque", max_length=400, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    @property
    def note(self) -> str:
        data = self.cleaned_data
        return ". ".join(filter(None, (data["verdict"], data["comment"].strip())))
