"""The pages of the agenda, as each reader meets them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar

from carbet.coordination.scheduling import operations
from carbet.coordination.scheduling.models import Appointment, CalendarFeed, Slot
from carbet.core import clock, row_security
from carbet.core.actor import SYSTEM, Actor, internal, organization_key
from carbet.core.identifiers import short_id
from carbet.registries.directory.models import Commune
from tests.world import NOW

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def now(world, monkeypatch):
    """Stop the clock of requests at the moment of the world, which moves with `world.later`."""
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world.now


@pytest.fixture
def patient(world, now):
    return world.circle("nurse", "home_help", "physio").patient


@pytest.fixture
def open_as(world, sign_in):
    def open_as(key):
        return sign_in(world.accounts[key], role=world.roles[key])

    return open_as


@pytest.fixture(autouse=True)
def own_clock():
    """No test reads hours on the clock that another test chose."""
    yield
    timezone.deactivate()


def plan(world, patient, *roles, by="nurse", at=24, minutes=30, **given):
    start = world.now + at * HOUR
    asked = {"gesture": uuid4(), "start": start, "end": start + timedelta(minutes=minutes)} | given
    return operations.schedule(
        actor=world.actor(by),
        now=world.now,
        patient=patient,
        roles=[world.roles[key] for key in roles or (by,)],
        **asked,
    )


def address(name, patient, *rest):
    return reverse(f"scheduling:{name}", args=[patient.pk, *rest])


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def typed(world, key="nurse", on="2026-11-23", hour="09:00", **given):
    return {
        "gesture": str(uuid4()),
        "roles": [world.roles[key].pk],
        "on": on,
        "hour": hour,
        "minutes": "30",
        "kind": "HH",
    } | given


def statements(client, url):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = client.get(url)
    assert answer.status_code == 200, url
    return [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]


MINE = reverse("scheduling:mine")


@pytest.mark.parametrize(
    ("key", "status"),
    [("gp", 200), ("secretary", 200), ("nurse", 200), ("other_gp", 404), ("coordinator", 404)],
)
def test_who_opens_the_agenda_of_a_person(world, patient, open_as, key, status):
    assert open_as(key).get(address("of_patient", patient)).status_code == status


def test_a_visit_is_fixed_from_the_record(world, patient, open_as):
    client = open_as("nurse")
    page = client.get(address("create", patient))
    assert page.status_code == 200
    answer = client.post(address("create", patient), typed(world, description="Pansement"))
    assert answer.status_code == 302
    [row] = everything(Appointment)
    # 9 h in Cayenne is noon in UTC.
    assert (row.start.hour, row.status, row.description) == (12, "booked", "Pansement")
    assert "Pansement" in client.get(address("of_patient", patient)).content.decode()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"on": ""}, "obligatoire"),
        ({"on": "32/13/2026"}, "jj/mm/aaaa"),
        ({"hour": "25:61"}, "hh:mm"),
        ({"minutes": "7"}, "choix"),
        ({"roles": []}, "Dites avec qui"),
        ({"roles": ["999999"]}, "choix"),
        ({"frequency": "WEEKLY", "until": "2026-11-01"}, "premier jour"),
        ({"frequency": "DAILY", "count": "3", "until": "2026-12-01"}, "pas les deux"),
        ({"description": "x" * 201}, "200"),
    ],
)
def test_bad_input_is_said_and_nothing_is_lost(world, patient, open_as, given, said):
    answer = open_as("nurse").post(
        address("create", patient), typed(world, **{"description": "gardé"} | given)
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert "gardé" in page or "description" in given
    assert everything(Appointment) == []


def test_a_clash_is_said_before_saving_then_saved_on_purpose(world, patient, open_as):
    plan(world, patient, at=24)
    client = open_as("nurse")
    form = typed(world, hour="09:15")
    answer = client.post(address("create", patient), form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Inès Robeiri n’est pas disponible de 9 h à 9 h 30" in page
    assert "La personne a déjà un rendez-vous de 9 h à 9 h 30" in page
    assert len(everything(Appointment)) == 1
    warned = answer.context["form"]["warned"].value()
    answer = client.post(address("create", patient), form | {"warned": warned})
    assert answer.status_code == 302
    assert everything(Appointment)[-1].overlap_accepted


def test_warnings_read_for_one_time_do_not_serve_for_another(world, patient, open_as):
    plan(world, patient, at=24)
    plan(world, patient, at=26)
    client = open_as("nurse")
    answer = client.post(address("create", patient), typed(world, hour="09:15"))
    warned = answer.context["form"]["warned"].value()
    answer = client.post(address("create", patient), typed(world, hour="11:15", warned=warned))
    assert answer.status_code == 422
    assert len(everything(Appointment)) == 2


def test_the_way_is_said_before_saving(world, patient, open_as):
    Commune.objects.filter(pk="97307").update(latitude=4.85, longitude=-52.33)
    Commune.objects.filter(pk="97304").update(latitude=5.16, longitude=-52.65)
    far = world.circle("nurse", birth_family="Loin", commune_id="97304", city="Kourou").patient
    plan(world, patient, at=24)
    answer = open_as("nurse").post(address("create", far), typed(world, hour="09:40"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "10 min entre deux visites" in page
    assert "trajet d’environ" in page


def test_a_series_is_fixed_and_says_how_it_comes_back(world, patient, open_as):
    client = open_as("nurse")
    form = typed(world, frequency="WEEKLY", days=["MO", "TH"], until="2026-12-31")
    assert client.post(address("create", patient), form).status_code == 302
    rows = everything(Appointment)
    assert len(rows) == 12
    page = client.get(address("of_patient", patient)).content.decode()
    assert "le lundi et jeudi" in page


@pytest.mark.parametrize("view", ["jour", "semaine", "mois"])
@pytest.mark.parametrize("number", [1, 6])
def test_one_s_own_agenda_costs_the_same_whatever_stands_in_it(
    world, patient, open_as, view, number
):
    for rank in range(number):
        plan(world, patient, at=24 + rank)
    client = open_as("nurse")
    asked = f"{MINE}?vue={view}&le=2026-11-23"
    assert len(statements(client, asked)) <= 8
    page = client.get(asked).content.decode()
    assert "Montgénie" in page
    assert "<title>Agenda" in page


@pytest.mark.parametrize("number", [1, 8])
def test_the_agenda_of_a_person_costs_the_same(world, patient, open_as, number):
    for rank in range(number):
        plan(world, patient, at=24 + rank)
    assert len(statements(open_as("gp"), address("of_patient", patient))) <= 8


@pytest.mark.parametrize("asked", ["?vue=siecle", "?le=hier", "?le=9999-99-99", "?role=!!", ""])
def test_an_unreadable_address_is_no_error(world, patient, open_as, asked):
    assert open_as("nurse").get(MINE + asked).status_code in (200, 404)


def test_the_swapped_fragment_is_the_reloaded_page(world, patient, open_as):
    client = open_as("nurse")
    plan(world, patient)
    url = f"{MINE}?vue=jour&le=2026-11-23"
    page = client.get(url).content.decode()
    refreshed = client.get(url, headers={"X-Carbet-Refresh": "1"}).content.decode()
    cut = slice(page.index('id="agenda"'), page.index("</main>"))
    assert (
        page[cut].split("csrfmiddlewaretoken")[0]
        == refreshed[refreshed.index('id="agenda"') : refreshed.index("</main>")].split(
            "csrfmiddlewaretoken"
        )[0]
    )
    assert 'data-live-refresh="appointment"' in page


def test_whoever_left_the_circle_keeps_the_time_and_loses_the_person(world, patient, open_as):
    from carbet.coordination.care_teams import operations as care_teams
    from carbet.coordination.care_teams.models import CareTeamParticipant

    plan(world, patient)
    with row_security.acting_as(world.actor("gp"), now=world.now):
        stay = CareTeamParticipant.objects.select_related("care_team").get(
            patient_id=patient.pk, practitioner_role=world.roles["nurse"]
        )
    care_teams.end_participation(
        actor=world.actor("gp"), now=world.later(minutes=1), participant=stay
    )
    page = open_as("nurse").get(f"{MINE}?vue=jour&le=2026-11-23").content.decode()
    assert "Montgénie" not in page
    assert "Pris" in page


def test_a_colleague_sees_time_taken_and_a_stranger_nothing(world, patient, open_as):
    plan(world, patient)
    url = reverse("scheduling:colleague", args=[world.roles["nurse"].pk]) + "?le=2026-11-23"
    for key, seen in (("physio", True), ("gp", True), ("other_gp", False)):
        page = open_as(key).get(url).content.decode()
        assert ("Pris" in page.partition('id="agenda"')[2]) == seen, key
        assert "Montgénie" not in page


def test_a_request_is_answered_from_the_list(world, patient, open_as):
    row = plan(world, patient, "nurse", by="gp")
    client = open_as("nurse")
    page = client.get(reverse("scheduling:requests")).content.decode()
    assert "Accepter" in page
    answer = client.post(address("answer", patient, row.pk), {"answer": "accept"}, follow=True)
    assert "Rendez-vous accepté." in answer.content.decode()
    assert everything(Appointment)[0].status == "booked"


def test_another_time_then_agreed(world, patient, open_as):
    row = plan(world, patient, "nurse", by="gp")
    client = open_as("nurse")
    form = {
        "gesture": str(uuid4()),
        "on": "2026-11-24",
        "hour": "10:00",
        "minutes": "30",
        "kind": "HH",
        "version": str(row.version),
    }
    assert client.post(address("move", patient, row.pk), form).status_code == 302
    page = open_as("gp").get(reverse("scheduling:requests")).content.decode()
    assert "Un autre horaire vous est proposé" in page
    open_as("gp").post(address("agree", patient, row.pk), {"answer": "accept"})
    assert everything(Appointment)[0].status == "booked"


def test_an_older_version_on_screen_does_not_overwrite(world, patient, open_as):
    row = plan(world, patient)
    form = {
        "gesture": str(uuid4()),
        "on": "2026-11-24",
        "hour": "10:00",
        "minutes": "30",
        "kind": "HH",
        "version": str(row.version),
    }
    client = open_as("nurse")
    client.post(address("move", patient, row.pk), form)
    answer = client.post(
        address("move", patient, row.pk), form | {"hour": "11:00", "gesture": str(uuid4())}
    )
    assert answer.status_code == 422
    assert "a changé entre-temps" in answer.content.decode()


def test_cancelled_with_a_reason_then_undone(world, patient, open_as):
    row = plan(world, patient)
    client = open_as("nurse")
    assert client.post(address("cancel", patient, row.pk), {"reason": ""}).status_code == 422
    client.post(
        address("cancel", patient, row.pk),
        {"reason": "oth-weather", "comment": "Fleuve trop bas", "version": str(row.version)},
    )
    page = client.get(address("detail", patient, row.pk)).content.decode()
    assert "Fleuve trop bas" in page
    assert "Rétablir" in page
    client.post(address("reinstate", patient, row.pk))
    assert everything(Appointment)[0].status == "booked"


def test_the_order_of_a_round_is_changed(world, patient, open_as):
    other = world.circle("nurse", birth_family="Autre").patient
    first, second = plan(world, patient), plan(world, other, at=25)
    open_as("nurse").post(address("advance", other, second.pk))
    starts = {row.pk: row.start for row in everything(Appointment)}
    assert starts[second.pk] < starts[first.pk]


def test_slots_are_opened_shown_and_booked(world, patient, open_as):
    client = open_as("gp")
    form = {
        "on": "2026-11-24",
        "from_time": "14:00",
        "until_time": "15:00",
        "minutes": "20",
        "kind": "AMB",
        "weeks": "2",
    }
    assert client.post(reverse("scheduling:slots"), form).status_code == 302
    assert len(everything(Slot)) == 6
    nurse = open_as("nurse")
    page = nurse.get(address("create", patient)).content.decode()
    key = short_id(everything(Slot)[0].pk)
    assert f"creneau={key}" in page
    form = typed(world, "gp", on="2026-11-24", hour="14:00", kind="AMB", slot=key)
    assert nurse.post(address("create", patient), form).status_code == 302
    [row] = everything(Appointment)
    assert (row.status, everything(Slot)[0].status) == ("proposed", "busy-tentative")
    again = nurse.post(address("create", patient), form | {"gesture": str(uuid4())})
    assert again.status_code == 422
    assert "vient d’être pris" in again.content.decode()


def test_an_absence_says_which_visits_it_meets(world, patient, open_as):
    plan(world, patient)
    client = open_as("nurse")
    form = {
        "gesture": str(uuid4()),
        "kind": "leave",
        "start": "2026-11-23T07:00",
        "end": "2026-11-27T18:00",
    }
    assert client.post(reverse("scheduling:absences"), form).status_code == 302
    page = client.get(reverse("scheduling:absences")).content.decode()
    assert "1\N{NO-BREAK SPACE}rendez-vous tombe pendant cette absence" in page
    answer = client.post(address("create", patient), typed(world, on="2026-11-25"))
    assert "n’est pas disponible" in answer.content.decode()


# --- The private calendar ---


def subscribed(client):
    page = client.post(reverse("scheduling:subscription"), {"action": "ouvrir"})
    return page.context["address"].partition("://")[2].partition("/")[2]


def test_the_feed_gives_times_without_a_name(world, patient, open_as, client):
    plan(world, patient, description="Pansement d’escarre")
    operations.declare_absence(
        actor=world.actor("nurse"),
        now=world.now,
        role=world.roles["nurse"],
        start=world.now + 48 * HOUR,
        end=world.now + 50 * HOUR,
        gesture=uuid4(),
    )
    address = subscribed(open_as("nurse"))
    client.logout()
    answer = client.get(f"/{address}")
    assert answer["Content-Type"].startswith("text/calendar")
    text = answer.content.decode()
    for word in ("Claire", "Montgénie", "Régis", "Matoury", "Pansement"):
        assert word not in text
    read = Calendar.from_ical(text)
    visit, absence = read.walk("VEVENT")
    assert (str(visit["summary"]), str(absence["summary"])) == ("Visite CM", "Indisponible")
    assert visit.decoded("dtstart") == world.now + 24 * HOUR
    assert text.count("\r\n") == text.count("\n")


def test_a_closed_or_unknown_address_gives_nothing(world, open_as, client):
    nurse = open_as("nurse")
    address = subscribed(nurse)
    assert client.get(f"/{address}").status_code == 200
    renewed = subscribed(nurse)
    assert client.get(f"/{address}").status_code == 404
    nurse.post(reverse("scheduling:subscription"), {"action": "fermer"})
    assert client.get(f"/{renewed}").status_code == 404
    assert client.get("/agenda/flux/inconnu.ics").status_code == 404
    assert not any(feed.revoked_at is None for feed in everything(CalendarFeed))


def test_the_feed_closes_with_the_role_or_the_account(world, open_as, client):
    address = subscribed(open_as("nurse"))
    account = world.accounts["nurse"]
    account.is_active = False
    account.save()
    client.logout()
    assert client.get(f"/{address}").status_code == 404
    account.is_active = True
    account.save()
    right = world.roles["nurse"].rights.get()
    role = world.roles["nurse"]
    end, right.ended_at = right.ended_at, world.now
    right.save()
    assert client.get(f"/{address}").status_code == 404
    right.ended_at = end
    right.save()
    assert client.get(f"/{address}").status_code == 200
    role.ended_at = world.now
    role.save()
    assert client.get(f"/{address}").status_code == 404


def test_a_get_of_the_feed_writes_nothing_but_its_trace(world, patient, open_as, client):
    plan(world, patient)
    address = subscribed(open_as("nurse"))
    client.logout()
    with CaptureQueriesContext(connection) as captured:
        client.get(f"/{address}")
    writes = [one["sql"] for one in captured if one["sql"].startswith(("INSERT", "UPDATE"))]
    assert len(writes) == 1
    assert "core_auditevent" in writes[0]


# --- The reader's clock ---


def test_a_colleague_in_paris_reads_and_types_hours_of_paris(world, patient, open_as):
    plan(world, patient)  # noon UTC on the 23rd: 9 h in Cayenne, 13 h in Paris
    client = open_as("nurse")
    client.post(reverse("accounts:time_zone"), {"time_zone": "Europe/Paris"})
    page = client.get(f"{MINE}?vue=jour&le=2026-11-23").content.decode()
    assert "13\N{NO-BREAK SPACE}h" in page
    assert "heures de Paris" in page
    client.post(address("create", patient), typed(world, hour="15:00"))
    assert everything(Appointment)[-1].start.hour == 14
    # The next reader of the same thread is not in Paris.
    page = open_as("gp").get(address("of_patient", patient)).content.decode()
    assert "9\N{NO-BREAK SPACE}h" in page
    assert "Paris" not in page


def test_a_series_made_in_paris_follows_its_clock_across_the_change(world, patient, open_as):
    client = open_as("nurse")
    client.post(reverse("accounts:time_zone"), {"time_zone": "Europe/Paris"})
    world.later(days=110)  # the clocks of Paris go forward on 28 March 2027
    client.post(
        address("create", patient),
        typed(world, on="2027-03-27", hour="08:00", frequency="DAILY", count="3"),
    )
    rows = everything(Appointment)
    assert [row.start.hour for row in rows] == [7, 6, 6]


def test_an_unknown_clock_is_refused(world, open_as):
    answer = open_as("nurse").post(
        reverse("accounts:time_zone"), {"time_zone": "Mars/Olympus"}, follow=True
    )
    assert "Choisissez un fuseau horaire" in answer.content.decode()


def test_my_day_shows_what_is_left_of_it(world, patient, open_as):
    plan(world, patient, at=2)
    page = open_as("nurse").get("/").content.decode()
    block = page.partition('id="home-agenda"')[2].partition("</section>")[0]
    assert "Montgénie" in block
    assert "9\N{NO-BREAK SPACE}h" not in block


def test_what_a_software_asks_without_a_name_is_shown_and_answered(world, now, open_as):
    """A regulation asks for a time before it names anybody (SAS)."""
    system = Actor(
        kind=SYSTEM,
        organization_id=world.places["far_office"].pk,
        display_name="Régulation",
        grantees=(organization_key(world.places["far_office"].pk),),
    )
    start = NOW + timedelta(hours=24)
    fields = {
        "status": "booked",
        "start": start,
        "end": start + timedelta(minutes=15),
        "identifier_system": "urn:x",
        "identifier_value": "1",
        "created_at": NOW,
        "said": {},
    }
    asked = {"patient": None, "organizations": [], "slot": None}
    row, _ = operations.declare_appointment(
        actor=system, now=NOW, roles=[(world.roles["nurse"], "accepted")], fields=fields, **asked
    )
    page = open_as("nurse").get(reverse("scheduling:requests")).content.decode()
    assert "Sans nom, par Régulation" in page
    where = reverse("scheduling:answer_unnamed", args=[row.pk])
    assert where in page
    assert open_as("gp").post(where, {"answer": "accept"}).status_code == 404
    assert open_as("nurse").post(where, {"answer": "perhaps"}).status_code == 302
    assert open_as("nurse").post(where, {"answer": "accept"}).status_code == 302
    assert everything(Appointment)[0].status == "booked"
    for view in ("jour", "semaine", "mois"):
        page = open_as("nurse").get(f"{MINE}?vue={view}&le=2026-11-23").content.decode()
        assert "Sans nom, par Régulation" in page
