"""Shape of what whoever keeps a structure's page sends."""

from collections.abc import Iterable, Sequence
from datetime import time
from typing import Any

from django import forms

from carbet.core.identifiers import is_rpps
from carbet.registries.directory.models import HealthcareService, OpeningHours
from carbet.registries.offer.choices import WEEKDAYS
from carbet.registries.offer.queries import Bed

_NUMBER = {"inputmode": "numeric", "autocomplete": "off"}
_AGE = forms.NumberInput(attrs=_NUMBER)


class BedsForm(forms.Form):
    """How many are free now, a line each."""

    def __init__(self, *args: Any, beds: Sequence[Bed], **options: Any) -> None:
        super().__init__(*args, **options)
        self.beds = beds
        for bed in beds:
            attributes = _NUMBER | {"class": "input bed-input"}
            if bed.installed is not None:
                attributes["max"] = bed.installed
            self.fields[bed.key] = forms.IntegerField(
                label=bed.activity,
                min_value=0,
                initial=bed.available,
                widget=forms.NumberInput(attrs=attributes),
                error_messages={
                    "required": "Donnez un nombre, 0 s’il n’y a pas de place.",
                    "invalid": "Un nombre entier, sans lettre.",
                    "min_value": "0 au moins.",
                },
            )

    @property
    def lines(self) -> list[tuple[Bed, forms.BoundField]]:
        return [(bed, self[bed.key]) for bed in self.beds]


class InstallForm(forms.Form):
    """Beds or places that a service has."""

    service = forms.ChoiceField(label="Service")
    activity = forms.CharField(
        label="Lits ou places de", max_length=80, help_text="Par exemple : hébergement temporaire."
    )
    installed = forms.IntegerField(
        label="Installés", min_value=0, max_value=5000, widget=forms.NumberInput(attrs=_NUMBER)
    )
    available = forms.IntegerField(
        label="Libres maintenant",
        min_value=0,
        max_value=5000,
        widget=forms.NumberInput(attrs=_NUMBER),
    )

    def __init__(self, *args: Any, services: Iterable[HealthcareService], **options: Any) -> None:
        super().__init__(*args, **options)
        field: Any = self.fields["service"]
        field.choices = [(str(service.pk), service.name) for service in services]


class ServiceForm(forms.Form):
    """What a service is, for whom, how to reach it."""

    name = forms.CharField(
        label="Nom du service",
        max_length=200,
        error_messages={"required": "Donnez un nom au service."},
    )
    field = forms.ChoiceField(label="Champ d’activité", required=False)
    category = forms.ChoiceField(label="Catégorie d’organisation", required=False)
    activities = forms.MultipleChoiceField(label="Activités opérationnelles", required=False)
    care_mode = forms.ChoiceField(label="Mode de prise en charge", required=False)
    publics = forms.MultipleChoiceField(label="Public pris en charge", required=False)
    age_low = forms.IntegerField(
        label="Âge, de", min_value=0, max_value=150, required=False, widget=_AGE
    )
    age_high = forms.IntegerField(
        label="Âge, à", min_value=0, max_value=150, required=False, widget=_AGE
    )
    phone = forms.CharField(label="Téléphone", max_length=20, required=False)
    secure_email = forms.EmailField(label="Messagerie sécurisée", required=False)
    comment = forms.CharField(
        label="À savoir avant d’orienter",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    # Of a new service, none.
    seen_at = forms.CharField(widget=forms.HiddenInput, max_length=40, required=False)

    def __init__(
        self,
        *args: Any,
        terms: dict[str, list[tuple[str, str]]],
        kept: HealthcareService | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        kept = kept or HealthcareService()
        for name, nomenclature, now in (
            ("field", "TRE_R227", [kept.field]),
            ("category", "TRE_R244", [kept.category]),
            ("activities", "TRE_R211", kept.activities),
            ("care_mode", "TRE_R213", [kept.care_mode]),
            ("publics", "TRE_R239", kept.publics),
        ):
            known = terms[nomenclature]
            # A code that came by an import without its label stays choosable as it is.
            extra = [(code, code) for code in now if code and code not in dict(known)]
            field: Any = self.fields[name]
            several = isinstance(field, forms.MultipleChoiceField)
            field.choices = [*([] if several else [("", "Choisissez")]), *known, *extra]
            if several:
                field.widget.attrs["size"] = min(6, max(2, len(field.choices)))

    @staticmethod
    def initial_of(service: HealthcareService) -> dict[str, Any]:
        return {
            "name": service.name,
            "field": service.field,
            "category": service.category,
            "activities": service.activities,
            "care_mode": service.care_mode,
            "publics": service.publics,
            "age_low": service.age_low,
            "age_high": service.age_high,
            "phone": service.phone,
            "secure_email": service.secure_email,
            "comment": service.comment,
            "seen_at": service.updated_at.isoformat(),
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        low, high = cleaned.get("age_low"), cleaned.get("age_high")
        if low is not None and high is not None and high < low:
            self.add_error("age_high", "Le second âge vient après le premier.")
        return cleaned

    @property
    def said(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "seen_at"}


class PlaceForm(forms.Form):
    """Where a structure is and how to reach it."""

    address_line = forms.CharField(label="Adresse", max_length=200, required=False)
    postal_code = forms.RegexField(
        label="Code postal",
        regex=r"^\d{5}$",
        required=False,
        error_messages={"invalid": "Cinq chiffres."},
    )
    phone = forms.CharField(label="Téléphone", max_length=20, required=False)
    secure_email = forms.EmailField(label="Messagerie sécurisée", required=False)


_OF_DAY = ("toujours-{}", "de-{}-1", "a-{}-1", "de-{}-2", "a-{}-2")


class HoursForm(forms.Form):
    """When a service opens: two stretches a day at most."""

    def __init__(self, *args: Any, hours: Iterable[OpeningHours] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        kept: dict[int, list[OpeningHours]] = {}
        for row in sorted(hours, key=lambda row: (row.weekday, row.opens_at or time.min)):
            kept.setdefault(row.weekday, []).append(row)
        for weekday, label in WEEKDAYS:
            rows = kept.get(weekday, [])
            whole = bool(rows) and rows[0].opens_at is None
            self.fields[f"toujours-{weekday}"] = forms.BooleanField(
                label=f"{label} : jour et nuit", required=False, initial=whole
            )
            for rank in (1, 2):
                row = rows[rank - 1] if len(rows) >= rank and not whole else None
                for side, words in (("de", "de"), ("a", "à")):
                    at = (row.opens_at if side == "de" else row.closes_at) if row else None
                    self.fields[f"{side}-{weekday}-{rank}"] = forms.TimeField(
                        label=f"{label}, {words}" + (" (suite)" if rank == 2 else ""),
                        required=False,
                        initial=at,
                        widget=forms.TimeInput(
                            format="%H:%M", attrs={"type": "time", "class": "input"}
                        ),
                        error_messages={"invalid": "Une heure, comme 08:30."},
                    )

        self.fields["semaine"] = forms.BooleanField(
            label="Du mardi au vendredi comme le lundi", required=False
        )

    @property
    def days(self) -> list[tuple[str, list[forms.BoundField], forms.BoundField]]:
        return [
            (
                label,
                [self[f"{side}-{day}-{rank}"] for rank in (1, 2) for side in ("de", "a")],
                self[f"toujours-{day}"],
            )
            for day, label in WEEKDAYS
        ]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("semaine"):
            for day in range(2, 6):
                for field in _OF_DAY:
                    data[field.format(day)] = data.get(field.format(1))
                    self.errors.pop(field.format(day), None)
        for day, _ in WEEKDAYS:
            for rank in (1, 2):
                opens, closes = data.get(f"de-{day}-{rank}"), data.get(f"a-{day}-{rank}")
                if (opens is None) != (closes is None):
                    self.add_error(
                        f"{'a' if closes is None else 'de'}-{day}-{rank}",
                        "Donnez l’heure d’ouverture et celle de fermeture.",
                    )
        return data

    @property
    def stretches(self) -> list[tuple[int, time | None, time | None]]:
        found: list[tuple[int, time | None, time | None]] = []
        for day, _ in WEEKDAYS:
            if self.cleaned_data.get(f"toujours-{day}"):
                found.append((day, None, None))
                continue
            for rank in (1, 2):
                opens = self.cleaned_data.get(f"de-{day}-{rank}")
                closes = self.cleaned_data.get(f"a-{day}-{rank}")
                if opens is not None and closes is not None:
                    found.append((day, opens, closes))
        return found


def _day(**options: Any) -> forms.DateField:
    return forms.DateField(
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **options
    )


class ClosureForm(forms.Form):
    """From when and until when a service does not receive."""

    starts_on = _day(label="Fermé à partir du")
    ends_on = _day(
        label="Rouvre le", required=False, help_text="Laissez vide si personne ne le sait encore."
    )
    reason = forms.CharField(label="Motif", max_length=200, required=False)


class StaffForm(forms.Form):
    """Somebody who works here too."""

    rpps = forms.CharField(
        label="Numéro RPPS",
        max_length=20,
        widget=forms.TextInput(attrs=_NUMBER),
        help_text="Onze chiffres. La personne doit figurer dans l’annuaire.",
    )

    def clean_rpps(self) -> str:
        said = "".join(self.cleaned_data["rpps"].split())
        if not is_rpps(said):
            raise forms.ValidationError("Ce numéro n’est pas un RPPS : vérifiez les chiffres.")
        return said


class RoleForm(forms.Form):
    """How to reach somebody here."""

    phone = forms.CharField(label="Téléphone", max_length=20, required=False)
    secure_email = forms.EmailField(label="Messagerie sécurisée", required=False)
    home_visits = forms.TypedChoiceField(
        label="Visites à domicile",
        choices=[("", "Non précisé"), ("oui", "Oui"), ("non", "Non")],
        coerce=lambda said: said == "oui",
        empty_value=None,
        required=False,
    )
