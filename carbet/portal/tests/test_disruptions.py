"""Disruptions of regional services: declared, changed, ended by the region, seen by all."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.core.live import EVERYONE
from carbet.core.models import AuditEvent, LiveEvent
from carbet.core.operation import UnableToAct
from carbet.portal import operations, queries, rules
from carbet.portal.models import Disruption

NOON = datetime(2026, 11, 26, 15, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def as_role(world, sign_in, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return lambda key: sign_in(world.accounts[key], role=world.roles.get(key))


def declare(world, **said):
    wanted = {
        "service": "directory",
        "kind": "incident",
        "title": "Recherche lente",
        "message": "Cherchez par commune.",
        "starts_at": world.now - HOUR,
        "ends_at": None,
        "gesture": uuid.uuid4(),
    }
    return operations.declare_disruption(
        actor=world.actor("operator"), now=world.now, **(wanted | said)
    )


def tile(client, key="directory"):
    page = client.get("/")
    (found,) = (each for each in page.context["services"] if each.key == key)
    return found.status


# kind, starts, ends, said over (in hours from noon), what it is at noon
@pytest.mark.parametrize(
    ("kind", "starts", "ends", "over", "state"),
    [
        ("incident", -1, None, None, "under_way"),
        ("incident", -3, -1, None, "under_way"),  # hoped for is not over
        ("incident", -3, 2, -1, "ended"),
        ("maintenance", 2, 4, None, "planned"),
        ("maintenance", -1, 1, None, "under_way"),
        ("maintenance", -3, 0, None, "ended"),
        ("maintenance", -3, 2, -1, "ended"),
        ("maintenance", 2, 4, -1, "cancelled"),
    ],
)
def test_what_a_disruption_is_follows_from_its_dates(kind, starts, ends, over, state):
    found = rules.state(
        kind=kind,
        starts_at=NOON + starts * HOUR,
        ends_at=None if ends is None else NOON + ends * HOUR,
        ended_at=None if over is None else NOON + over * HOUR,
        now=NOON,
    )
    assert found == state


@pytest.mark.parametrize(
    ("kind", "starts", "ends", "field"),
    [
        ("incident", -1, None, None),
        ("incident", -1, 2, None),
        ("incident", 1, None, "starts_at"),
        ("incident", -1, -2, "ends_at"),
        ("incident", -24 * 100, None, "starts_at"),
        ("incident", -1, 24 * 400, "ends_at"),
        ("maintenance", 1, 2, None),
        ("maintenance", -1, 2, None),
        ("maintenance", 1, None, "ends_at"),
        ("maintenance", 2, 1, "ends_at"),
        ("maintenance", -2, -1, "ends_at"),
        ("maintenance", 24 * 400, 24 * 401, "starts_at"),
    ],
)
def test_dates_that_make_no_sense_are_refused_at_their_field(kind, starts, ends, field):
    found = rules.wrong(
        kind=kind,
        starts_at=NOON + starts * HOUR,
        ends_at=None if ends is None else NOON + ends * HOUR,
        now=NOON,
    )
    assert (found and found[0]) == field


@pytest.mark.django_db
def test_an_incident_is_on_the_tile_and_the_page_until_it_ends(world, as_role):
    assert tile(as_role("gp")) == "En service"
    row = declare(world)
    gp = as_role("gp")
    assert tile(gp) == "Incident"
    for address in ("/", "/services/", "/services/etat/"):
        assert "Recherche lente" in gp.get(address).content.decode()
    assert tile(gp, "patients") == "En service"
    operations.end_disruption(
        actor=world.actor("operator"), now=world.now, disruption_id=row.pk, outcome="Réparé."
    )
    assert tile(as_role("nurse")) == "En service"
    page = gp.get("/services/etat/").content.decode()
    assert "Rien à signaler" in page
    assert "Réparé." in page


def lines(client, address="/patients/"):
    """Return what the top of a page warns of."""
    page = client.get(address).content.decode()
    return re.findall(r'<p class="tone-(\w+)"><a href="[^"]*">([^<]*)</a></p>', page)


@pytest.mark.django_db
def test_what_is_under_way_is_at_the_top_of_every_page_of_professionals_alone(world, as_role):
    gp = as_role("gp")
    assert lines(gp) == []
    row = declare(world, title="<b>Lente</b>")
    declare(
        world, kind="maintenance", service="ror", title="Bascule", starts_at=world.now - HOUR,
        ends_at=world.now + HOUR,
    )  # fmt: skip
    declare(
        world, kind="maintenance", title="Plus tard", starts_at=world.now + DAY,
        ends_at=world.now + 2 * DAY,
    )  # fmt: skip
    declare(world, title="Ancienne", starts_at=world.now - 2 * DAY)
    # Incidents first, the latest first; two at most.
    said = [
        ("danger", "Incident : &lt;b&gt;Lente&lt;/b&gt; (Annuaire régional)"),
        ("danger", "Incident : Ancienne (Annuaire régional)"),
    ]
    assert lines(as_role("gp")) == said
    assert lines(as_role("nurse"), reverse("disruptions:notices")) == said
    operations.end_disruption(
        actor=world.actor("operator"), now=world.now, disruption_id=row.pk, outcome=""
    )
    assert [tone for tone, _ in lines(as_role("nurse"))] == ["danger", "warning"]
    person = as_role("claire")
    assert "Ancienne" not in person.get("/mon-dossier/").content.decode()
    assert person.get(reverse("disruptions:notices")).status_code == 404
    person.logout()
    assert "Ancienne" not in person.get("/compte/connexion/").content.decode()


@pytest.mark.django_db
def test_a_line_at_the_top_costs_no_query(world, as_role):
    gp = as_role("gp")

    def asked():
        with CaptureQueriesContext(connection) as captured:
            assert gp.get("/patients/").status_code == 200
        return len(captured)

    gp.get("/patients/")
    before = asked()
    declare(world)
    assert asked() == before
    assert lines(gp)


@pytest.mark.django_db
def test_a_maintenance_is_announced_a_week_before_and_listed_from_the_start(world, as_role):
    declare(
        world, kind="maintenance", title="Mise à jour", starts_at=world.now + 6 * DAY,
        ends_at=world.now + 6 * DAY + HOUR,
    )  # fmt: skip
    far = declare(
        world, kind="maintenance", service="ror", title="Bascule",
        starts_at=world.now + 30 * DAY, ends_at=world.now + 31 * DAY,
    )  # fmt: skip
    gp = as_role("gp")
    assert tile(gp) == "Maintenance prévue"
    assert tile(gp, "ror") == "Hors de Carbet"
    assert "Bascule" in gp.get("/services/etat/").content.decode()
    operations.end_disruption(
        actor=world.actor("operator"), now=world.now, disruption_id=far.pk, outcome=""
    )
    assert queries.held(Disruption.objects.get(pk=far.pk), now=world.now).state == "cancelled"


@pytest.mark.django_db
def test_of_two_disruptions_the_tile_says_the_worst(world, as_role):
    declare(world, kind="maintenance", starts_at=world.now - HOUR, ends_at=world.now + DAY)
    assert tile(as_role("gp")) == "En maintenance"
    declare(world)
    assert tile(as_role("gp")) == "Incident"


@pytest.mark.django_db
def test_each_step_is_traced_told_to_open_screens_and_kept(world, as_role):
    gesture = uuid.uuid4()
    row = declare(world, gesture=gesture)
    assert declare(world, gesture=gesture).pk == row.pk
    named = {"actor": world.actor("operator"), "disruption_id": row.pk}
    operations.change_disruption(
        **named, now=world.later(minutes=5), version=1, title="Recherche en panne",
        message="Le 15 répond.", starts_at=row.starts_at, ends_at=world.now + HOUR,
    )  # fmt: skip
    operations.end_disruption(**named, now=world.later(minutes=5), outcome="Disque changé.")
    with row_security.acting_as(internal("test")):
        said = AuditEvent.objects.filter(operation__startswith="disruption.").order_by("pk")
        names = [each.operation.partition(".")[2] for each in said]
        told = LiveEvent.objects.filter(recipient=EVERYONE, kind="service").count()
    # The second click is traced, and changes nothing.
    assert names == ["declare", "declare", "change", "end"]
    assert told == 3
    page = as_role("gp").get(f"/services/etat/{reverse_id(row)}/").content.decode()
    for words in ("Cherchez par commune.", "Le 15 répond.", "Disque changé.", "Recherche lente"):
        assert words in page


def reverse_id(row):
    return reverse("disruptions:detail", args=[row.pk]).rstrip("/").rpartition("/")[2]


@pytest.mark.django_db
def test_only_the_region_declares(world, as_role):
    row = declare(world)
    for key in ("gp", "coordinator", "agency"):
        with pytest.raises(UnableToAct):
            operations.end_disruption(
                actor=world.actor(key), now=world.now, disruption_id=row.pk, outcome=""
            )
        client = as_role(key)
        for name in ("change", "end"):
            assert client.get(reverse(f"disruptions:{name}", args=[row.pk])).status_code == 403
        assert client.post(reverse("disruptions:declare"), {}).status_code == 403
        assert "declarer" not in client.get("/services/etat/").content.decode()
    row.refresh_from_db()
    assert row.ended_at is None
    assert as_role("claire").get("/services/etat/").status_code == 404


def typed(moment):
    """Return a moment as a browser in Guyane sends it."""
    return (moment - 3 * HOUR).strftime("%Y-%m-%dT%H:%M")


def sent(world, **said):
    return {
        "service": "directory", "kind": "incident", "title": "Connexion impossible",
        "starts_at": typed(world.now - HOUR), "ends_at": "", "message": "", "gesture": uuid.uuid4(),
    } | said  # fmt: skip


@pytest.mark.django_db
def test_the_form_declares_on_the_wall_clock_of_guyane(world, as_role):
    operator = as_role("operator")
    answer = operator.post(reverse("disruptions:declare"), sent(world), follow=True)
    assert "Déclaré" in answer.content.decode()
    assert Disruption.objects.get().starts_at == (world.now - HOUR).replace(second=0, microsecond=0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"title": ""}, "title", "obligatoire"),
        ({"title": "x" * 20_000}, "title", "120"),
        ({"title": "nul\0"}, "title", "nul"),
        ({"message": "é" * 20_000}, "message", "1000"),
        ({"service": "unknown"}, "service", "choix"),
        ({"kind": "earthquake"}, "kind", "choix"),
        ({"starts_at": "hier"}, "starts_at", "un jour et une heure"),
        ({"starts_at": DAY}, "starts_at", "maintenance"),
        ({"ends_at": -DAY}, "ends_at", "après le début"),
        ({"kind": "maintenance", "starts_at": DAY}, "ends_at", "doit finir"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(world, as_role, said, field, words):
    said = {n: typed(world.now + v) if isinstance(v, timedelta) else v for n, v in said.items()}
    answer = as_role("operator").post(reverse("disruptions:declare"), sent(world, **said))
    assert answer.status_code == 422
    assert words in " ".join(answer.context["form"].errors[field])
    assert not Disruption.objects.exists()


@pytest.mark.django_db
def test_two_who_change_it_at_once_do_not_overwrite_each_other(world, as_role):
    row = declare(world, title="Un")
    operator = as_role("operator")
    address = reverse("disruptions:change", args=[row.pk])
    form = operator.get(address).context["form"]
    said = {name: form[name].value() for name in ("message", "version")}
    said |= {"starts_at": typed(world.now - HOUR), "title": "Deux"}
    Disruption.objects.filter(pk=row.pk).update(version=2, updated_by_name="Une autre")
    answer = operator.post(address, said)
    assert answer.status_code == 422
    assert "Une autre vient de la modifier" in answer.content.decode()
    assert "Deux" in answer.content.decode()
    row.refresh_from_db()
    assert row.title == "Un"


@pytest.mark.django_db
def test_what_ended_is_not_ended_again(world, as_role):
    row = declare(world)
    operator = as_role("operator")
    address = reverse("disruptions:end", args=[row.pk])
    assert operator.post(address, {"outcome": "Fait."}).status_code == 302
    answer = operator.post(address, {"outcome": "Encore."})
    assert answer.status_code == 422
    assert "déjà terminé" in answer.content.decode()
    row.refresh_from_db()
    assert row.outcome == "Fait."


@pytest.mark.django_db
@pytest.mark.parametrize("number", [1, 25])
def test_the_pages_cost_the_same_whatever_was_declared(world, as_role, number):
    for _ in range(number):
        row = declare(world)
        over = declare(world)
        operations.end_disruption(
            actor=world.actor("operator"), now=world.now, disruption_id=over.pk, outcome=""
        )
    gp = as_role("gp")
    detail = reverse("disruptions:detail", args=[row.pk])
    for address, most in (("/services/etat/", 6), (detail, 6), ("/services/", 5)):
        gp.get(address)
        with CaptureQueriesContext(connection) as captured:
            page = gp.get(address)
        assert page.status_code == 200
        assert len([one for one in captured if "SAVEPOINT" not in one["sql"]]) <= most
    page = gp.get("/services/etat/")
    assert len(page.context["past"]) == min(number, queries.PAGE)
    if number > queries.PAGE:
        rest = gp.get(f"/services/etat/?avant={page.context['next']}").context["past"]
        assert len(rest) == number - queries.PAGE
