"""Shape of what is typed of an identity: traits to search by, traits to register."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms

from carbet.core import names
from carbet.registries.patients import rules
from carbet.registries.patients.choices import (
    COUNTRIES,
    INS_TEST,
    UNKNOWN_PLACE,
    DatePrecision,
    Gender,
    Language,
)

_PLACE_CODE = re.compile(r"(\d{5}|2[AB]\d{3})")


@dataclass(frozen=True)
class BirthDate:
    """A birth date and how far it is known; what is unknown counts as the first."""

    day: date
    precision: str


class BirthDateWidget(forms.MultiWidget):
    """Day, month, year: three short boxes, typed without a calendar."""

    template_name = "patients/birth_date.html"
    use_fieldset = True

    def __init__(self) -> None:
        parts = [
            forms.TextInput(attrs={"inputmode": "numeric", "maxlength": size, "size": size + 1})
            for size in (2, 2, 4)
        ]
        super().__init__(parts)

    def decompress(self, value: BirthDate | None) -> list[Any]:
        if value is None:
            return ["", "", ""]
        known_day = value.precision == DatePrecision.DAY
        known_month = value.precision != DatePrecision.YEAR
        return [
            f"{value.day.day:02d}" if known_day else "",
            f"{value.day.month:02d}" if known_month else "",
            str(value.day.year),
        ]


class BirthDateField(forms.MultiValueField):
    """A birth date of which the day, or the day and the month, may be unknown."""

    widget = BirthDateWidget

    def __init__(self, **options: Any) -> None:
        number = {"incomplete": "Indiquez au moins l’année."}
        parts = (
            forms.CharField(required=False),
            forms.CharField(required=False),
            forms.CharField(error_messages=number),
        )
        super().__init__(parts, require_all_fields=False, **options)

    def compress(self, data_list: list[str]) -> BirthDate | None:
        if not data_list:
            return None
        day, month, year = (part.strip() for part in data_list)
        if not re.fullmatch(r"\d{4}", year):
            raise forms.ValidationError("Écrivez l’année en quatre chiffres, par exemple 1951.")
        if day and not month:
            raise forms.ValidationError("Indiquez aussi le mois, ou laissez le jour vide.")
        precision = (
            DatePrecision.DAY if day else DatePrecision.MONTH if month else DatePrecision.YEAR
        )
        try:
            return BirthDate(date(int(year), int(month or 1), int(day or 1)), precision)
        except ValueError:
            raise forms.ValidationError("Cette date n’existe pas au calendrier.") from None


class NameField(forms.CharField):
    """A name: letters and the few signs that names hold."""

    def clean(self, value: Any) -> str:
        text = " ".join(str(super().clean(value)).split())
        if wrong := rules.wrong_name(text):
            raise forms.ValidationError(wrong)
        return text


def given_names(text: str) -> list[str]:
    """Return given names typed in one field: cut at commas if any, at spaces otherwise."""
    parts = text.split(",") if "," in text else text.split()
    return [part.strip() for part in parts if part.strip()]


class SearchForm(forms.Form):
    """A name, a birth date or an INS, to search among my persons."""

    q = forms.CharField(label="Nom, date de naissance ou INS", max_length=200, required=False)


class TraitsForm(forms.Form):
    """The traits by which a person is searched before any creation (RNIV 2.0)."""

    birth_family = NameField(
        label="Nom de naissance",
        max_length=100,
        help_text="Celui de l’acte de naissance, même si la personne en utilise un autre.",
    )
    birth_given = NameField(label="Premier prénom de naissance", max_length=60)
    birth_date = BirthDateField(
        label="Date de naissance",
        help_text="Jour ou mois inconnu : laissez la case vide.",
    )


class IdentityForm(forms.Form):
    """All the traits of a person, strict ones first."""

    birth_family = NameField(
        label="Nom de naissance",
        max_length=100,
        help_text="Tel qu’il figure sur la pièce d’identité.",
    )
    birth_given = forms.CharField(
        label="Prénoms de naissance",
        max_length=300,
        help_text="Tous, dans l’ordre de l’état civil, séparés par des virgules : Claire, Marie.",
    )
    used_family = NameField(
        label="Nom utilisé", max_length=100, required=False, help_text="S’il est différent."
    )
    used_given = NameField(
        label="Prénom utilisé", max_length=60, required=False, help_text="S’il est différent."
    )
    gender = forms.ChoiceField(
        label="Sexe à l’état civil", choices=Gender.choices, widget=forms.RadioSelect
    )
    birth_date = BirthDateField(
        label="Date de naissance", help_text="Jour ou mois inconnu : laissez la case vide."
    )
    birth_place_name = forms.CharField(
        label="Lieu de naissance",
        max_length=80,
        required=False,
        help_text="Commune en France, pays ailleurs.",
        widget=forms.TextInput(attrs={"list": "places"}),
    )
    birth_place_code = forms.CharField(
        label="Code INSEE du lieu de naissance",
        max_length=5,
        required=False,
        help_text="Trouvé seul pour la Guyane et les pays voisins.",
    )
    ins = forms.CharField(
        label="INS de test",
        max_length=21,
        required=False,
        help_text="15 caractères. Seuls des numéros de test sont acceptés ici.",
        widget=forms.TextInput(attrs={"inputmode": "text", "spellcheck": "false"}),
    )
    identity_checked = forms.BooleanField(
        label="J’ai vérifié l’identité sur une pièce officielle avec photo", required=False
    )
    address_line = forms.CharField(label="Adresse", max_length=200, required=False)
    commune = forms.ChoiceField(label="Commune", required=False)
    postal_code = forms.CharField(label="Code postal", max_length=5, required=False)
    city = forms.CharField(
        label="Localité", max_length=80, required=False, help_text="Hors de Guyane seulement."
    )
    access_note = forms.CharField(
        label="Accès au domicile",
        max_length=200,
        required=False,
        help_text="Par exemple : pirogue, portail bleu, chien.",
    )
    phone = forms.CharField(
        label="Téléphone",
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel"}),
    )
    language = forms.ChoiceField(
        label="Langue parlée", choices=Language.choices, initial=Language.FRENCH
    )
    needs_interpreter = forms.BooleanField(label="Un interprète est nécessaire", required=False)

    def __init__(self, *args: Any, communes: Iterable[Any] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.communes = {commune.code: commune for commune in communes}
        field = self.fields["commune"]
        field.choices = [("", "Hors de Guyane, ou inconnue")] + [  # type: ignore[attr-defined]
            (code, commune.name) for code, commune in self.communes.items()
        ]

    @property
    def places(self) -> list[str]:
        """What the birth place is most often: communes of the territory, countries around."""
        return [commune.name for commune in self.communes.values()] + list(COUNTRIES)

    def clean_birth_given(self) -> list[str]:
        given = given_names(self.cleaned_data["birth_given"])
        if not given:
            raise forms.ValidationError("Indiquez au moins un prénom.")
        for name in given:
            if wrong := rules.wrong_name(name):
                raise forms.ValidationError(wrong)
            if len(name) > 60:
                raise forms.ValidationError("Un prénom compte 60 caractères au plus.")
        return given

    def clean_birth_place_code(self) -> str:
        code = self.cleaned_data["birth_place_code"].strip().upper()
        if code and not _PLACE_CODE.fullmatch(code):
            raise forms.ValidationError("Un code INSEE compte cinq caractères, par exemple 97307.")
        return code

    def clean_ins(self) -> str:
        ins = self.cleaned_data["ins"].replace(" ", "").upper()
        if ins and (wrong := rules.wrong_ins(ins)):
            raise forms.ValidationError(wrong)
        return ins

    def clean_postal_code(self) -> str:
        code = self.cleaned_data["postal_code"].strip()
        if code and not re.fullmatch(r"\d{5}", code):
            raise forms.ValidationError("Un code postal compte cinq chiffres.")
        return code

    def clean_phone(self) -> str:
        phone = re.sub(r"[\s.\-]", "", self.cleaned_data["phone"])
        if phone and not re.fullmatch(r"\+?\d{6,15}", phone):
            raise forms.ValidationError(
                "Écrivez un numéro de téléphone, par exemple 0694 12 34 56."
            )
        return phone

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        place = data.get("birth_place_name", "")
        if place and not data.get("birth_place_code") and "birth_place_code" not in self.errors:
            data["birth_place_code"] = self._code_of(place) or UNKNOWN_PLACE
        commune = self.communes.get(data.get("commune", ""))
        if commune is not None:
            data["city"] = commune.name
            if not data.get("postal_code") and len(commune.postal_codes) == 1:
                data["postal_code"] = commune.postal_codes[0]
        return data

    def _code_of(self, place: str) -> str:
        said = names.comparison_form(place)
        known = {commune.name: code for code, commune in self.communes.items()} | COUNTRIES
        return next(
            (code for name, code in known.items() if names.comparison_form(name) == said), ""
        )

    def traits(self) -> dict[str, Any]:
        """Return the traits as operations take them; the INS is a test one."""
        data = dict(self.cleaned_data)
        birth = data.pop("birth_date")
        return {
            **{name: data[name] for name in _TRAITS},
            "birth_date": birth.day,
            "birth_date_precision": birth.precision,
            "commune_id": data["commune"] or None,
        }

    def ins_given(self) -> dict[str, str]:
        """Return the INS and its system, or nothing."""
        ins = self.cleaned_data.get("ins", "")
        return {"ins": ins, "ins_system": INS_TEST} if ins else {}


_TRAITS = (
    "birth_family",
    "birth_given",
    "used_family",
    "used_given",
    "gender",
    "birth_place_name",
    "birth_place_code",
    "identity_checked",
    "address_line",
    "postal_code",
    "city",
    "access_note",
    "phone",
    "language",
    "needs_interpreter",
)


class CorrectionForm(IdentityForm):
    """The same traits of a known person, on the version that was read."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    deceased_on = forms.DateField(
        label="Date de décès", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    @classmethod
    def initial_of(cls, patient: Any) -> dict[str, Any]:
        """Return what the form shows of a person at first."""
        return {
            **{name: getattr(patient, name) for name in _TRAITS},
            "birth_given": ", ".join(patient.birth_given),
            "birth_date": BirthDate(patient.birth_date, patient.birth_date_precision),
            "commune": patient.commune_id or "",
            "deceased_on": patient.deceased_on,
            "version": patient.version,
        }

    def traits(self) -> dict[str, Any]:
        return super().traits() | {"deceased_on": self.cleaned_data["deceased_on"]}
