"""The shared record looked up: said at what title, read, filed once, never another person's."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from carbet.connectors import dmp
from carbet.connectors.dmp import stand_in
from carbet.coordination.care_teams.models import Consent
from carbet.coordination.documents import operations as documents
from carbet.coordination.documents.models import Document
from carbet.coordination.documents.tests.factories import PDF
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from carbet.interop import cda
from carbet.interop.cda.tests.factories import CLAIRE, INS, letter
from carbet.interop.shared_record import presenters
from carbet.interop.shared_record.rules import Mode, refusal_of, visibility_of, why_not_take
from carbet.interop.xdm import Packed
from carbet.registries.directory.models import Practitioner
from carbet.registries.patients.choices import INS_TEST
from carbet.registries.patients.models import Patient

pytestmark = pytest.mark.django_db
HOUSE = internal("test")
OTHERS = dmp.Bearer("899900000011", "Anne SOULIER", "1970300026", "Centre hospitalier")
TOKEN = re.compile(r'name="entry" value="([^"]+)"')
ENTERED = re.compile(r'name="entered" value="([^"]+)"')


@pytest.fixture(autouse=True)
def sandbox(settings, tmp_path):
    settings.DMP_SANDBOX = tmp_path / "dmp"
    settings.DEMONSTRATION = True


@pytest.fixture
def patient(world):
    found = world.circle(
        "nurse",
        "home_help",
        ins=CLAIRE.ins.extension,
        ins_system=INS_TEST,
        birth_family=CLAIRE.birth_family,
        birth_given=CLAIRE.birth_given.split(),
        birth_date=CLAIRE.birth_date,
        gender=CLAIRE.gender,
    ).patient
    with row_security.acting_as(HOUSE, now=world.now, operation="test"):
        Patient.objects.filter(pk=found.pk).update(ins_recovered=True, identity_checked=True)
        found.refresh_from_db()
    return found


@pytest.fixture
def doctor(world, sign_in):
    return sign_in(world.accounts["gp"], role=world.roles["gp"])


@pytest.fixture
def page(patient):
    return reverse("shared_record:consult", args=[patient.pk])


def elsewhere(world, *, seed=1, hidden_from=(), **changed):
    """Deposit a document as somebody else did."""
    data = letter(PDF, seed=seed, **changed)
    packed = Packed(data, cda.read(data).header, hidden_from)
    dmp.provide(packed, bearer=OTHERS, now=world.now, at=world.now, uses_stand_in=True)
    return packed


def consult(client, page, mode=Mode.TEAM, **more):
    return client.post(page, {"mode": mode} | more)


def tokens(answer):
    return list(dict.fromkeys(TOKEN.findall(answer.content.decode())))


def at(patient, name):
    return reverse(f"shared_record:{name}", args=[patient.pk])


def traces(operation):
    with row_security.acting_as(HOUSE):
        return list(AuditEvent.objects.filter(operation=operation).order_by("pk"))


def test_a_doctor_says_why_then_reads_and_files(world, doctor, page, patient):
    elsewhere(world)
    shown = doctor.get(page).content.decode()
    assert "Bac à sable" in shown
    assert "Lettre de sortie" not in shown
    found = consult(doctor, page)
    text = found.content.decode()
    assert (found.status_code, "Lettre de sortie" in text, "Anne SOULIER" in text) == (
        200,
        True,
        True,
    )
    [token] = tokens(found)
    read = doctor.post(at(patient, "look"), {"entry": token})
    assert read.status_code == 200
    assert "Ce document porte un fichier" in read.content.decode()
    with row_security.acting_as(HOUSE):
        assert not Document.objects.exists()
    taken = doctor.post(at(patient, "take"), {"entry": token}, follow=True)
    assert "Document classé dans le dossier" in taken.content.decode()
    assert "Pris au DMP" in taken.content.decode()
    again = doctor.post(at(patient, "take"), {"entry": token}, follow=True)
    assert "déjà dans le dossier" in again.content.decode()
    with row_security.acting_as(HOUSE):
        [document] = Document.objects.all()
    assert (document.origin, document.patient_id) == ("dmp", patient.pk)
    assert "Dans le dossier" in consult(doctor, page).content.decode()
    entered = traces("shared_record.look")
    assert {each.patient_id for each in entered} == {patient.pk}
    assert entered[0].reason == "personne informée"
    assert len(traces("shared_record.open")) == 3


def test_without_a_title_nothing_is_asked(world, doctor, page, monkeypatch):
    monkeypatch.setattr(dmp, "find", lambda *a, **k: pytest.fail("asked"))
    assert doctor.post(page, {}).status_code == 422
    silent = consult(doctor, page, Mode.GLASS)
    assert silent.status_code == 422
    assert "Dites en quoi c’est une urgence." in silent.content.decode()
    assert traces("shared_record.look") == []


def test_an_emergency_says_why_to_the_shared_record(world, doctor, page, patient, monkeypatch):
    asked = []
    monkeypatch.setattr(dmp, "find", lambda person, **said: asked.append(said["bearer"]) or [])
    answer = consult(doctor, page, Mode.GLASS, reason="Inconsciente à domicile")
    assert "Ce DMP ne contient aucun document" in answer.content.decode()
    assert (asked[0].purpose, asked[0].reason) == ("bris_de_glace", "Inconsciente à domicile")
    [trace] = traces("shared_record.look")
    assert trace.reason == "urgence : Inconsciente à domicile"


def test_the_person_reads_who_opened_their_shared_record_and_why(world, doctor, page, patient):
    elsewhere(world)
    [token] = tokens(consult(doctor, page))
    doctor.post(at(patient, "look"), {"entry": token})
    consult(doctor, page, Mode.GLASS, reason="Inconsciente à domicile")
    log = doctor.get(reverse("care_teams:access_log", args=[patient.pk])).content.decode()
    for said in ("a consulté le DMP", "a ouvert un document du DMP", "Inconsciente à domicile"):
        assert said in log


def test_an_opposition_leaves_the_emergency_only(world, doctor, page, patient):
    with row_security.acting_as(HOUSE, now=world.now, operation="test"):
        Consent.objects.create(
            patient_id=patient.pk, decision="deny", given_by="person", recorded_at=world.now
        )
    refused = consult(doctor, page)
    assert refused.status_code == 422
    assert "seule une urgence" in refused.content.decode()
    assert consult(doctor, page, Mode.GLASS, reason="Coma").status_code == 200


def test_an_opposition_said_meanwhile_closes_what_was_found(world, doctor, page, patient):
    elsewhere(world)
    found = consult(doctor, page)
    [token], [entered] = tokens(found), ENTERED.findall(found.content.decode())
    with row_security.acting_as(HOUSE, now=world.now, operation="test"):
        Consent.objects.create(
            patient_id=patient.pk, decision="deny", given_by="person", recorded_at=world.now
        )
    for address, sent in (
        (page, {"entered": entered}),
        (at(patient, "look"), {"entry": token}),
        (at(patient, "take"), {"entry": token}),
        (at(patient, "download"), {"entry": token}),
    ):
        answer = doctor.post(address, sent)
        assert answer.status_code == 422
        assert "seule une urgence" in answer.content.decode()
    with row_security.acting_as(HOUSE):
        assert not Document.objects.exists()


def test_a_reason_goes_with_an_emergency_only(doctor, page, monkeypatch):
    asked = []
    monkeypatch.setattr(dmp, "find", lambda person, **said: asked.append(said["bearer"]) or [])
    consult(doctor, page, Mode.TEAM, reason="écrit puis changé d’avis")
    assert (asked[0].purpose, asked[0].reason) == ("normal", "")


def test_no_qualified_identity_no_shared_record(world, doctor):
    other = world.circle("nurse").patient
    page = reverse("shared_record:consult", args=[other.pk])
    assert "pas qualifiée" in doctor.get(page).content.decode()
    assert consult(doctor, page).status_code == 422


def test_who_has_no_national_number_looks_nobody_up(world, sign_in, page, patient):
    with row_security.acting_as(HOUSE, now=world.now, operation="test"):
        number = world.roles["home_help"].practitioner_id
        Practitioner.objects.filter(pk=number).update(
            rpps=None, identifier_system="https://carbet.example/test", identifier_value="1"
        )
    client = sign_in(world.accounts["home_help"], role=world.roles["home_help"])
    answer = client.get(page)
    assert answer.status_code == 200
    assert "ni RPPS" in answer.content.decode()
    assert consult(client, page).status_code == 422


def test_what_was_shown_to_one_role_about_one_person_opens_nothing_else(
    world, doctor, page, patient, sign_in
):
    elsewhere(world)
    [token] = tokens(consult(doctor, page))
    other = world.circle("nurse", birth_family="AUTRE").patient
    for name in ("look", "take", "download"):
        assert doctor.post(at(other, name), {"entry": token}).status_code == 422
        assert doctor.post(at(patient, name), {"entry": token[:-2]}).status_code == 422
        assert doctor.post(at(patient, name), {}).status_code == 422
    nurse = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    assert nurse.post(at(patient, "take"), {"entry": token}).status_code == 422
    with row_security.acting_as(HOUSE):
        assert not Document.objects.exists()


def test_an_hour_later_the_title_is_asked_again(world, doctor, page, patient, monkeypatch):
    elsewhere(world)
    found = consult(doctor, page)
    [token], [entered] = tokens(found), ENTERED.findall(found.content.decode())
    monkeypatch.setattr("carbet.interop.shared_record.access._LASTS_SECONDS", -1)
    for address, sent in (
        (at(patient, "look"), {"entry": token}),
        (page, {"entered": entered}),
    ):
        answer = doctor.post(address, sent)
        assert answer.status_code == 422
        assert "plus d’une heure" in answer.content.decode()


@pytest.mark.parametrize("hidden", ["INVISIBLE_PATIENT", "MASQUE_PS"])
def test_what_is_hidden_stays_so(world, doctor, page, patient, hidden):
    elsewhere(world, hidden_from=(hidden,))
    found = consult(doctor, page)
    [token] = tokens(found)
    answer = doctor.post(at(patient, "take"), {"entry": token}, follow=True)
    with row_security.acting_as(HOUSE):
        filed = list(Document.objects.values_list("visibility", flat=True))
    if hidden == "MASQUE_PS":
        assert "masqué aux professionnels" in found.content.decode()
        assert (answer.status_code, filed) == (422, [])
    else:
        assert filed == ["professionals"]


def test_a_document_about_somebody_else_is_read_but_not_filed(world, doctor, page, patient):
    # The shared record holds, under this INS, a document whose traits are another person's.
    wrong = cda.Patient(
        CLAIRE.identifiers,
        "TOUTAUTRE",
        "PAULE",
        "PAULE",
        gender="female",
        birth_date=datetime(1990, 1, 2, tzinfo=UTC).date(),
    )
    elsewhere(world, patient=wrong)
    [token] = tokens(consult(doctor, page))
    answer = doctor.post(at(patient, "take"), {"entry": token})
    assert answer.status_code == 422
    assert "n’est pas celle de cette personne" in answer.content.decode()


def test_the_file_that_a_document_carries_is_downloaded_apart(world, doctor, page, patient):
    elsewhere(world)
    [token] = tokens(consult(doctor, page))
    answer = doctor.post(at(patient, "download"), {"entry": token})
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer.content == PDF


def test_a_file_that_is_no_clinical_document_is_filed_as_it_was_announced(
    world, doctor, page, patient, monkeypatch
):
    elsewhere(world)
    monkeypatch.setattr(dmp, "fetch", lambda *a, **k: PDF)
    [token] = tokens(consult(doctor, page))
    assert doctor.post(at(patient, "download"), {"entry": token}).content == PDF
    taken = doctor.post(at(patient, "take"), {"entry": token}, follow=True)
    assert "Document classé dans le dossier" in taken.content.decode()
    with row_security.acting_as(HOUSE):
        [document] = Document.objects.all()
    assert document.title == "Lettre de sortie"
    assert document.author_name == "Anne SOULIER, Centre hospitalier de Cayenne"


def test_many_documents_come_by_pages_and_by_words(world, doctor, page, patient):
    for seed in range(1, 31):
        elsewhere(world, seed=seed, title=f"Bilan numéro {seed}" if seed > 2 else "Vaccin")
    first = consult(doctor, page)
    [entered] = ENTERED.findall(first.content.decode())[:1]
    assert len(tokens(first)) == presenters.PAGE
    rest = doctor.post(page, {"entered": entered, "page": 2})
    assert len(tokens(rest)) == 30 - presenters.PAGE
    chosen = doctor.post(page, {"entered": entered, "q": "vaccin soulier"})
    assert len(tokens(chosen)) == 2
    nothing = doctor.post(page, {"entered": entered, "q": "zzz"})
    assert "Aucun document ne correspond" in nothing.content.decode()


def test_a_page_of_many_costs_what_a_page_of_one_does(
    world, doctor, page, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    elsewhere(world)
    consult(doctor, page)
    with CaptureQueriesContext(connection) as one:
        consult(doctor, page)
    settings = ("SAVEPOINT", "RELEASE", "SELECT set_config")
    assert sum(not each["sql"].startswith(settings) for each in one) <= 9
    for seed in range(2, 20):
        elsewhere(world, seed=seed)
    with django_assert_num_queries(len(one)):
        consult(doctor, page)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("x"), "ne répond pas"),
        (dmp.NotConnected("x"), "pas configuré"),
        (dmp.Refused(["XDSUnknownPatientId"], INS), "n’a pas de DMP"),
        (dmp.Refused([], INS), "XDSRegistryError"),
        (dmp.Unreadable("réponse trop longue du DMP"), "trop longue"),
    ],
)
def test_a_refusal_is_said_in_words_without_the_person(doctor, page, monkeypatch, error, said):
    def fails(*args, **kwargs):
        raise error

    monkeypatch.setattr(dmp, "find", fails)
    answer = consult(doctor, page)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert INS not in answer.content.decode()


def test_words_of_the_rules():
    entry = dmp.Entry("1.2", "p", "t", "", 0, confidentialities=("N", "INVISIBLE_REP_LEGAUX"))
    assert visibility_of(entry) == "professionals"
    assert why_not_take(entry) == ""
    assert "XDSTooManyResults" in refusal_of(["XDSTooManyResults"])
    assert stand_in.kept.get("1.2") is None


def test_a_document_received_by_mail_is_known_in_the_shared_record(world, doctor, page, patient):
    from carbet.coordination.documents.rules import clinical
    from carbet.coordination.documents.tests.factories import received

    packed = elsewhere(world)
    documents.receive_document(
        actor=HOUSE,
        now=world.now,
        patient_id=patient.pk,
        received=received(packed.data, "lettre.xml"),
        described=clinical.describe(packed.data),
    )
    answer = consult(doctor, page)
    assert "Dans le dossier" in answer.content.decode()
