"""Shape of what is asked in an address: which month, which number, from where on."""

import re
from datetime import date

from django import forms
from django.http import QueryDict
from django.template.defaultfilters import date as format_date

from carbet.core.identifiers import from_short_id
from carbet.steering.activity import rules

FIRST = date(2000, 1, 1)


_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


def parse_month(text: str) -> date | None:
    """Return the first day of a month written « 2026-11 »; None when it is no month since 2000."""
    found = _MONTH.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 12 or int(found[1]) < FIRST.year:
        return None
    return date(int(found[1]), int(found[2]), 1)


def read_month(asked: QueryDict, *, today: date) -> date:
    """Return the first day of the month asked; of this month when it is none, or to come."""
    now = rules.month_of(today)
    return min(parse_month(asked.get("mois", "")) or now, now)


class MonthForm(forms.Form):
    """The month of a report: one that has begun."""

    mois = forms.CharField(
        label="Mois",
        max_length=7,
        help_text="Année et mois, par exemple 2026-10.",
        widget=forms.TextInput(attrs={"type": "month", "autocomplete": "off"}),
        error_messages={
            "required": "Choisissez un mois.",
            "max_length": "Indiquez l’année et le mois, par exemple 2026-10.",
        },
    )

    def __init__(self, data: QueryDict | dict[str, str] | None = None, *, today: date) -> None:
        self.this_month = rules.month_of(today)
        super().__init__(data)

    def clean_mois(self) -> date:
        month = parse_month(self.cleaned_data["mois"])
        if month is None:
            raise forms.ValidationError("Indiquez l’année et le mois, par exemple 2026-10.")
        if month > self.this_month:
            raise forms.ValidationError(
                "Ce mois n’a pas commencé : choisissez"
                f" {format_date(self.this_month, 'F Y')} ou un mois passé."
            )
        return month


def read_position(asked: QueryDict) -> int:
    """Return the number after which a list goes on, 0 for its start."""
    try:
        return from_short_id(asked.get("suite", ""))
    except ValueError:
        return 0
