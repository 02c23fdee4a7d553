"""What each rule proposes, in tables that a clinician can read."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbet.coordination.detection import rules
from carbet.coordination.detection.choices import RuleCode, Severity
from carbet.coordination.detection.rules import Fact, Facts
from carbet.core.actor import DataCategory

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ADULT, CHILD = date(1951, 3, 14), date(2018, 1, 1)


def facts(*said, kind="measure", category=DataCategory.MEDICAL):
    """Return facts from (days ago, value), from the oldest to the latest."""
    return [
        Fact(kind, number, NOW - timedelta(days=days), "", Decimal(str(value)), category)
        for number, (days, value) in enumerate(sorted(said, key=lambda each: -each[0]))
    ]


def found(code, **given_facts):
    return {each.rule: each for each in rules.look(Facts(**given_facts), now=NOW)}.get(code)


@pytest.mark.parametrize(
    ("born", "weights", "severity"),
    [
        (ADULT, [(30, 60), (0, 57)], Severity.MODERATE),
        (ADULT, [(30, 60), (0, 57.1)], None),
        (ADULT, [(30, 60), (0, 54)], Severity.HIGH),
        (ADULT, [(180, 60), (0, 54)], Severity.MODERATE),
        (ADULT, [(180, 60), (0, 54.1)], None),
        (ADULT, [(180, 60), (0, 51)], Severity.HIGH),
        (ADULT, [(200, 60), (0, 51)], None),
        (ADULT, [(25, 58), (20, 60), (0, 57)], Severity.MODERATE),
        (ADULT, [(60, 60), (40, 54)], None),
        (ADULT, [(0, 57)], None),
        (ADULT, [], None),
        (CHILD, [(30, 20), (0, 18)], None),
        (None, [(30, 60), (0, 50)], None),
    ],
)
def test_weight_loss_follows_the_criterion_of_the_has(born, weights, severity):
    issue = found(RuleCode.WEIGHT_LOSS, birth_date=born, weights=facts(*weights))
    assert (issue.severity if issue else None) == severity


def test_the_reason_says_the_facts_and_the_threshold():
    issue = found(RuleCode.WEIGHT_LOSS, birth_date=ADULT, weights=facts((30, 65.5), (0, 61.4)))
    assert issue.reason == (
        "4,1 kg perdus en un mois : 65,5 kg, puis 61,4 kg (6,3 %). Seuil : 5 %."
    )
    assert [fact.value for fact in issue.evidence] == [Decimal("65.5"), Decimal("61.4")]


@pytest.mark.parametrize(
    ("weights", "proposes"),
    [
        ([(6, 60), (0, 63)], True),
        ([(6, 60), (0, 62.9)], False),
        ([(8, 60), (0, 63)], False),
        ([(15, 60), (10, 63)], False),
    ],
)
def test_three_kilos_in_a_week_are_worth_a_look(weights, proposes):
    issue = found(RuleCode.WEIGHT_GAIN, birth_date=ADULT, weights=facts(*weights))
    assert (issue is not None) is proposes


@pytest.mark.parametrize(
    ("days", "proposes"),
    [
        ([80, 40, 1], True),
        ([91, 40, 1], False),
        ([40, 40.1, 1], False),
        ([2, 1], False),
        ([60, 40, 20, 1], True),
    ],
)
def test_falls_count_by_day_within_90_days(days, proposes):
    issue = found(RuleCode.FALLS, falls=facts(*((day, 0) for day in days), kind="note"))
    assert (issue is not None) is proposes


def test_falls_told_in_social_notes_stay_open_to_social_members():
    social = facts((3, 0), (2, 0), (1, 0), category=DataCategory.SOCIAL)
    assert found(RuleCode.FALLS, falls=social).category == DataCategory.SOCIAL
    mixed = [*social[:2], *facts((1, 0))]
    assert found(RuleCode.FALLS, falls=mixed).category == DataCategory.MEDICAL


@pytest.mark.parametrize(
    ("name", "rule", "days", "proposes"),
    [
        ("missed", RuleCode.MISSED_VISITS, [20, 3], True),
        ("missed", RuleCode.MISSED_VISITS, [31, 3], False),
        ("missed", RuleCode.MISSED_VISITS, [3], False),
        ("admissions", RuleCode.ADMISSIONS, [89, 3], True),
        ("admissions", RuleCode.ADMISSIONS, [91, 3], False),
        ("admissions", RuleCode.ADMISSIONS, [3], False),
    ],
)
def test_events_are_counted_within_their_span(name, rule, days, proposes):
    issue = found(rule, **{name: facts(*((day, 0) for day in days))})
    assert (issue is not None) is proposes


@pytest.mark.parametrize(
    ("pains", "proposes"),
    [
        ([(3, 7), (1, 8)], True),
        ([(3, 7), (1, 6)], False),
        ([(3, 9), (2, 8), (1, 3)], False),
        ([(0.1, 8), (0.2, 9)], False),
        ([(9, 8), (1, 8)], False),
    ],
)
def test_a_strong_pain_that_lasts(pains, proposes):
    assert (found(RuleCode.PAIN, pains=facts(*pains)) is not None) is proposes


@pytest.mark.parametrize(
    ("values", "proposes"),
    [([(1, 89)], True), ([(1, 90)], False), ([(1, 85), (0.5, 94)], False), ([(3, 85)], False)],
)
def test_only_the_latest_saturation_counts(values, proposes):
    assert (found(RuleCode.OXYGEN, saturations=facts(*values)) is not None) is proposes


@pytest.mark.parametrize(
    ("gir", "severity"),
    [
        ([(100, 4), (1, 3)], Severity.MODERATE),
        ([(100, 4), (1, 2)], Severity.HIGH),
        ([(100, 4), (1, 4)], None),
        ([(100, 3), (1, 4)], None),
        ([(400, 4), (200, 3)], None),
        ([(1, 2)], None),
    ],
)
def test_a_lower_gir_is_less_autonomy(gir, severity):
    issue = found(RuleCode.DEPENDENCE, gir=facts(*gir))
    assert (issue.severity if issue else None) == severity


@pytest.mark.parametrize(("total", "proposes"), [(5, True), (7, True), (4.5, False), (0, False)])
def test_a_heavy_burden_of_the_caregiver(total, proposes):
    issue = found(RuleCode.CAREGIVER, burdens=facts((10, total)))
    assert (issue is not None) is proposes


@pytest.mark.parametrize(("days", "proposes"), [(30, True), (29, False), (None, False)])
def test_silence_while_a_case_is_open(days, proposes):
    since = None if days is None else NOW - timedelta(days=days)
    assert (found(RuleCode.SILENCE, quiet_since=since) is not None) is proposes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A chuté ce matin dans la douche.", True),
        ("Nouvelle chute, sans gravité.", True),
        ("Est tombée de son lit", True),
        ("Retrouvée au sol : tombée vers 6 h.", True),
        ("Pas de douleur, chute cette nuit.", True),
        ("Pas de chute.", False),
        ("Aucune nouvelle chute depuis lundi", False),
        ("N’est pas tombée.", False),
        ("Risque élevé de chute : barrières posées.", False),
        ("A peur de tomber.", False),
        ("Prévention des chutes expliquée", False),
        ("Température tombée à 37", False),
        ("La tension a chuté", False),
        ("Chute de tension", True),
        ("Va bien, a marché jusqu’au dégrad.", False),
        ("", False),
    ],
)
def test_what_a_note_tells_of_a_fall(text, told):
    assert rules.speaks_of_fall(text) is told


@given(st.text(max_size=400))
def test_any_text_is_read(text):
    assert rules.speaks_of_fall(text) in (True, False)


# A busy machine draws slowly: time is judged by the benchmarks, not here.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 400), st.decimals("20", "200", places=1)), max_size=8))
def test_a_proposal_always_stands_on_facts_that_are_past(weights):
    for issue in rules.look(Facts(birth_date=ADULT, weights=facts(*weights)), now=NOW):
        assert issue.evidence
        assert issue.latest_at <= NOW
        assert len(issue.reason) <= 500
