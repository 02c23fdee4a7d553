"""The pages of orientation, and a person sent somewhere."""

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.orientation import operations, queries
from carbet.coordination.orientation.models import Referral
from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.core.identifiers import short_id
from carbet.core.models import AuditEvent
from carbet.registries.directory.models import HealthcareService, OpeningHours, Organization

pytestmark = pytest.mark.django_db
SEARCH = "/orienter/"


@pytest.fixture
def patient(world, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world.circle("nurse", "home_help").patient


@pytest.fixture
def open_as(world, sign_in):
    return lambda key: sign_in(world.accounts[key], role=world.roles[key])


def kept(model):
    with row_security.acting_as(internal("test"), now=None):
        return list(model.objects.order_by("pk"))


def test_the_search_answers_and_says_how_it_understood(world, open_as):
    page = open_as("gp").get(SEARCH, {"q": "infirmiere a matoury"}).content.decode()
    assert "Inès Robeiri" in page
    assert "trajets depuis Matoury" in page
    assert "<svg" in page
    assert page.count('name="q"') == 2  # the header's and this one


def test_nothing_asked_and_nothing_found_say_what_to_do(world, open_as):
    client = open_as("gp")
    assert "Par exemple" in client.get(SEARCH).content.decode()
    nothing = client.get(SEARCH, {"q": "zzzzqqqq"})
    assert nothing.status_code == 200
    assert "Rien trouvé" in nothing.content.decode()


def test_a_word_that_nothing_resembles_is_said_and_not_passed_over(world, open_as):
    client = open_as("gp")
    nothing = client.get(SEARCH, {"q": "zzzzqqqq", "quoi": "R"}).content.decode()
    assert "Rien trouvé" in nothing
    assert "Rien ne ressemble à «\u00a0zzzzqqqq\u00a0»" in nothing
    some = client.get(SEARCH, {"q": "infirmière zzzzqqqq"}).content.decode()
    assert "Inès Robeiri" in some
    assert "«\u00a0zzzzqqqq\u00a0» n’a pas été trouvé" in some


def test_a_sheet_of_paper_says_what_was_asked(world, open_as):
    page = open_as("gp").get(SEARCH, {"q": "infirmière", "quoi": "R", "messagerie": "oui"})
    [said] = re.findall(r'<p class="print-only">(.*?)</p>', page.content.decode())
    assert "«\u00a0infirmière\u00a0». Quoi : Professionnel. Messagerie sécurisée. Le " in said


@pytest.mark.parametrize(
    "query",
    [
        {"q": "\x00'\"<script>alert(1)</script>"},
        {"commune": "x" * 5000, "page": "-1"},
        {"acces": "téléportation", "quoi": "Z", "page": "9" * 30},
        {"depuis": "00000", "q": "infirmière"},
    ],
)
def test_a_wrong_facet_is_no_facet(world, open_as, query):
    answer = open_as("gp").get(SEARCH, query)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()


def test_the_fragment_is_the_page(world, open_as):
    client = open_as("gp")
    page = client.get(SEARCH, {"q": "infirmière"}).content.decode()
    part = client.get(SEARCH, {"q": "infirmière"}, HTTP_HX_REQUEST="true").content.decode()
    start = page.index('<div id="results"')
    assert part.strip() == page[start : start + len(part.strip())]


def test_the_search_costs_the_same_with_many(world, open_as):
    client = open_as("gp")

    def cost():
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(SEARCH, {"q": "cabinet infirmeir matoury"}).status_code == 200
        return len([each for each in asked if "SAVEPOINT" not in each["sql"]])

    client.get(SEARCH)
    few = cost()
    for number in range(40):
        Organization.objects.create(
            name=f"Cabinet infirmier {number}", purpose="office", commune_id="97307"
        )
    assert cost() == few <= 8


def test_what_is_asked_for_a_person_stays_out_of_addresses(world, patient, open_as):
    client = open_as("gp")
    url = reverse("orientation:of_patient", args=[patient.pk])
    page = client.post(url, {"q": "infirmière"}).content.decode()
    assert "Inès Robeiri" in page
    assert "Orienter ici" in page
    assert 'href="?' not in page


def _refer(client, patient, role, **given):
    url = reverse("orientation:refer", args=[patient.pk, f"R-{short_id(role.pk)}"])
    data = {"reason": "Injections de toxine à organiser.", "gesture": str(uuid4())} | given
    return client.post(url, data)


def test_a_person_is_sent_and_the_notebook_says_it(world, patient, open_as):
    client = open_as("gp")
    answer = _refer(client, patient, world.roles["far_nurse"])
    [referral] = kept(Referral)
    assert answer.url == reverse("orientation:detail", args=[patient.pk, referral.pk])
    traces = [each.operation for each in kept(AuditEvent)]
    assert "orientation.refer" in traces
    nurse = open_as("nurse")
    cahier = nurse.get(reverse("notebook:list", args=[patient.pk])).content.decode()
    for said in ("Orientation vers Maud Awengué", "Injections de toxine à organiser.", "Kourou"):
        assert said in cahier
    listed = nurse.get(reverse("orientation:of_patient", args=[patient.pk])).content.decode()
    assert "En attente de réponse" in listed


def test_two_clicks_send_once_and_another_text_is_not_lost(world, patient, open_as):
    client, gesture = open_as("gp"), str(uuid4())
    for _ in range(2):
        assert _refer(client, patient, world.roles["far_nurse"], gesture=gesture).status_code == 302
    assert len(kept(Referral)) == 1
    cahier = client.get(reverse("notebook:list", args=[patient.pk])).content.decode()
    assert cahier.count("Injections de toxine à organiser.") == 1
    other = _refer(
        client, patient, world.roles["far_nurse"], gesture=gesture, reason="Un autre motif."
    )
    assert other.status_code == 422
    assert "Un autre motif." in other.content.decode()
    assert len(kept(Referral)) == 1


def test_without_a_reason_nothing_is_kept(world, patient, open_as):
    answer = _refer(open_as("gp"), patient, world.roles["far_nurse"], reason="  ")
    assert answer.status_code == 422
    assert "Dites pourquoi" in answer.content.decode()
    assert not kept(Referral)


def test_what_a_room_above_refuses_is_not_sent(world, patient, monkeypatch):
    to = queries.destination(kind="R", target=world.roles["far_nurse"].pk, now=world.now)

    def refuse(**_):
        raise operations.UnableToRefer("Non.")

    operations.referred.connect(refuse, weak=False)
    try:
        with pytest.raises(operations.UnableToRefer):
            operations.refer(
                actor=world.actor("gp"),
                now=world.now,
                patient=patient,
                to=to,
                reason="Kiné",
                gesture=uuid4(),
            )
    finally:
        operations.referred.disconnect(refuse)
    assert not kept(Referral)


@pytest.mark.parametrize("destination", ["Z-1", "R-", "R-ZZZZZZZZZZZZZ", "R-999", "x", "S-01"])
def test_a_destination_that_is_not_one_is_not_found(world, patient, open_as, destination):
    url = reverse("orientation:refer", args=[patient.pk, destination])
    assert open_as("gp").get(url).status_code == 404


def test_what_became_of_it_is_said_once(world, patient, open_as):
    client = open_as("gp")
    _refer(client, patient, world.roles["far_nurse"])
    [referral] = kept(Referral)
    url = reverse("orientation:detail", args=[patient.pk, referral.pk])
    nurse = open_as("nurse")
    missing = nurse.post(url, {"status": "revoked"})
    assert missing.status_code == 422
    assert "Précisez pourquoi" in missing.content.decode()
    assert nurse.post(url, {"status": "completed", "comment": "Vue mardi."}).status_code == 302
    assert nurse.post(url, {"status": "revoked", "comment": "Non"}).status_code == 422
    [referral] = kept(Referral)
    assert (referral.status, referral.answered_by) == ("completed", "Inès Robeiri")
    cahier = nurse.get(reverse("notebook:list", args=[patient.pk])).content.decode()
    assert "prise en charge confirmée" in cahier


def test_an_address_that_a_red_list_hides_later_is_shown_no_more(world, patient, open_as):
    client, role, address = open_as("gp"), world.roles["far_nurse"], "maud@essai.mssante.fr"
    role.secure_email = address
    role.save()
    _refer(client, patient, role)
    [referral] = kept(Referral)
    detail = reverse("orientation:detail", args=[patient.pk, referral.pk])
    assert address in client.get(detail).content.decode()
    role.secure_email = ""
    role.save()
    assert address not in client.get(detail).content.decode()


@pytest.mark.parametrize("own", ["", "accueil@essai.mssante.fr"])
def test_a_service_is_written_to_at_its_own_address_or_at_its_structure(world, own):
    place = world.places["dac"]
    place.secure_email = "dac@essai.mssante.fr"
    place.save()
    service = HealthcareService.objects.create(
        organization=place, name="Rééducation", secure_email=own
    )
    found = queries.secure_email(kind="S", target=service.pk)
    assert found == (own or "dac@essai.mssante.fr")
    assert queries.secure_email(kind="P", target=place.pk) == "dac@essai.mssante.fr"


def test_nobody_outside_sends_or_sees(world, patient, open_as):
    _refer(open_as("gp"), patient, world.roles["far_nurse"])
    [referral] = kept(Referral)
    stranger = open_as("far_nurse")
    for name, rest in (("of_patient", []), ("detail", [referral.pk])):
        url = reverse(f"orientation:{name}", args=[patient.pk, *rest])
        assert stranger.get(url).status_code == 404
    assert _refer(stranger, patient, world.roles["nurse"]).status_code == 404
    assert len(kept(Referral)) == 1


def test_why_somebody_is_sent_is_read_by_whom_its_category_is_open(world, patient, open_as):
    _refer(open_as("gp"), patient, world.roles["far_nurse"])
    [referral] = kept(Referral)
    detail = reverse("orientation:detail", args=[patient.pk, referral.pk])
    home_help = open_as("home_help")
    listed = home_help.get(reverse("orientation:of_patient", args=[patient.pk])).content.decode()
    assert "Maud Awengué" not in listed
    assert home_help.get(detail).status_code == 404
    assert open_as("nurse").get(detail).status_code == 200
    with row_security.acting_as(world.actor("home_help"), now=world.now):
        assert not Referral.objects.exists()
        assert not Referral.pgh_event_model.objects.exists()


def test_a_page_says_who_opens_when_one_would_go(world, sign_in, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    place = world.places["dac"]
    for name, day in (("Balnéothérapie du lundi", 1), ("Balnéothérapie du dimanche", 7)):
        made = HealthcareService.objects.create(organization=place, name=name)
        OpeningHours.objects.create(service=made, weekday=day, opens_at="08:00", closes_at="17:00")
    gp = sign_in(world.accounts["gp"], role=world.roles["gp"])
    page = gp.get(SEARCH, {"q": "balnéothérapie dimanche"}).content.decode()
    assert "(dimanche) viennent d’abord" in page
    sunday, monday = page.index("Balnéothérapie du dimanche"), page.index("Balnéothérapie du lundi")
    assert sunday < page.index("Ouvert dimanche") < monday < page.index("Fermé dimanche")
