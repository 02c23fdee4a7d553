"""The living situation and the emergency sheet, as members of the circle meet them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.situations import operations
from carbet.coordination.situations.models import EmergencyInformation, Situation
from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from carbet.registries.patients.models import Patient

pytestmark = pytest.mark.django_db

TYPED = {
    "version": "0",
    "household": "alone",
    "housing": "carbet",
    "reach": ["river", "foot"],
    "directions": "Dégrad Edmond, puis à gauche",
    "minutes": "90",
    "helpers": "Sa nièce, le soir",
    "language": "djk",
    "needs_interpreter": "on",
    "interpreter_note": "Sa nièce traduit",
    "rights": ["cover", "ald"],
    "aids": ["nursing"],
    "protection": "curatorship",
    "guardian_name": "Mme Ho",
    "guardian_phone": "0594000000",
}
URGENT = {
    "version": "0",
    "allergies": "Pénicilline",
    "treatments": "Anticoagulant",
    "directives": "written",
    "directives_note": "Dans la commode",
}


@pytest.fixture
def care_team(world, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world.circle("nurse", "home_help")


@pytest.fixture
def patient(care_team):
    return care_team.patient


@pytest.fixture
def open_as(world, sign_in):
    return lambda key: sign_in(world.accounts[key], role=world.roles[key])


def url(name, patient):
    return reverse(f"situations:{name}", args=[patient.pk])


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def test_what_is_described_is_shown_and_the_language_follows_the_identity(world, patient, open_as):
    client = open_as("nurse")
    assert client.post(url("edit", patient), TYPED).url == url("detail", patient)
    page = client.get(url("detail", patient)).content.decode()
    for said in (
        "Carbet ou construction traditionnelle",
        "Fleuve (pirogue), à pied",
        "Dégrad Edmond, puis à gauche",
        "90 min",
        "Nenge Tongo, avec un interprète",
        "Sa nièce traduit",
        "Curatelle",
        "Mme Ho",
    ):
        assert said in page, said
    [person] = everything(Patient, pk=patient.pk)
    assert (person.language, person.needs_interpreter) == ("djk", True)
    assert everything(AuditEvent, operation="situation.describe")


def test_the_second_of_two_screens_is_told_and_keeps_what_it_typed(world, patient, open_as):
    open_as("nurse").post(url("edit", patient), TYPED)
    client = open_as("gp")
    late = client.post(url("edit", patient), TYPED | {"helpers": "Son fils"})
    assert late.status_code == 422
    page = late.content.decode()
    assert "modifiée entre-temps par Inès Robeiri" in page
    assert "Son fils" in page
    assert everything(Situation)[0].helpers == "Sa nièce, le soir"
    again = late.context["form"]["version"].value()
    assert (
        client.post(
            url("edit", patient), TYPED | {"helpers": "Son fils", "version": again}
        ).status_code
        == 302
    )
    [kept] = everything(Situation)
    assert (kept.helpers, kept.version) == ("Son fils", 2)
    with connection.cursor() as cursor, row_security.acting_as(internal("test")):
        cursor.execute("SELECT count(*) FROM situations_situationevent")
        assert cursor.fetchone()[0] == 2


def test_an_urgency_reads_one_page_that_says_whom_to_call(world, care_team, patient, open_as):
    care_teams.add_related_person(
        actor=world.actor("gp"),
        now=world.now,
        care_team=care_team,
        family="Montgénie",
        given="Julie",
        role="ECON",
        relationship="DAUC",
        phone="0694112233",
    )
    client = open_as("gp")
    client.post(url("edit", patient), TYPED)
    client.post(url("emergency", patient), URGENT)
    page = client.get(url("sheet", patient)).content.decode()
    for said in (
        "Pénicilline",
        "Anticoagulant",
        "Dans la commode",
        "Julie Montgénie",
        "Personne à prévenir",
        "Yann Le Bihan",
        "Dégrad Edmond",
        "Nenge Tongo, avec un interprète",
    ):
        assert said in page, said
    [trace] = everything(AuditEvent, operation="situation.sheet")
    assert trace.patient_id == patient.pk


def test_a_social_member_describes_the_home_and_reads_nothing_medical(world, patient, open_as):
    open_as("gp").post(url("emergency", patient), URGENT)
    client = open_as("home_help")
    assert client.post(url("edit", patient), TYPED).status_code == 302
    assert client.get(url("emergency", patient)).status_code == 404
    for name in ("detail", "sheet"):
        page = client.get(url(name, patient)).content.decode()
        assert "Pénicilline" not in page
    assert "Réservé aux soignants" in page


@pytest.mark.parametrize(
    ("key", "read", "write"),
    [
        ("gp", 200, 200),
        ("nurse", 200, 200),
        ("secretary", 200, 403),
        ("other_gp", 404, 404),
        ("coordinator", 404, 404),
        ("agency", 404, 403),
    ],
)
def test_who_enters(world, patient, open_as, key, read, write):
    client = open_as(key)
    assert client.get(url("detail", patient)).status_code == read
    assert client.get(url("sheet", patient)).status_code == read
    assert client.get(url("edit", patient)).status_code == write


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("helpers", "\x00"),
        ("helpers", "a" * 20_000),
        ("minutes", "-3"),
        ("minutes", "99999999999999999999"),
        ("household", "palace"),
        ("reach", ["road", "teleport"]),
        ("language", "xx"),
        ("version", "no"),
    ],
)
def test_what_cannot_be_kept_is_refused_at_its_field(patient, open_as, field, value):
    answer = open_as("nurse").post(url("edit", patient), TYPED | {field: value})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not everything(Situation)


def test_right_to_left_text_is_kept(patient, open_as):
    open_as("nurse").post(url("edit", patient), TYPED | {"helpers": "ابنتها كل مساء"})
    assert everything(Situation)[0].helpers == "ابنتها كل مساء"


def test_who_does_not_write_is_refused_by_the_operation(world, patient):
    with pytest.raises(operations.UnableToAct):
        operations.describe_emergency(
            actor=world.actor("secretary"), now=world.now, patient=patient, version=0, said={}
        )
    assert not everything(EmergencyInformation)


def test_a_page_costs_a_handful_of_queries(world, patient, open_as):
    client = open_as("gp")
    client.post(url("edit", patient), TYPED)
    client.post(url("emergency", patient), URGENT)
    for name in ("detail", "sheet", "edit", "emergency"):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url(name, patient)).status_code == 200
        asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
        assert len(asked) <= 8, (name, asked)
