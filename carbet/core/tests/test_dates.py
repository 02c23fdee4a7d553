"""Days and hours are said as French says them, alone and in a sentence."""

from datetime import UTC, date, datetime

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from carbet.core.templatetags.carbet import day, moment

TODAY = date(2026, 11, 26)


@pytest.fixture(autouse=True)
def today(monkeypatch):
    """Stop the clock on a Thursday."""
    monkeypatch.setattr(timezone, "localdate", lambda: TODAY)


@pytest.mark.parametrize(
    ("said", "alone", "in_a_sentence"),
    [
        (date(2026, 11, 26), "aujourd’hui", "aujourd’hui"),
        (date(2026, 11, 25), "hier", "hier"),
        (date(2026, 11, 27), "demain", "demain"),
        (date(2026, 12, 1), "mardi 1er décembre", "le mardi 1er décembre"),
        (date(2026, 6, 30), "30 juin", "le 30 juin"),
        (date(2025, 3, 1), "1er mars 2025", "le 1er mars 2025"),
    ],
)
def test_a_date_takes_its_article_and_a_near_day_does_not(said, alone, in_a_sentence):
    assert strip_tags(day(said)) == alone
    assert strip_tags(day(said, "le")) == in_a_sentence


def test_an_hour_never_breaks_between_two_lines():
    assert strip_tags(moment(datetime(2026, 11, 3, 17, 5, tzinfo=UTC), "le")) == (
        "le 3 novembre à 14\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}05"
    )
    assert strip_tags(moment(datetime(2026, 11, 3, 17, tzinfo=UTC))) == (
        "3 novembre à 14\N{NO-BREAK SPACE}h"
    )
