"""Shape of what is typed in a notebook: notes, corrections, measures, and what one asks to see."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict

from carbet.coordination.documents.forms import ReceivedFilesField
from carbet.coordination.notebook import rules
from carbet.coordination.notebook.choices import MeasureKind, NoteKind
from carbet.coordination.notebook.queries import MEASURE, NOTE, Filters, Position
from carbet.core import timeline
from carbet.core.actor import ALL_DATA, DataCategory
from carbet.core.identifiers import from_short_id, short_id
from carbet.core.sharing import PERSON_AND_RELATIVES, Visibility

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MEASURES = "mesures"
PERIODS = {"1m": ("Un mois", 31), "3m": ("Trois mois", 92), "1a": ("Un an", 366)}
Member = Mapping[str, str]


class LongTextField(forms.CharField):
    """A text of several lines, counted as the writer sees it: one end of line is one sign."""

    def __init__(self, *, rows: int = 4, **options: Any) -> None:
        attrs = {"rows": rows, "dir": "auto"}
        super().__init__(widget=forms.Textarea(attrs=attrs), max_length=rules.MAX_TEXT, **options)
        self.error_messages["max_length"] = (
            "Ce texte compte %(show_value)d caractères : une note en tient 20 000."
            " Partagez-le en plusieurs notes."
        )

    def to_python(self, value: Any) -> str:
        return super().to_python(str(value or "").replace("\r\n", "\n").replace("\r", "\n"))


class MomentField(forms.DateTimeField):
    """A moment of the territory; empty means now."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label="Moment",
            required=False,
            help_text="Maintenant, si vous laissez ce champ vide.",
            widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
            **options,
        )
        self.error_messages["invalid"] = "Indiquez un jour et une heure."


class GestureForm(forms.Form):
    """A form sent twice is one gesture: the key is drawn when the page is."""

    gesture = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["gesture"].initial = uuid.uuid4

    def renew(self) -> None:
        """Give the form a new key, so that what it holds is sent as something new."""
        self.data = self.data.copy()
        self.data[self.add_prefix("gesture")] = str(uuid.uuid4())


class SignedForm(GestureForm):
    """A form that may be filled on behalf of somebody else."""

    on_behalf_of = forms.TypedChoiceField(
        label="Pour", coerce=int, empty_value=None, required=False
    )

    def __init__(
        self,
        *args: Any,
        delegators: Iterable[tuple[int, str]] = (),
        own_name: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        people = list(delegators)
        if not people:
            del self.fields["on_behalf_of"]
            return
        field = self.fields["on_behalf_of"]
        field.choices = ([("", "Moi-même")] if own_name else []) + people
        field.required = not own_name


READERS = {
    DataCategory.MEDICAL: "Médicale",
    DataCategory.SOCIAL: "Sociale",
    DataCategory.ADMINISTRATIVE: "Administrative",
}


class SharedForm(SignedForm):
    """A form that calls members by name, on their boxes or in the text, and carries files."""

    files = ReceivedFilesField(label="Photos et fichiers")

    def __init__(
        self, *args: Any, members: Sequence[Member] = (), author: str = "", **options: Any
    ) -> None:
        super().__init__(*args, **options)
        # Nobody calls themselves: they see what they write.
        self.members = [member for member in members if member["key"] != author]

    def called(self) -> dict[str, str]:
        """Return the name, by key, of each member called."""
        known = {member["key"]: (member["name"], member["family"]) for member in self.members}
        keys = rules.called(self.cleaned_data.get("text", ""), known)
        keys |= set(self.cleaned_data.get("members") or ())
        return {key: known[key][0] for key in sorted(keys)}


class NoteForm(SharedForm):
    """A new note."""

    text = LongTextField(label="Note")
    kind = forms.ChoiceField(
        label="Type",
        choices=NoteKind.choices,
        initial=NoteKind.OBSERVATION,
        widget=forms.Select(attrs={"class": "input"}),
    )
    urgent = forms.BooleanField(
        label="Urgente : alerter tout de suite le cercle de soins", required=False
    )
    category = forms.TypedChoiceField(
        label="Nature de l’information",
        help_text=(
            "Médicale : lue par les soignants. Sociale : aussi par les intervenants sociaux."
            " Administrative : aussi par les secrétariats."
        ),
        coerce=lambda value: DataCategory(int(value)),
        empty_value=None,
        required=False,
        widget=forms.Select(attrs={"class": "input"}),
    )
    occurred_at = MomentField()
    visibility = forms.ChoiceField(label="Qui la voit", choices=Visibility.choices, required=False)
    members = forms.MultipleChoiceField(label="Membres à prévenir", required=False)

    field_order = ("text", "kind", "category", "urgent", "occurred_at", "on_behalf_of", "gesture")

    def __init__(self, *args: Any, categories: int = ALL_DATA, **options: Any) -> None:
        super().__init__(*args, **options)
        said = [(int(each), label) for each, label in READERS.items() if each & categories]
        if len(said) < 2:
            del self.fields["category"]
        else:
            self.fields["category"].choices = said
        self.fields["members"].choices = [
            *((member["key"], member["name"]) for member in self.members),
            (PERSON_AND_RELATIVES, "La personne et ses proches"),
        ]
        self.fields["members"].error_messages["invalid_choice"] = (
            "Un membre coché a quitté le cercle : rechargez la page."
        )

    @property
    def boxes(self) -> list[tuple[str, str, str, bool]]:
        """The members as boxes to tick: key, name, what they do, ticked."""
        ticked = self["members"].value() or []
        return [
            (member["key"], member["name"], member["profession"], member["key"] in ticked)
            for member in self.members
        ]

    @property
    def visibilities(self) -> list[tuple[str, str, bool]]:
        """Who sees the note, as options: value, label, chosen."""
        chosen = self["visibility"].value() or Visibility.CIRCLE
        return [(value, label, value == chosen) for value, label in Visibility.choices]

    @property
    def has_options(self) -> bool:
        """Tell whether something was said or refused beyond the text: it must be on sight."""
        return self.is_bound and bool(
            {"files", "members", "visibility", "occurred_at"} & set(self.errors)
            or self["members"].value()
            or self["occurred_at"].value()
            or self["visibility"].value() not in ("", None, Visibility.CIRCLE)
        )

    def clean_visibility(self) -> str:
        """Return who sees the note, the whole circle when nothing is said."""
        return self.cleaned_data["visibility"] or Visibility.CIRCLE

    def called(self) -> dict[str, str]:
        """Return the name, by key, of each member called; the person is no member."""
        ticked = self.cleaned_data.get("members") or []
        self.cleaned_data["members"] = [key for key in ticked if key != PERSON_AND_RELATIVES]
        return super().called()

    @property
    def with_person(self) -> bool:
        """Tell whether a note for chosen members is for the person and relatives as well."""
        return PERSON_AND_RELATIVES in (self["members"].value() or ())


class ReplyForm(SharedForm):
    """An answer to a note."""

    text = LongTextField(label="Réponse")
    urgent = forms.BooleanField(
        label="Urgente : alerter tout de suite le cercle de soins", required=False
    )

    field_order = ("text", "urgent", "files", "on_behalf_of", "gesture")


class SeenForm(forms.Form):
    """Which notes somebody has seen, as their addresses carry them."""

    notes = forms.CharField(max_length=4000)

    def clean_notes(self) -> list[int]:
        """Return the row numbers; what cannot be read is set aside."""
        found = []
        for word in self.cleaned_data["notes"].split()[:200]:
            try:
                found.append(from_short_id(word))
            except ValueError:
                continue
        return found


class CorrectionForm(forms.Form):
    """The new text of a note and why, with the version that was on screen."""

    text = LongTextField(label="Texte corrigé", rows=6)
    reason = forms.CharField(
        label="Pourquoi corriger",
        max_length=200,
        help_text="Par exemple : faute de frappe, mauvais jour.",
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def clean_seen(self) -> datetime | None:
        """Return when the version on screen was written, None for the first one."""
        seen = self.cleaned_data["seen"]
        try:
            return datetime.fromisoformat(seen) if seen else None
        except ValueError:
            raise forms.ValidationError("Rechargez la page.") from None


class WithdrawalForm(forms.Form):
    """Why a note is withdrawn."""

    reason = forms.CharField(
        label="Pourquoi retirer cette note",
        max_length=200,
        help_text="Par exemple : écrite dans le mauvais dossier.",
    )


class NumberField(forms.CharField):
    """A number typed with a comma or a point, on one scale."""

    def __init__(self, scale: rules.Scale, *, example: str, **options: Any) -> None:
        self.scale = scale
        super().__init__(
            required=False,
            max_length=12,
            help_text=scale.range_text[:1].upper() + scale.range_text[1:],
            widget=forms.TextInput(attrs={"inputmode": "decimal", "placeholder": example}),
            **options,
        )

    def to_python(self, value: Any) -> Decimal | None:
        text = super().to_python(value)
        if not text:
            return None
        try:
            return rules.read_number(text)
        except ValueError:
            raise forms.ValidationError("Écrivez un nombre, par exemple 68,2.") from None

    def validate(self, value: Any) -> None:
        """Nothing more to check here: what is plausible is said with the other values."""

    def run_validators(self, value: Any) -> None:
        """The length was that of the text."""


# The fields of each kind of measure, in the order of a visit.
FIELDS: dict[str, tuple[str, ...]] = {
    MeasureKind.BLOOD_PRESSURE: ("systolic", "diastolic"),
    MeasureKind.HEART_RATE: ("heart_rate",),
    MeasureKind.TEMPERATURE: ("temperature",),
    MeasureKind.OXYGEN: ("oxygen",),
    MeasureKind.GLUCOSE: ("glucose",),
    MeasureKind.WEIGHT: ("weight",),
    MeasureKind.PAIN: ("pain",),
    MeasureKind.RESPIRATION: ("respiration",),
    MeasureKind.HEIGHT: ("height",),
    MeasureKind.WAIST: ("waist",),
    MeasureKind.HEAD: ("head",),
    MeasureKind.HBA1C: ("hba1c",),
}


def _number(kind: str, rank: int = 0, *, label: str = "", example: str = "") -> NumberField:
    scale = rules.SCALES[kind][rank]
    return NumberField(scale, label=label or scale.label, example=example)


class MeasuresForm(SignedForm):
    """What was measured during a visit: one field a value, those left empty are not recorded."""

    systolic = _number(MeasureKind.BLOOD_PRESSURE, label="Tension, systolique", example="130")
    diastolic = _number(MeasureKind.BLOOD_PRESSURE, 1, label="Tension, diastolique", example="80")
    heart_rate = _number(MeasureKind.HEART_RATE, example="72")
    temperature = _number(MeasureKind.TEMPERATURE, example="37,2")
    oxygen = _number(MeasureKind.OXYGEN, example="97")
    glucose = _number(MeasureKind.GLUCOSE, example="1,05")
    weight = _number(MeasureKind.WEIGHT, example="68,2")
    pain = _number(MeasureKind.PAIN, example="3")
    respiration = _number(MeasureKind.RESPIRATION, example="16")
    height = _number(MeasureKind.HEIGHT, example="165")
    waist = _number(MeasureKind.WAIST, example="92")
    head = _number(MeasureKind.HEAD, example="38,5")
    hba1c = _number(MeasureKind.HBA1C, example="6,8")
    confirmed = forms.BooleanField(
        label="J’ai vérifié : ces valeurs inhabituelles sont justes", required=False
    )
    comment = forms.CharField(
        label="Remarque",
        max_length=200,
        required=False,
        help_text="Par exemple : au repos, bras gauche.",
    )
    occurred_at = MomentField()

    def __init__(self, *args: Any, last_weight: Decimal | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.last_weight = last_weight
        self.doubtful = False

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for kind, given in self.values().items():
            if any(name in self.errors for name in FIELDS[kind]):
                continue
            for rank, sentence in rules.refusals(kind, given).items():
                self.add_error(FIELDS[kind][rank], sentence)
            self._ask(kind, given)
        if not self.errors and not self.values():
            raise forms.ValidationError("Indiquez au moins une mesure.")
        return data

    def _ask(self, kind: str, given: tuple[Decimal | None, ...]) -> None:
        """Ask to confirm what is unusual, at its field; confirmed, it is kept."""
        last = self.last_weight if kind == MeasureKind.WEIGHT else None
        for rank, sentence in rules.doubts(kind, given, last=last).items():
            name = FIELDS[kind][rank]
            if name in self.errors:
                continue
            self.doubtful = True
            if not self.cleaned_data.get("confirmed"):
                self.add_error(name, f"{sentence} Vérifiez, puis confirmez au bas de la page.")

    def values(self) -> dict[str, tuple[Decimal | None, ...]]:
        """Return what was typed, by kind of measure."""
        found = {
            kind: tuple(self.cleaned_data.get(name) for name in names)
            for kind, names in FIELDS.items()
        }
        return {
            kind: given
            for kind, given in found.items()
            if any(value is not None for value in given)
            or any(name in self.errors for name in FIELDS[kind])
        }

    def typed(self) -> str:
        """Return what was typed as plain lines, to be given back."""
        names = [name for several in FIELDS.values() for name in several] + ["comment"]
        lines = [
            f"{self.fields[name].label} : {text}"
            for name in names
            if (text := str(self.data.get(self.add_prefix(name), "")).strip())
        ]
        return "\n".join(lines)


class FilterForm(forms.Form):
    """What the reader asks to see of the timeline."""

    type = forms.MultipleChoiceField(
        label="Type",
        choices=lambda: [*NoteKind.choices, (MEASURES, "Mesures"), *timeline.choices()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    auteur = forms.TypedChoiceField(label="Auteur", coerce=int, empty_value=None, required=False)
    urgent = forms.BooleanField(label="Seulement les urgentes", required=False)
    fichiers = forms.BooleanField(label="Seulement avec photo ou fichier", required=False)
    q = forms.CharField(label="Mots cherchés", max_length=100, required=False)
    nouveau = forms.BooleanField(label="Seulement depuis ma dernière visite", required=False)

    def __init__(self, *args: Any, authors: Iterable[tuple[int, str]] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["auteur"].choices = [("", "Tous"), *authors]

    @property
    def boxes(self) -> list[tuple[str, str, bool]]:
        """The types as boxes to tick: value, label, ticked."""
        asked = self["type"].value() or []
        return [(value, label, value in asked) for value, label in self.fields["type"].choices]

    def filters(self, *, since: datetime | None) -> Filters:
        """Return what to look for; what cannot be read in the address is set aside."""
        self.is_valid()
        data = self.cleaned_data
        types = data.get("type") or []
        kinds = tuple(kind for kind in types if kind in NoteKind.values)
        others = tuple(key for key, _ in timeline.choices() if key in types or not types)
        return Filters(
            kinds=kinds,
            notes=bool(kinds) or not types,
            measures=MEASURES in types or not types,
            author_role_id=data.get("auteur"),
            urgent=bool(data.get("urgent")),
            files=bool(data.get("fichiers")),
            words=data.get("q") or "",
            since=since if data.get("nouveau") else None,
            happenings=others,
        )


def write_position(position: Position) -> str:
    """Return the place of an entry as an address carries it."""
    moment = (position.occurred_at - _EPOCH) // timedelta(microseconds=1)
    return f"{moment}-{position.source}-{short_id(position.pk)}"


def read_position(query: QueryDict) -> Position | None:
    """Return the place after which the page starts, or None when the address has none."""
    moment, _, rest = query.get("suite", "").partition("-")
    source, _, number = rest.partition("-")
    try:
        if source not in (NOTE, MEASURE) and timeline.source(source) is None:
            return None
        at = _EPOCH + timedelta(microseconds=int(moment))
        return Position(at, source, from_short_id(number))
    except (ValueError, OverflowError):
        return None
