"""The shape of what alert pages are asked: where in the list, how to be told, who is on duty."""

import re
import uuid
from datetime import datetime
from typing import Any

from django import forms
from django.utils.dateparse import parse_datetime

from carbet.coordination.alerts.choices import AlertKind, Channel, PersonChoice
from carbet.coordination.alerts.models import AlertSetting
from carbet.coordination.alerts.rules import default_channels

# French numbers, métropole and overseas, and those of the neighbours with their prefix.
_PHONE = re.compile(r"^(\+[1-9]\d{7,14}|0[1-9]\d{8})$")
# Kinds that are urgent by nature are told by every way; the others ring only.
URGENT_KINDS = frozenset({AlertKind.URGENT_NOTE, AlertKind.GLASS})


def read_position(text: str) -> tuple[datetime, int] | None:
    """Return the place in the list that an address names, or None when it names none."""
    moment, _, number = text.partition("~")
    if not number.isdecimal() or len(number) > 18:
        return None
    try:
        parsed = parse_datetime(moment)
    except ValueError:
        return None
    return (parsed, int(number)) if parsed is not None and parsed.tzinfo is not None else None


def write_position(place: tuple[datetime, int]) -> str:
    """Return the place as an address names it."""
    return f"{place[0].isoformat()}~{place[1]}"


class SettingForm(forms.Form):
    """How one wants to be told: by which ways for each kind, when, at which number."""

    phone = forms.CharField(
        label="Numéro de portable, pour les SMS",
        max_length=20,
        required=False,
        help_text="Par exemple 0694 12 34 56. Sans numéro, aucun SMS ne part.",
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    for_structure = forms.BooleanField(
        label="Me notifier aussi des alertes adressées à ma structure", required=False
    )
    quiet = forms.BooleanField(label="Ne pas me déranger à certaines heures", required=False)
    quiet_from = forms.TimeField(
        label="De", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    quiet_until = forms.TimeField(
        label="À", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    urgent_passes = forms.BooleanField(label="Une alerte urgente passe quand même", required=False)
    digest = forms.BooleanField(
        label="Recevoir chaque jour un e-mail s’il reste des alertes à lire", required=False
    )
    digest_at = forms.TimeField(
        label="À partir de", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )

    def __init__(self, *args: Any, setting: AlertSetting | None, **options: Any) -> None:
        kept = setting or AlertSetting()
        names = [name for name in self.base_fields if hasattr(kept, name)]
        initial = {name: getattr(kept, name) for name in names}
        super().__init__(*args, initial=initial, **options)
        for kind in AlertKind:
            chosen = kept.channels.get(kind.value)
            self.fields[f"kind_{kind.value}"] = forms.MultipleChoiceField(
                label=kind.label,
                choices=Channel.choices,
                required=False,
                initial=sorted(default_channels(urgent=kind in URGENT_KINDS))
                if chosen is None
                else chosen,
            )

    def clean_phone(self) -> str:
        """Keep the number without its spaces, refuse what is none."""
        phone = re.sub(r"[\s.\-()]", "", self.cleaned_data["phone"])
        if phone and not _PHONE.match(phone):
            raise forms.ValidationError(
                "Écrivez un numéro à dix chiffres, ou avec son indicatif (+594…)."
            )
        return phone

    def wishes(self) -> dict[str, Any]:
        """Return what was chosen, kinds that follow our defaults left out."""
        data = dict(self.cleaned_data)
        channels = {}
        for kind in AlertKind:
            chosen = data.pop(f"kind_{kind.value}")
            if set(chosen) != default_channels(urgent=kind in URGENT_KINDS):
                channels[kind.value] = sorted(chosen)
        return data | {"channels": channels}

    @property
    def kinds(self) -> list[tuple[str, str, list[tuple[str, str, bool]]]]:
        """Return (field, label, (channel, its label, chosen)) of each kind, for the table."""
        rows = []
        for kind in AlertKind:
            bound = self[f"kind_{kind.value}"]
            value = set(bound.value() or ())
            rows.append(
                (
                    bound.html_name,
                    kind.label,
                    [(code, label, code in value) for code, label in Channel.choices],
                )
            )
        return rows


class PersonForm(forms.Form):
    """Which alerts about one person leave the screen."""

    choice = forms.ChoiceField(choices=PersonChoice.choices)


class DeviceForm(forms.Form):
    """The address and the keys that a browser gives."""

    endpoint = forms.CharField(max_length=1000)
    p256dh = forms.CharField(max_length=200)
    auth = forms.CharField(max_length=60)
    label = forms.CharField(max_length=80, required=False)


class ShiftForm(forms.Form):
    """Who is on duty, from when to when."""

    gesture = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    role = forms.TypedChoiceField(label="Personne d’astreinte", coerce=int)
    starts_at = forms.DateTimeField(
        label="Du", widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    ends_at = forms.DateTimeField(
        label="Au", widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )

    def __init__(self, *args: Any, colleagues: list[tuple[int, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["role"].choices = colleagues
