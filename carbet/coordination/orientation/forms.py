"""Shape of a search for whom to send a person to, and of an orientation."""

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django import forms

from carbet.coordination.orientation.choices import Kind, ReferralStatus, Way
from carbet.coordination.orientation.queries import MOST_PAGES, Facets, Options


class FacetSelect(forms.ChoiceField):
    """One facet: what is listed, and any other code that an address carries."""

    def valid_value(self, value: Any) -> bool:
        """Let any code in: what is not frequent enough to be listed can still be asked."""
        return len(str(value)) <= 40


@dataclass(frozen=True)
class Asked:
    """A search: words, from where, narrowed by facets."""

    text: str = ""
    origin: str = ""
    facets: Facets = field(default_factory=Facets)
    page: int = 1

    @property
    def values(self) -> dict[str, str]:
        """The search as its form writes it, what is empty left out."""
        facets = self.facets
        said = {
            "q": self.text,
            "depuis": self.origin,
            "quoi": facets.kind,
            "profession": facets.profession,
            "competence": facets.skill,
            "acte": facets.act,
            "equipement": facets.equipment,
            "public": facets.public,
            "commune": facets.commune,
            "acces": facets.way,
            "ouvert": "oui" if facets.open_now else "",
            "place": "oui" if facets.room else "",
            "messagerie": "oui" if facets.secure_mail else "",
        }
        return {name: value for name, value in said.items() if value}

    def address(self, **changes: str) -> str:
        """Return the query string of this search, with changes, from its first page."""
        values = self.values | changes
        return "?" + urlencode({name: value for name, value in values.items() if value})

    @property
    def previous(self) -> str:
        return self.address(page=str(self.page - 1)) if self.page > 1 else ""

    @property
    def next(self) -> str:
        return self.address(page=str(self.page + 1))

    @property
    def narrowed(self) -> int:
        """How many facets narrow it."""
        return len(self.values.keys() - {"q", "depuis"})

    def __bool__(self) -> bool:
        return bool(self.text or self.facets)


class SearchForm(forms.Form):
    """One box and its facets; a wrong facet is no facet."""

    q = forms.CharField(label="Que cherchez-vous ?", max_length=200, required=False)
    depuis = FacetSelect(label="Trajet depuis", required=False)
    quoi = forms.ChoiceField(label="Quoi", choices=[("", "Tout"), *Kind.choices], required=False)
    profession = FacetSelect(label="Profession", required=False)
    competence = FacetSelect(label="Compétence", required=False)
    acte = FacetSelect(label="Acte", required=False)
    equipement = FacetSelect(label="Équipement", required=False)
    public = FacetSelect(label="Public", required=False)
    commune = FacetSelect(label="Commune", required=False)
    acces = forms.ChoiceField(label="Trajet", choices=[("", "Tous"), *Way.choices], required=False)
    ouvert = forms.BooleanField(label="Ouvert maintenant", required=False)
    place = forms.BooleanField(label="Place disponible", required=False)
    messagerie = forms.BooleanField(label="Messagerie sécurisée", required=False)
    page = forms.IntegerField(min_value=1, max_value=MOST_PAGES, required=False)

    def __init__(self, *args: Any, options: Options, **further: Any) -> None:
        super().__init__(*args, **further)
        for name, first, choices in (
            ("depuis", "", options.communes),
            ("profession", "Toutes", options.professions),
            ("competence", "Toutes", options.skills),
            ("acte", "Tous", options.acts),
            ("equipement", "Tous", options.equipment),
            ("public", "Tous", options.publics),
            ("commune", "Toutes", options.communes),
        ):
            field: Any = self.fields[name]
            field.choices = [*([("", first)] if first else []), *choices]

    def asked(self, *, origin: str) -> Asked:
        """Return the search, each wrong part left out.

        Args:
            origin: from where one travels, when the form does not say it.
        """
        self.is_valid()
        data = getattr(self, "cleaned_data", {})
        return Asked(
            text=data.get("q", "").replace("\x00", "").strip(),
            origin=data.get("depuis") or origin,
            facets=Facets(
                kind=data.get("quoi", ""),
                profession=data.get("profession", ""),
                skill=data.get("competence", ""),
                act=data.get("acte", ""),
                equipment=data.get("equipement", ""),
                public=data.get("public", ""),
                commune=data.get("commune", ""),
                way=data.get("acces", ""),
                open_now=data.get("ouvert", False),
                room=data.get("place", False),
                secure_mail=data.get("messagerie", False),
            ),
            page=data.get("page") or 1,
        )

    @property
    def lists(self) -> list[forms.BoundField]:
        """The facets chosen in a list."""
        names = ("quoi", "profession", "competence", "acte", "equipement", "public", "commune")
        return [self[name] for name in names]

    @property
    def boxes(self) -> list[forms.BoundField]:
        """The facets that one ticks."""
        return [self[name] for name in ("ouvert", "place", "messagerie")]

    def criteria(self, asked: Asked) -> list[str]:
        """Say what narrows a search, as a sheet of paper shows it."""
        said = []
        for name, value in asked.values.items():
            field: Any = self.fields[name]
            if isinstance(field, forms.BooleanField):
                said.append(str(field.label))
            elif name not in ("q", "depuis"):
                said.append(f"{field.label} : {dict(field.choices).get(value, value)}")
        return said

    def filled(self, asked: Asked) -> "SearchForm":
        """Return the form filled with what was understood."""
        self.is_bound = False
        self.initial = dict(asked.values)
        return self


class ReferralForm(forms.Form):
    """Why the person is sent there."""

    reason = forms.CharField(
        label="Pourquoi",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
        help_text="Ce que le destinataire et le cercle doivent savoir. Reste dans le dossier.",
        error_messages={"required": "Dites pourquoi vous orientez cette personne."},
    )
    urgent = forms.BooleanField(label="Urgent : le cercle est alerté tout de suite", required=False)
    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class AnswerForm(forms.Form):
    """What became of an orientation."""

    status = forms.ChoiceField(
        label="Suite donnée",
        choices=[
            (value, label)
            for value, label in ReferralStatus.choices
            if value != ReferralStatus.ACTIVE
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Dites ce qu’il en est."},
    )
    comment = forms.CharField(
        label="Précision",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
        help_text="Par exemple : reçue le 12, liste d’attente de trois mois.",
    )
