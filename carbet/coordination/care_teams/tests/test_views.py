"""Pages of the circle: register, complete, end, consent, exceptional access, who came."""

import uuid
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.care_teams import access, operations
from carbet.coordination.care_teams.choices import GrantSource
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
    Consent,
    GlassBreaking,
)
from carbet.core import grants, row_security
from carbet.core.actor import DataCategory, Level, internal
from carbet.core.models import AuditEvent, LiveEvent, OutboxMessage
from carbet.registries.patients.access import proof_of_traits
from carbet.registries.patients.models import Patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def gp(world, sign_in):
    return sign_in(world.accounts["gp"], role=world.roles["gp"])


def registration(**changes):
    return {
        "gesture": str(uuid.uuid4()),
        "birth_family": "Régis",
        "used_family": "Montgénie",
        "birth_given": "Claire, Marie",
        "gender": "female",
        "birth_date_0": "14",
        "birth_date_1": "03",
        "birth_date_2": "1951",
        "birth_place_name": "Cayenne",
        "commune": "97307",
        "language": "fr",
        "decision": "permit",
        "given_by": "person",
        "attending": "on",
    } | changes


def statements(client, address, **parameters):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address, parameters).status_code == 200
    return [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]


def everything(model, **conditions):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**conditions))


def test_registering_opens_the_circle_with_consent_in_one_gesture(world, gp):
    answer = gp.post(reverse("care_teams:register"), registration())
    [patient] = everything(Patient)
    assert answer.headers["Location"] == reverse("charts:detail", args=[patient.pk])
    assert patient.birth_place_code == "97302"
    assert patient.city == "Matoury"
    [stay] = everything(CareTeamParticipant)
    [decided] = everything(Consent)
    assert (stay.patient_id, stay.role) == (patient.pk, "PCP")
    assert (decided.patient_id, decided.decision) == (patient.pk, "permit")


def test_the_same_gesture_twice_is_one_person(gp):
    sent = registration()
    first = gp.post(reverse("care_teams:register"), sent)
    second = gp.post(reverse("care_teams:register"), sent)
    assert first.headers["Location"] == second.headers["Location"]
    assert len(everything(Patient)) == 1


def test_a_person_already_known_is_shown_before_a_double_is_made(gp):
    gp.post(reverse("care_teams:register"), registration())
    refused = gp.post(reverse("care_teams:register"), registration())
    assert refused.status_code == 422
    assert "déjà connue sous ces traits" in refused.content.decode()
    confirmed = gp.post(reverse("care_teams:register"), registration(distinct="on"))
    assert confirmed.status_code == 302
    assert len(everything(Patient)) == 2


def test_a_refused_registration_leaves_nothing(gp):
    answer = gp.post(reverse("care_teams:register"), registration(ins="295107307000199"))
    assert answer.status_code == 422
    assert "La clé ne correspond pas" in answer.content.decode()
    assert everything(Patient) == []
    assert everything(CareTeam) == []


def test_the_form_comes_filled_with_what_was_searched(gp):
    searched = {
        "start": "1",
        "birth_family": "Régis",
        "birth_given": "Claire",
        "birth_date_0": "14",
        "birth_date_1": "3",
        "birth_date_2": "1951",
    }
    page = gp.post(reverse("care_teams:register"), searched).content.decode()
    assert 'value="Régis"' in page
    assert 'value="1951"' in page


def test_the_circle_names_its_members(world, gp):
    care_team = world.circle("nurse", "home_help")
    page = gp.get(reverse("care_teams:detail", args=[care_team.patient_id])).content.decode()
    for name in ("Yann Le Bihan", "Inès Robeiri", "Rosa Pinas", "Accord recueilli"):
        assert name in page


def test_the_circle_costs_the_same_whatever_its_size(world, gp):
    everyone = [key for key in world.roles if key not in ("gp", "agency", "operator")]
    care_team = world.circle(*everyone)
    address = reverse("care_teams:detail", args=[care_team.patient_id])
    assert len(statements(gp, address)) <= 8


def test_a_member_is_chosen_in_the_directory_and_invited(world, gp):
    care_team = world.circle()
    address = reverse("care_teams:add", args=[care_team.patient_id])
    found = gp.post(address, {"member_q": "robeyri", "search": "member"}).content.decode()
    choice = f"role-{world.roles['nurse'].pk}"
    assert choice in found
    answer = gp.post(address, {"member": choice, "role": "353", "member_q": "robeyri"})
    assert answer.status_code == 302
    [message] = everything(OutboxMessage, topic="care_team.invitation")
    assert message.payload["to"] == "nurse@test.mssante.example"
    again = gp.post(address, {"member": choice, "role": "353"})
    assert again.status_code == 422
    assert "fait déjà partie du cercle" in again.content.decode()


def test_choices_come_while_typing(world, gp):
    care_team = world.circle()
    address = reverse("care_teams:choices", args=[care_team.patient_id])
    assert len(statements(gp, address, member_q="infirmière")) <= 8
    found = gp.get(address, {"member_q": "infirmière matoury"}).content.decode()
    assert "Inès Robeiri" in found
    assert "<html" not in found


def test_a_relative_is_added_once(world, gp):
    care_team = world.circle()
    sent = {
        "gesture": str(uuid.uuid4()),
        "given": "Mireille",
        "family": "Montgénie",
        "relationship": "DAUC",
        "role": "ECON",
        "phone": "0694 11 22 33",
    }
    address = reverse("care_teams:add_relative", args=[care_team.patient_id])
    assert gp.post(address, sent).status_code == 302
    assert gp.post(address, sent).status_code == 302
    assert len(everything(CareTeamParticipant, related_person__isnull=False)) == 1


def test_a_member_leaves_with_a_reason_and_the_record_closes(world, gp, client):
    care_team = world.circle("nurse")
    [stay] = everything(CareTeamParticipant, practitioner_role=world.roles["nurse"])
    address = reverse("care_teams:end", args=[care_team.patient_id, stay.pk])
    assert "se ferme aussitôt" in gp.get(address).content.decode()
    assert gp.post(address, {"reason": "Ajouté par erreur"}).status_code == 302
    page = gp.get(reverse("care_teams:detail", args=[care_team.patient_id])).content.decode()
    assert "1 ancien membre" in page.replace("\xa0", " ")


def test_a_member_removed_while_typing_is_given_their_text_back(world, sign_in):
    care_team = world.circle("nurse")
    nurse = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    address = reverse("documents:decide", args=[care_team.patient_id])
    assert nurse.get(address).status_code == 200
    [stay] = everything(CareTeamParticipant, practitioner_role=world.roles["nurse"])
    operations.end_participation(actor=world.actor("gp"), now=world.now, participant=stay)
    answer = nurse.post(address, {"note": "Informée <à domicile>, avec sa fille."})
    page = answer.content.decode()
    assert answer.status_code == 404
    assert "Informée &lt;à domicile&gt;, avec sa fille." in page
    assert "n’est pas enregistré" in page
    assert "Montgénie" not in page


def test_the_last_one_in_charge_cannot_leave(world, gp):
    care_team = world.circle("nurse")
    [stay] = everything(CareTeamParticipant, practitioner_role=world.roles["gp"])
    address = reverse("care_teams:end", args=[care_team.patient_id, stay.pk])
    answer = gp.post(address, {"reason": "Fin de la prise en charge"})
    assert answer.status_code == 422
    assert "plus de responsable" in answer.content.decode()


def test_after_a_death_the_last_one_in_charge_may_leave(world, gp):
    care_team = world.circle()
    with row_security.acting_as(internal("test"), now=world.now, operation="test.death"):
        Patient.objects.filter(pk=care_team.patient_id).update(deceased_on=world.now.date())
    [stay] = everything(CareTeamParticipant, practitioner_role=world.roles["gp"])
    address = reverse("care_teams:end", args=[care_team.patient_id, stay.pk])
    assert gp.post(address, {"reason": "Fin de la prise en charge"}).status_code == 302


@pytest.mark.parametrize(
    ("sent", "opened"),
    [
        ({"follows": "chosen", "categories": ["1", "2"]}, {1, 2}),
        ({"follows": "chosen"}, set()),
        ({"follows": "role", "categories": ["1"]}, {2, 4}),
    ],
)
def test_the_person_opens_more_or_less_to_one_member(world, gp, sent, opened):
    care_team = world.circle("social_worker")
    patient_id = care_team.patient_id
    [stay] = everything(CareTeamParticipant, practitioner_role=world.roles["social_worker"])
    address = reverse("care_teams:scope", args=[patient_id, stay.pk])
    assert "social, administratif" in gp.get(address).content.decode()
    assert gp.post(address, sent | {"note": "Dit à domicile"}).status_code == 302
    with row_security.acting_as(world.actor("social_worker"), now=datetime.now(UTC)):
        seen = access.opened(patient_id=patient_id)
    assert {each.value for each in DataCategory if each in seen} == opened
    said = everything(AuditEvent, operation="care_team.participant.scope")
    assert [one.reason for one in said] == ["Dit à domicile"]


def test_a_choice_without_its_proof_or_for_a_manager_is_refused(world, gp):
    care_team = world.circle("nurse")
    for key, note, sentence in (
        ("nurse", " ", "obligatoire"),
        ("gp", "Dit à domicile", "responsable du cercle"),
    ):
        [stay] = everything(CareTeamParticipant, practitioner_role=world.roles[key])
        address = reverse("care_teams:scope", args=[care_team.patient_id, stay.pk])
        answer = gp.post(address, {"follows": "chosen", "categories": ["2"], "note": note})
        assert answer.status_code == 422
        assert sentence in answer.content.decode()
    assert everything(AuditEvent, operation="care_team.participant.scope") == []


def test_a_decision_replaces_the_former_and_both_are_read(world, gp):
    care_team = world.circle()
    address = reverse("documents:decide", args=[care_team.patient_id])
    sent = {
        "gesture": str(uuid.uuid4()),
        "decision": "deny",
        "given_by": "person",
        "note": "Ne souhaite pas partager",
    }
    assert gp.post(address, sent).status_code == 302
    page = gp.get(reverse("care_teams:detail", args=[care_team.patient_id])).content.decode()
    assert "Opposition au partage" in page
    assert "Décisions précédentes" in page
    refused = gp.post(
        reverse("care_teams:add", args=[care_team.patient_id]),
        {"member": f"role-{world.roles['nurse'].pk}", "role": "353"},
    )
    assert "s’oppose au partage" in refused.content.decode()


def test_only_who_manages_changes_the_circle(world, sign_in):
    care_team = world.circle("nurse")
    client = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    assert client.get(reverse("care_teams:detail", args=[care_team.patient_id])).status_code == 200
    for name in ("add", "choices", "add_relative", "access_log"):
        address = reverse(f"care_teams:{name}", args=[care_team.patient_id])
        assert client.get(address).status_code == 404


def test_glass_broken_opens_shows_and_is_reviewed(world, sign_in, client):
    care_team = world.circle()
    address = reverse("care_teams:break_glass", args=[care_team.patient_id])
    stranger = sign_in(world.accounts["other_gp"], role=world.roles["other_gp"])
    proof = proof_of_traits(actor=world.actor("other_gp"), patient_id=care_team.patient_id)
    start = stranger.post(address, {"start": "1", "proof": proof})
    assert "alertés tout de suite" in start.content.decode()
    sent = {"gesture": str(uuid.uuid4()), "reason": "emergency", "explanation": "Non"}
    sent["proof"] = proof
    assert stranger.post(address, sent).status_code == 422
    sent["explanation"] = "Malaise sur la voie publique, seule"
    assert stranger.post(address, sent).status_code == 302
    assert stranger.post(address, sent).status_code == 302
    [breaking] = everything(GlassBreaking)
    circle = reverse("care_teams:detail", args=[care_team.patient_id])
    assert "Accès exceptionnel : encore" in stranger.get(circle).content.decode()
    doctor = sign_in(world.accounts["gp"], role=world.roles["gp"])
    assert "Malaise" in doctor.get(reverse("care_teams:reviews")).content.decode()
    review = reverse("care_teams:review", args=[breaking.pk])
    unsaid = doctor.post(review, {"comment": "Appelée par le SAMU"})
    assert unsaid.status_code == 422
    assert "Appelée par le SAMU" in unsaid.content.decode()
    reviewed = doctor.post(review, {"verdict": "Justifié"})
    assert reviewed.status_code == 302
    assert "Aucun accès à relire" in doctor.get(reverse("care_teams:reviews")).content.decode()


def test_who_entered_cannot_review_it(world, sign_in):
    care_team = world.circle()
    client = sign_in(world.accounts["other_gp"], role=world.roles["other_gp"])
    sent = {
        "gesture": str(uuid.uuid4()),
        "reason": "emergency",
        "explanation": "Malaise sur la voie publique",
        "proof": proof_of_traits(actor=world.actor("other_gp"), patient_id=care_team.patient_id),
    }
    client.post(reverse("care_teams:break_glass", args=[care_team.patient_id]), sent)
    [breaking] = everything(GlassBreaking)
    review = reverse("care_teams:review", args=[breaking.pk])
    assert client.post(review, {"verdict": "Justifié"}).status_code == 404
    # Nor when they have come to manage the record since.
    with row_security.acting_as(internal("test"), now=world.now, operation="test.grant"):
        grants.grant(
            world.roles["other_gp"].key,
            patient_id=care_team.patient_id,
            level=Level.MANAGE,
            source=GrantSource.PARTICIPANT,
            now=world.now,
        )
    assert client.post(review, {"verdict": "Justifié"}).status_code == 404


def test_without_the_exact_traits_nobody_learns_whether_a_record_exists(world, sign_in):
    care_team = world.circle()
    client = sign_in(world.accounts["other_gp"], role=world.roles["other_gp"])
    of_another_role = proof_of_traits(actor=world.actor("nurse"), patient_id=care_team.patient_id)
    of_another_person = proof_of_traits(actor=world.actor("other_gp"), patient_id=1)
    for proof in ("", "x", of_another_role, of_another_person):
        sent = {"start": "1", "proof": proof}
        for patient_id in (care_team.patient_id, 999_999):
            address = reverse("care_teams:break_glass", args=[patient_id])
            assert client.get(address).status_code == 404
            assert client.post(address, sent).status_code == 404


def test_the_log_says_who_came_in_plain_words_and_who_was_refused(world, sign_in):
    care_team = world.circle("nurse")
    circle = reverse("care_teams:detail", args=[care_team.patient_id])
    sign_in(world.accounts["other_gp"], role=world.roles["other_gp"]).get(circle)
    nurse = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    nurse.get(circle)
    nurse.get(circle)
    doctor = sign_in(world.accounts["gp"], role=world.roles["gp"])
    page = doctor.get(reverse("care_teams:access_log", args=[care_team.patient_id]))
    text = page.content.decode()
    assert "Paul Kouyouri" in text
    assert "Refusé" in text
    assert "(2 fois)" in text
    assert "a ajouté un membre au cercle" in text


def test_the_log_has_the_reader_too(world, gp):
    care_team = world.circle()
    gp.get(reverse("care_teams:access_log", args=[care_team.patient_id]))
    assert everything(AuditEvent, operation="care_team.access_log", patient_id=care_team.patient_id)


def test_the_open_pages_of_whoever_leaves_ask_again(world, sign_in):
    care_team = world.circle("nurse")
    nurse = world.roles["nurse"]
    page = reverse("notebook:list", args=[care_team.patient_id])
    shown = sign_in(world.accounts["nurse"], role=nurse).get(page).content.decode()
    assert 'id="banner" data-live-refresh="circle"' in shown
    told = {"recipient": nurse.key, "kind": "circle"}
    assert everything(LiveEvent, **told) == []
    with row_security.acting_as(world.actor("gp"), now=world.now):
        [stay] = CareTeamParticipant.objects.filter(practitioner_role=nurse)
    operations.end_participation(actor=world.actor("gp"), now=world.now, participant=stay)
    assert len(everything(LiveEvent, **told)) == 1
