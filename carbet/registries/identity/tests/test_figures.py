"""Each figure by domain and month, counted again from the rows, one by one."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from statistics import mean, median

import pytest
from django.urls import reverse
from django.utils import timezone

from carbet.core import row_security
from carbet.core.models import AuditEvent
from carbet.registries.identity import operations, queries
from carbet.registries.identity.models import (
    IdentityDomain,
    LocalIdentity,
    Pair,
    Reconciliation,
)
from carbet.registries.identity.tests.factories import HOUSE, claire, domain, somebody, told
from tests.world import NOW

pytestmark = pytest.mark.django_db

# The last day of September in Cayenne is already October in Greenwich.
SEPTEMBER, LATE, OCTOBER, NOVEMBER = (
    datetime(2026, 9, 10, 15, tzinfo=UTC),
    datetime(2026, 10, 1, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 20, 12, tzinfo=UTC),
    datetime(2026, 11, 5, 12, tzinfo=UTC),
)
MONTHS = [date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)]


@pytest.fixture
def autumn(world):
    """Three months of two hospitals: doubts, a double, a collision, links, an undoing."""
    agent = world.actor("identity_agent")
    chc, chog = domain("chc"), domain("chog")
    told(chc, "1", claire(birth_given=("CLAIRE",)), now=SEPTEMBER)
    told(chog, "1", claire(birth_given=("CLÉA",), birth_family="RÉJIS"), now=SEPTEMBER)
    told(chc, "2", somebody(), now=SEPTEMBER)
    told(chog, "2", somebody(), now=LATE)
    told(chc, "3", somebody(birth_given=("JOHANNES",)), now=LATE)
    told(chog, "9", somebody(birth_family="WEYMAN", birth_given=("ANA",)), now=LATE)
    told(
        chog,
        "9",
        claire(birth_family="LETARD", birth_given=("PAUL",), gender="male"),
        now=OCTOBER,
    )
    told(chc, "4", somebody(birth_family="POLONIE", birth_given=("RIA",)), now=OCTOBER)
    told(
        chc,
        "4",
        somebody(
            birth_family="POLONIE", birth_given=("RIA",), ins_recovered=True, identity_checked=True
        ),
        now=NOVEMBER,
        said_at=NOVEMBER,
    )
    for rank, pair in enumerate(rows(Pair)):
        if pair.second_id is None:
            continue
        operations.decide(
            actor=agent,
            now=pair.found_at + timedelta(days=3 + 30 * rank),
            pair_id=pair.pk,
            version=pair.version,
            verdict=("same", "different")[rank % 2],
            reason="vu",
        )
    for link in rows(Reconciliation):
        if link.automatic:
            operations.undo(
                actor=agent, now=NOVEMBER, reconciliation_id=link.pk, reason="deux frères"
            )
    return agent


def rows(model, **asked):
    with row_security.acting_as(HOUSE, now=NOW):
        return list(model.objects.filter(**asked).order_by("pk"))


def month(moment):
    day = timezone.localdate(moment)
    return date(day.year, day.month, 1)


def test_what_happened_is_worth_counting(autumn):
    kinds = {pair.kind for pair in rows(Pair)}
    assert {"collision", "domain", "doubtful"} <= kinds
    assert [each.kind for each in rows(Reconciliation)].count("undo") >= 1
    assert {each.state for each in rows(Pair)} >= {"open", "same", "different"}


def test_each_figure_is_what_the_rows_say(autumn):
    with row_security.acting_as(HOUSE, now=NOW):
        found = {
            (each.month, each.domain.pk): each
            for each in queries.by_month(first=MONTHS[0], last=MONTHS[-1])
        }
        versions = list(LocalIdentity.pgh_event_model.objects.order_by("pgh_id"))
    places = {row.pk: row.domain_id for row in rows(LocalIdentity)}
    pairs, decided = rows(Pair), rows(Reconciliation)
    by_number = {each.pk: each for each in decided}
    assert len(found) == 3 * IdentityDomain.objects.count()
    counted = 0
    for (of, place), figures in found.items():
        last = {}
        for version in versions:
            if month(version.updated_at) <= of and version.domain_id == place:
                last[version.pgh_obj_id] = version
        used = [row for row in last.values() if row.state == "active" and row.known]
        statuses = {
            (True, True): "QUAL",
            (True, False): "RECUP",
            (False, True): "VALI",
            (False, False): "PROV",
        }
        said = [statuses[row.ins_recovered, row.identity_checked] for row in used]
        assert figures.statuses == {name: said.count(name) for name in queries.STATUSES}
        assert figures.doubtful == sum(bool({"DOUT", "FICT"} & set(r.attributes)) for r in used)
        assert figures.created == sum(
            month(row.created_at) == of and row.domain_id == place for row in rows(LocalIdentity)
        )
        for family, names in (
            (queries.DOUBLES, ("domain", "records")),
            (queries.COLLISIONS, ("collision",)),
            (queries.DOUBTS, ("doubtful",)),
        ):
            mine = [
                pair
                for pair in pairs
                if pair.kind in names
                and place in {places[pair.first_id], places.get(pair.second_id)}
            ]
            treated = figures.treated[family]
            days = [
                (pair.decided_at - pair.found_at) / timedelta(days=1)
                for pair in mine
                if pair.decided_at and month(pair.decided_at) == of
            ]
            assert treated.found == sum(month(pair.found_at) == of for pair in mine)
            assert treated.decided == len(days)
            assert treated.waiting == sum(
                month(pair.found_at) <= of
                and (pair.decided_at is None or month(pair.decided_at) > of)
                for pair in mine
            )
            assert treated.mean_days == (pytest.approx(mean(days), abs=0.051) if days else None)
            assert treated.median_days == (pytest.approx(median(days), abs=0.051) if days else None)
            counted += treated.found + treated.decided
        linked = undone = 0
        for each in decided:
            told_of = by_number.get(each.undoes_id, each)
            concerned = {places[told_of.first_id], places.get(told_of.second_id)}
            if month(each.decided_at) == of and place in concerned and told_of.automatic:
                linked += each.kind == "link"
                undone += each.kind == "undo"
        assert (figures.linked, figures.undone) == (linked, undone)
        counted += linked + undone
    assert counted >= 10


def test_a_late_evening_counts_in_its_own_month(autumn):
    with row_security.acting_as(HOUSE, now=NOW):
        [here] = [
            each
            for each in queries.by_month(first=MONTHS[0], last=MONTHS[0])
            if each.domain.slug == "chog"
        ]
    assert here.created == 3


def test_the_table_says_the_same_and_its_reading_is_traced(autumn, world, sign_in):
    agent = sign_in(world.accounts["identity_agent"], role=world.roles["identity_agent"])
    answer = agent.get(reverse("identity:statistics_csv"), {"mois": "2"})
    assert answer["Content-Type"].startswith("text/csv")
    text = answer.content.decode()
    assert text.startswith("\ufeff")
    lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))
    with row_security.acting_as(HOUSE, now=NOW):
        figures = queries.by_month(first=MONTHS[0], last=MONTHS[-1])
    assert len(lines) == len(figures)
    for line, each in zip(lines, figures, strict=True):
        assert (line["Mois"], line["Domaine"]) == (f"{each.month:%Y-%m}", each.domain.name)
        assert int(line["Qualifiées"]) == each.statuses["QUAL"]
        assert int(line["Collisions : en attente"]) == each.treated["collisions"].waiting
        delay = each.treated["doubts"].mean_days
        said = line["Rapprochements douteux : délai moyen (j)"]
        assert said == ("" if delay is None else str(delay).replace(".", ","))
    assert rows(AuditEvent, operation="identity.export")
    page = agent.get(reverse("identity:statistics"), {"mois": "1"}).content.decode()
    assert "octobre 2026" in page
    for odd in ("-1", "x", "99999", "²", "\x00"):
        assert agent.get(reverse("identity:statistics"), {"mois": odd}).status_code == 200


def test_a_name_of_a_domain_is_no_formula(world, sign_in):
    operations.open_domain(actor=HOUSE, now=NOW, slug="odd", name="=1+1")
    agent = sign_in(world.accounts["identity_agent"], role=world.roles["identity_agent"])
    text = agent.get(reverse("identity:statistics_csv"), {"mois": "0"}).content.decode()
    assert ";'=1+1;" in text
