"""Shape of what is typed in the agenda: a visit, its repetition, slots, absences, reasons."""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from carbet.coordination.scheduling.choices import (
    WEEKDAYS,
    AbsenceKind,
    CancelReason,
    Frequency,
    VisitKind,
)
from carbet.coordination.scheduling.models import Appointment
from carbet.coordination.scheduling.rules.recurrence import NotARecurrence, Recurrence
from carbet.coordination.scheduling.rules.spans import Span
from carbet.registries.directory.models import PractitionerRole

MINUTES = [(number, f"{number} min") for number in (10, 15, 20, 30, 45)] + [
    (60, "1 h"),
    (90, "1 h 30"),
    (120, "2 h"),
    (180, "3 h"),
    (240, "4 h"),
]
RHYTHMS = [
    (1, "Chaque fois"),
    (2, "Un jour, une semaine ou un mois sur deux"),
    (3, "… sur trois"),
    (4, "… sur quatre"),
    (6, "… sur six"),
    (12, "… sur douze"),
]
VIEWS = ("jour", "semaine", "mois")


class DayField(forms.DateField):
    """A day, as a browser asks for it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **options
        )
        self.error_messages["invalid"] = "Indiquez un jour : jj/mm/aaaa."


class HourField(forms.TimeField):
    """An hour on the wall clock, as a browser asks for it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "step": "300"}),
            **options,
        )
        self.error_messages["invalid"] = "Indiquez une heure : hh:mm."


class GestureForm(forms.Form):
    """A form sent twice is one gesture: the key is drawn when the page is."""

    gesture = forms.UUIDField(widget=forms.HiddenInput)
    # What was warned of, and read: the same warnings do not stop twice.
    warned = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["gesture"].initial = uuid.uuid4

    def has_read(self, warnings: Sequence[str]) -> bool:
        """Tell whether these very warnings were on the page that was sent."""
        return bool(warnings) and self.cleaned_data.get("warned") == digest(warnings)

    def warn(self, warnings: Sequence[str]) -> None:
        """Carry the warnings, so that sending the page again says that they were read."""
        self.data = self.data.copy()
        self.data[self.add_prefix("warned")] = digest(warnings)


def digest(warnings: Sequence[str]) -> str:
    """Return a short mark of these warnings."""
    return hashlib.sha256("\n".join(warnings).encode()).hexdigest()[:24]


def at(on: date, hour: time) -> datetime:
    """Return the moment of a wall clock of the reader."""
    return timezone.make_aware(datetime.combine(on, hour))


class TimedForm(GestureForm):
    """A day, an hour, a length."""

    on = DayField(label="Jour")
    hour = HourField(label="Heure")
    minutes = forms.TypedChoiceField(label="Durée", coerce=int, choices=MINUTES, initial=30)

    def span(self) -> Span:
        """Return the time typed, on the wall clock of the reader."""
        data = self.cleaned_data
        start = at(data["on"], data["hour"])
        return Span(start, start + timedelta(minutes=data["minutes"]))


class AppointmentForm(TimedForm):
    """A visit: with whom, when, how, and whether it comes back."""

    roles = forms.TypedMultipleChoiceField(
        label="Avec", coerce=int, widget=forms.CheckboxSelectMultiple
    )
    kind = forms.ChoiceField(label="Comment", choices=VisitKind.choices, initial=VisitKind.HOME)
    description = forms.CharField(
        label="Objet",
        max_length=200,
        required=False,
        help_text="Lu par le cercle de soins seulement.",
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    frequency = forms.ChoiceField(
        label="Répétition", choices=[("", "Une seule fois"), *Frequency.choices], required=False
    )
    interval = forms.TypedChoiceField(
        label="Rythme", coerce=int, choices=RHYTHMS, required=False, empty_value=1
    )
    days = forms.MultipleChoiceField(
        label="Jours de la semaine",
        choices=WEEKDAYS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    until = DayField(label="Jusqu’au", required=False)
    count = forms.IntegerField(label="Nombre de fois", min_value=1, max_value=400, required=False)

    field_order = ("roles", "on", "hour", "minutes", "kind", "description")

    def __init__(self, *args: Any, carers: Iterable[PractitionerRole] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["roles"].choices = [
            (role.pk, f"{role.practitioner}, {role.label.lower()}") for role in carers
        ]
        self.fields["roles"].error_messages["required"] = "Dites avec qui."

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("frequency"):
            try:
                self.recurrence()
            except NotARecurrence as error:
                self.add_error("frequency", str(error))
            until, on = data.get("until"), data.get("on")
            if until and on and until < on:
                self.add_error("until", "La fin doit venir après le premier jour.")
        return data

    @property
    def repeats(self) -> bool:
        """Tell whether how it comes back is to be seen: chosen, or wrong."""
        names = ("frequency", "interval", "days", "until", "count")
        return bool(self["frequency"].value()) or any(self.errors.get(name) for name in names)

    def recurrence(self) -> Recurrence | None:
        """Return how the visit comes back, None when it does not."""
        data = self.cleaned_data
        if not data.get("frequency"):
            return None
        weekly = data["frequency"] == Frequency.WEEKLY
        return Recurrence(
            frequency=data["frequency"],
            interval=data.get("interval") or 1,
            days=tuple(data.get("days") or ()) if weekly else (),
            count=data.get("count"),
            until=data.get("until"),
        )


class MoveForm(TimedForm):
    """Another time for an appointment, with the version that was on screen."""

    kind = forms.ChoiceField(label="Comment", choices=VisitKind.choices)
    description = forms.CharField(
        label="Objet",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    @classmethod
    def initial_of(cls, row: Appointment) -> dict[str, Any]:
        """Return what the form shows first: the present time on the reader's clock."""
        found: dict[str, Any] = {
            "kind": row.kind,
            "description": row.description,
            "version": row.version,
        }
        if row.start is not None and row.end is not None:
            local = timezone.localtime(row.start)
            minutes = int((row.end - row.start).total_seconds() // 60)
            found |= {"on": local.date(), "hour": local.time(), "minutes": minutes}
        return found

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        kept = self.initial.get("minutes")
        if kept and kept not in dict(MINUTES):
            self.fields["minutes"].choices = [*MINUTES, (kept, f"{kept} min")]


class CancelForm(forms.Form):
    """Why it is cancelled, and how far."""

    reason = forms.ChoiceField(label="Motif", choices=[("", "Choisissez"), *CancelReason.choices])
    comment = forms.CharField(
        label="Précision",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    following = forms.BooleanField(
        label="Annuler aussi toutes les visites suivantes de la série", required=False
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, in_series: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        if not in_series:
            del self.fields["following"]


class AnswerForm(forms.Form):
    """Accept or decline."""

    answer = forms.ChoiceField(choices=[("accept", "Accepter"), ("decline", "Décliner")])
    reason = forms.CharField(max_length=200, required=False)
    overlap = forms.BooleanField(required=False)


class WaitingForm(GestureForm):
    """Who waits for whom, and from when to when it would suit."""

    roles = forms.TypedMultipleChoiceField(
        label="Pour voir", coerce=int, widget=forms.CheckboxSelectMultiple
    )
    kind = forms.ChoiceField(label="Comment", choices=VisitKind.choices, initial=VisitKind.OFFICE)
    description = forms.CharField(
        label="Objet",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    wished_from = DayField(label="À partir du", required=False)
    wished_until = DayField(label="Avant le", required=False)

    field_order = ("roles", "kind", "description", "wished_from", "wished_until")

    def __init__(self, *args: Any, carers: Iterable[PractitionerRole] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["roles"].choices = [
            (role.pk, f"{role.practitioner}, {role.label.lower()}") for role in carers
        ]
        self.fields["roles"].error_messages["required"] = "Dites pour voir qui."

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        low, high = data.get("wished_from"), data.get("wished_until")
        if low and high and high <= low:
            self.add_error("wished_until", "Cette date doit venir après la première.")
        return data

    def period(self) -> tuple[datetime | None, datetime | None]:
        """Return the wished period, on the reader's clock."""
        low, high = self.cleaned_data["wished_from"], self.cleaned_data["wished_until"]
        return (at(low, time()) if low else None, at(high, time()) if high else None)


class SlotsForm(forms.Form):
    """Slots to open: a day, from when to when, their length, and the weeks that follow."""

    on = DayField(label="Jour")
    from_time = HourField(label="De")
    until_time = HourField(label="À")
    minutes = forms.TypedChoiceField(label="Durée d’un créneau", coerce=int, choices=MINUTES)
    kind = forms.ChoiceField(label="Comment", choices=VisitKind.choices, initial=VisitKind.OFFICE)
    weeks = forms.IntegerField(
        label="Pendant combien de semaines",
        min_value=1,
        max_value=26,
        initial=1,
        help_text="1 : ce jour seulement.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        low, high = data.get("from_time"), data.get("until_time")
        if low and high and high <= low:
            self.add_error("until_time", "La fin doit venir après le début.")
        return data

    def windows(self) -> list[Span]:
        """Return the spans in which slots are opened."""
        data = self.cleaned_data
        days = (data["on"] + timedelta(days=7 * number) for number in range(data["weeks"]))
        return [Span(at(on, data["from_time"]), at(on, data["until_time"])) for on in days]


class AbsenceForm(forms.Form):
    """From when to when one is away."""

    gesture = forms.UUIDField(widget=forms.HiddenInput)
    kind = forms.ChoiceField(label="Motif", choices=AbsenceKind.choices)
    start = forms.DateTimeField(
        label="Début",
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )
    end = forms.DateTimeField(
        label="Fin",
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["gesture"].initial = uuid.uuid4
        for name in ("start", "end"):
            self.fields[name].error_messages["invalid"] = "Indiquez un jour et une heure."


def read_view(query: QueryDict) -> str:
    """Return which view is asked for; the day when it is none."""
    asked = query.get("vue", "")
    return asked if asked in VIEWS else VIEWS[0]


def read_day(query: QueryDict, *, today: date) -> date:
    """Return the day asked for, today when it is none, within what a calendar holds."""
    try:
        found = date.fromisoformat(query.get("le", ""))
    except ValueError:
        return today
    return found if abs((found - today).days) < 3660 else today
