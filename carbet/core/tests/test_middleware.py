"""What each request goes through: its door, a GET that cannot write, its trace."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import InternalError, OperationalError
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path

from carbet.core import audit, doors, row_security
from carbet.core.actor import Level, internal
from carbet.core.models import AuditEvent
from carbet.registries.directory.models import Commune

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@doors.professional()
def writes_on_get(request):
    Commune.objects.create(code="99002", name="Écrite en lisant")
    return HttpResponse("écrit")


def no_door(request):
    return HttpResponse("ouvert")


@doors.professional()
def reads(request):
    audit.read(request.actor, "test.read", now=request.now, patient_id=42)
    return HttpResponse("lu")


@doors.professional()
def fails_after_writing(request):
    Commune.objects.create(code="99003", name="À moitié")
    return HttpResponse("panne", status=500)


@doors.professional()
def loses_the_database(request):
    raise OperationalError("server closed the connection")


@doors.person(patient=Level.READ)
def for_the_person(request):
    return HttpResponse("vous")


urlpatterns = [
    path("writes", writes_on_get),
    path("no-door", no_door),
    path("reads", reads),
    path("fails", fails_after_writing),
    path("lost", loses_the_database),
    path("person", for_the_person),
    path("", include("carbet.config.urls")),
]


@pytest.fixture
def gp(world, sign_in):
    return sign_in(world.accounts["gp"], role=world.roles["gp"])


def test_a_get_that_writes_is_refused_by_the_database(gp):
    with pytest.raises(InternalError, match="read-only transaction"):
        gp.get("/writes")
    assert not Commune.objects.filter(code="99002").exists()


def test_the_same_view_may_write_on_post(gp):
    assert gp.post("/writes").status_code == 200
    assert Commune.objects.filter(code="99002").exists()


def test_a_view_without_door_is_refused(gp):
    with pytest.raises(ImproperlyConfigured, match="no_door declares no door"):
        gp.get("/no-door")


def test_what_was_read_is_written_after_the_page(gp):
    assert gp.get("/reads").status_code == 200
    with row_security.acting_as(internal("test")):
        event = AuditEvent.objects.get(operation="test.read")
    assert (event.action, event.patient_id, event.outcome) == ("R", 42, 0)
    assert event.agent_name.startswith("Yann Le Bihan")


def test_an_answer_500_keeps_nothing(gp):
    gp.raise_request_exception = False
    assert gp.post("/fails").status_code == 500
    assert not Commune.objects.filter(code="99003").exists()


@override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True)
def test_a_lost_database_is_said_to_be_passing(gp):
    answer = gp.get("/lost")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_a_professional_has_no_page_at_the_person_s_door(gp):
    assert gp.get("/person").status_code == 404


def test_whoever_is_not_signed_in_is_sent_to_sign_in(client):
    answer = client.get("/reads")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/compte/")


def test_a_professional_without_second_factor_is_sent_to_get_one(world, sign_in):
    weak = sign_in(world.accounts["gp"], role=world.roles["gp"], strong=False)
    answer = weak.get("/reads")
    assert answer.status_code == 302
    assert "compte" in answer["Location"]


def test_an_ended_role_acts_no_more(world, sign_in, gp):
    role = world.roles["gp"]
    role.ended_at = world.now
    role.save()
    assert gp.get("/reads").status_code == 302


def test_pages_stay_out_of_caches(gp):
    answer = gp.get("/reads")
    assert answer["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
