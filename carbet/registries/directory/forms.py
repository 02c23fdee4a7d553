"""Shape of a search in the directory."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms

from carbet.registries.directory.choices import Purpose
from carbet.registries.directory.queries import MOST_PAGES, Facets

PROFESSIONALS, STRUCTURES = "professionnels", "structures"


@dataclass(frozen=True)
class Asked:
    """What is searched: words, narrowed by commune and by profession or kind."""

    text: str = ""
    structures: bool = False
    profession: str = ""
    purpose: str = ""
    commune: str = ""
    page: int = 1

    def address(self, **changes: Any) -> str:
        """Return the query string of this search, with changes."""
        values = {
            "quoi": STRUCTURES if self.structures else PROFESSIONALS,
            "q": self.text,
            "profession": self.profession,
            "genre": self.purpose,
            "commune": self.commune,
            "page": self.page if self.page > 1 else "",
        } | changes
        return "?" + urlencode({name: value for name, value in values.items() if value})

    @property
    def previous(self) -> str:
        return self.address(page=self.page - 1) if self.page > 1 else ""

    @property
    def next(self) -> str:
        return self.address(page=self.page + 1)

    @property
    def professionals_address(self) -> str:
        return self.address(quoi=PROFESSIONALS, genre="", page="")

    @property
    def structures_address(self) -> str:
        return self.address(quoi=STRUCTURES, profession="", page="")


class SearchForm(forms.Form):
    """Words and filters; a wrong filter is no filter."""

    quoi = forms.ChoiceField(
        choices=[(PROFESSIONALS, "Professionnels"), (STRUCTURES, "Structures")],
        required=False,
        widget=forms.HiddenInput,
    )
    q = forms.CharField(
        label="Nom, profession, structure ou commune", max_length=100, required=False
    )
    profession = forms.ChoiceField(label="Profession", required=False)
    genre = forms.ChoiceField(
        label="Genre de structure", choices=[("", "Tous"), *Purpose.choices], required=False
    )
    commune = forms.ChoiceField(label="Commune", required=False)
    page = forms.IntegerField(min_value=1, max_value=MOST_PAGES, required=False)

    def __init__(self, *args: Any, facets: Facets, **options: Any) -> None:
        super().__init__(*args, **options)
        professions = self.fields["profession"]
        professions.choices = [("", "Toutes"), *facets.professions]  # type: ignore[attr-defined]
        communes = self.fields["commune"]
        communes.choices = [  # type: ignore[attr-defined]
            ("", "Toute la Guyane"),
            *((commune.code, commune.name) for commune in facets.communes),
        ]

    def asked(self) -> Asked:
        """Return the search, each wrong part left out."""
        self.is_valid()
        data = getattr(self, "cleaned_data", {})
        return Asked(
            text=data.get("q", "").strip(),
            structures=data.get("quoi") == STRUCTURES,
            profession=data.get("profession", ""),
            purpose=data.get("genre", ""),
            commune=data.get("commune", ""),
            page=data.get("page") or 1,
        )
