"""The record of a person taken out: as far as whoever asked may see it, for them only."""

import io
import json
import subprocess
import uuid
import zipfile

import pytest
from django.urls import reverse

from carbet.coordination.documents import operations as documents
from carbet.coordination.documents.rules import clinical
from carbet.coordination.documents.tests.factories import received
from carbet.core import clock, row_security
from carbet.core.models import AuditEvent
from carbet.interop import cda
from carbet.interop.cda.tests import official
from carbet.interop.cda.tests.factories import structured
from carbet.interop.exports import access, operations, queries, tasks
from carbet.interop.exports.fhir import FILES, SECTIONS
from carbet.interop.exports.models import RecordExport, RecordPiece
from carbet.interop.exports.rules import LEFT_BEHIND
from carbet.interop.fhir_api.rules import structure
from carbet.registries.patients import fhir as patients_fhir
from carbet.registries.patients.models import Patient
from tests.consistency import rules_of_the_house as house
from tests.consistency import scene as scenes

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(world):
    return scenes.build(world)


def ask(scene, who="gp", gesture=None):
    actor = scene.world.actor(who)
    with row_security.acting_as(actor, now=scene.world.now):
        patient = access.get_patient(actor=actor, patient_id=scene.patient_id, now=scene.world.now)
    return operations.ask_record(
        actor=actor,
        now=scene.world.now,
        patient=patient,
        reason="Elle déménage",
        gesture=gesture or uuid.uuid4(),
    )


def build(export, now):
    tasks.make_record(export.pk)
    with row_security.acting_as(access.HOUSE, now=now):
        row = RecordExport.objects.get(pk=export.pk)
        assert (row.status, row.error) == ("ready", "")
        with queries.archive(export=row) as content:
            return zipfile.ZipFile(io.BytesIO(content.read()))


def test_what_cannot_be_built_says_so_and_blocks_nobody(scene, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("disque plein")

    monkeypatch.setattr(tasks.presenters, "head", broken)
    for _ in range(4):
        export = ask(scene)
        with pytest.raises(RuntimeError):
            tasks.make_record(export.pk)
        with row_security.acting_as(access.HOUSE, now=scene.world.now):
            assert RecordExport.objects.get(pk=export.pk).status == "waiting"
        with pytest.raises(RuntimeError):
            tasks.make_record(export.pk, is_last=True)
        with row_security.acting_as(access.HOUSE, now=scene.world.now):
            row = RecordExport.objects.get(pk=export.pk)
            assert (row.status, row.error) == ("failed", "L’archive n’a pas pu être faite.")


@pytest.mark.parametrize("who", ["gp", "home_help"])
def test_the_archive_holds_every_row_that_its_asker_sees_and_no_other(scene, who, monkeypatch):
    monkeypatch.setattr(tasks, "current_time", lambda: scene.world.now)
    archive = build(ask(scene, who), scene.world.now)
    assert archive.testzip() is None
    counts = json.loads(archive.read("contenu.json"))
    with row_security.acting_as(scene.world.actor(who), now=scene.world.now):
        seen = {each.name: each.of(scene.patient_id).count() for each in SECTIONS}
        seen |= {f"fichiers {each.kind}": each.of(scene.patient_id).count() for each in FILES}
    assert counts == seen
    entries = json.loads(archive.read("dossier.json"))["entry"]
    addresses = [each["fullUrl"] for each in entries]
    assert len(addresses) == len(set(addresses))
    named = {each.title for each in SECTIONS if seen[each.name]}
    page = archive.read("dossier.html").decode()
    assert all(f"<h2>{title}</h2>" in page for title in named)
    files = [each for each in archive.namelist() if each.startswith("fichiers/")]
    assert len(files) == sum(seen[f"fichiers {each.kind}"] for each in FILES)
    assert "<script" not in page
    assert "Claire" in page
    # Names, never references; no word that would be false tomorrow.
    assert "PractitionerRole/" not in page
    assert "aujourd" not in page
    assert "Inès Robeiri" in page


def test_each_file_has_its_digest_and_a_changed_byte_is_found(scene, monkeypatch, tmp_path):
    monkeypatch.setattr(tasks, "current_time", lambda: scene.world.now)
    archive = build(ask(scene), scene.world.now)
    archive.extractall(tmp_path)
    vouched = dict(
        line.split("  ", 1)[::-1] for line in archive.read(tasks.DIGESTS).decode().splitlines()
    )
    assert [*vouched, tasks.DIGESTS] == archive.namelist()
    assert any(name.startswith("fichiers/") for name in vouched)
    check = ["sha256sum", "--check", "--quiet", tasks.DIGESTS]
    assert subprocess.run(check, cwd=tmp_path).returncode == 0
    told = tmp_path / "dossier.json"
    told.write_bytes(told.read_bytes().replace(b"Bundle", b"Bundel", 1))
    failed = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True)
    assert failed.returncode == 1
    assert "dossier.json" in failed.stdout


def test_a_medical_row_stays_out_of_a_social_member_s_archive(scene, monkeypatch):
    monkeypatch.setattr(tasks, "current_time", lambda: scene.world.now)
    whole = build(ask(scene, "gp"), scene.world.now).read("dossier.html").decode()
    social = build(ask(scene, "home_help"), scene.world.now).read("dossier.html").decode()
    assert "Plaie propre." in whole
    assert "Plaie propre." not in social
    assert "Va bien ce matin." in social


def test_a_clinical_document_leaves_as_it_was_and_readable(scene, monkeypatch):
    monkeypatch.setattr(tasks, "current_time", lambda: scene.world.now)
    data = structured(
        "<title>Biologie</title><text>Hémoglobine <content>abaissée</content>"
        "<paragraph>&lt;script&gt;alert(1)&lt;/script&gt;</paragraph></text>"
    )
    document, _ = documents.receive_document(
        actor=access.HOUSE,
        now=scene.world.now,
        patient_id=scene.patient_id,
        received=received(data, "lettre.xml"),
        described=clinical.describe(data),
    )
    archive = build(ask(scene), scene.world.now)
    [path] = [name for name in archive.namelist() if name.endswith(".xml")]
    assert archive.read(path) == data
    if official.SCHEMA.exists():
        assert cda.schema_errors(archive.read(path), official.SCHEMA) == []
    [told] = [name for name in archive.namelist() if name.startswith("lecture/")]
    page = archive.read(told).decode()
    assert "abaissée" in page
    assert "<script" not in page
    whole = archive.read("dossier.html").decode()
    assert f'href="{path}"' in whole
    assert f'href="{told}"' in whole
    attached = [
        content["attachment"]
        for each in json.loads(archive.read("dossier.json"))["entry"]
        for content in each["resource"].get("content", ())
    ]
    assert path in {each.get("url") for each in attached}
    assert document.pk


def test_the_same_gesture_is_one_export_and_it_is_traced(scene):
    gesture = uuid.uuid4()
    assert ask(scene, gesture=gesture) == ask(scene, gesture=gesture)
    with row_security.acting_as(access.HOUSE):
        assert AuditEvent.objects.filter(
            operation="export.ask", patient_id=scene.patient_id, reason="Elle déménage"
        ).exists()


def test_only_whoever_asked_takes_it_and_only_for_a_day(scene, sign_in, monkeypatch):
    monkeypatch.setattr(tasks, "current_time", clock.now)
    export = ask(scene, "nurse")
    tasks.make_record(export.pk)
    address = reverse("exports:archive", args=[scene.patient_id, export.pk])
    other = sign_in(scene.world.accounts["gp"], role=scene.world.roles["gp"])
    assert other.get(address).status_code == 404
    own = sign_in(scene.world.accounts["nurse"], role=scene.world.roles["nurse"])
    answer = own.get(address)
    assert answer.status_code == 200
    assert zipfile.ZipFile(io.BytesIO(answer.getvalue())).testzip() is None
    with row_security.acting_as(access.HOUSE, operation="test"):
        RecordExport.objects.filter(pk=export.pk).update(expires_at=scene.world.now)
    assert own.get(address).status_code == 404
    assert operations.clear_expired(actor=access.HOUSE, now=clock.now()) == 1
    with row_security.acting_as(access.HOUSE):
        assert not RecordPiece.objects.filter(export_id=export.pk).exists()


def test_a_right_withdrawn_before_it_is_built_stops_it(scene, monkeypatch):
    monkeypatch.setattr(tasks, "current_time", lambda: scene.world.now)
    export = ask(scene, "nurse")
    with row_security.acting_as(access.HOUSE, operation="test"):
        from carbet.core.models import AccessGrant

        AccessGrant.objects.filter(
            patient_id=scene.patient_id, grantee=scene.world.roles["nurse"].key
        ).update(valid_until=scene.world.now)
    tasks.make_record(export.pk)
    with row_security.acting_as(access.HOUSE):
        row = RecordExport.objects.get(pk=export.pk)
    assert (row.status, row.error) == ("failed", "Ce dossier ne vous est plus ouvert.")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "\x00"])
def test_a_wrong_reason_is_said_at_its_field(scene, sign_in, reason):
    client = sign_in(scene.world.accounts["gp"], role=scene.world.roles["gp"])
    answer = client.post(
        reverse("exports:record", args=[scene.patient_id]),
        {"reason": reason, "gesture": uuid.uuid4()},
    )
    assert answer.status_code == 422
    assert "id_reason_error" in answer.content.decode()


def test_every_table_of_a_person_is_taken_out_or_said_to_stay():
    taken = {each.rows().model.__name__ for each in (*SECTIONS, *FILES)}
    held = {
        model.__name__
        for model in house.house_models()
        if any(getattr(field, "attname", "") == "patient_id" for field in model._meta.get_fields())
    }
    assert held - taken - set(LEFT_BEHIND) == set()
    assert taken & set(LEFT_BEHIND) == set()


# What R4 makes mandatory in the types that the FHIR door does not read, and the codes it binds.
MANDATORY = {
    "CarePlan": {"status", "intent", "subject"},
    "Communication": {"status"},
    "Consent": {"status", "scope", "category", "policyRule"},
    "DetectedIssue": {"status"},
    "Encounter": {"status", "class"},
    "EpisodeOfCare": {"status", "patient"},
    "Goal": {"lifecycleStatus", "description", "subject"},
    "HealthcareService": set(),
    "Location": set(),
    "Task": {"status", "intent"},
}
BOUND = {
    ("Communication", "status"): {"completed"},
    ("Consent", "status"): {"active", "inactive"},
    ("DetectedIssue", "status"): {"preliminary", "final", "cancelled"},
    ("DetectedIssue", "severity"): {"high", "moderate", "low"},
    ("Encounter", "status"): {"planned", "arrived", "in-progress", "finished", "cancelled"},
    ("EpisodeOfCare", "status"): {
        "planned", "waitlist", "active", "onhold", "finished", "cancelled", "entered-in-error",
    },
    ("Task", "status"): {
        "draft", "requested", "received", "accepted", "rejected", "ready", "cancelled",
        "in-progress", "on-hold", "failed", "completed", "entered-in-error",
    },
    ("ServiceRequest", "status"): {
        "draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown",
    },
}  # fmt: skip


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def empty(value):
    """Yield what FHIR knows not: an empty text, list or object, a null."""
    if value in (None, "", [], {}):
        yield value
    for each in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from empty(each)


def test_the_bundle_is_fhir_r4_and_says_all_that_it_refers_to(scene, monkeypatch):
    monkeypatch.setattr(tasks, "current_time", lambda: scene.world.now)
    bundle = json.loads(build(ask(scene), scene.world.now).read("dossier.json"))
    assert structure.check(bundle | {"entry": bundle["entry"][:1]}, "Bundle") == []
    wrong = []
    for each in bundle["entry"]:
        resource = each["resource"]
        kind = resource["resourceType"]
        assert each["fullUrl"].endswith(f"/fhir/{kind}/{resource['id']}")
        if kind in structure.READABLE:
            wrong += structure.check(resource, kind)
        else:
            wrong += [(kind, name) for name in MANDATORY[kind] - set(resource)]
        wrong += [
            (kind, name, resource[name])
            for (of, name), codes in BOUND.items()
            if of == kind and name in resource and resource[name] not in codes
        ]
        wrong += [(kind, each) for each in empty(resource)]
    assert wrong == []
    held = {
        f"{each['resource']['resourceType']}/{each['resource']['id']}" for each in bundle["entry"]
    }
    assert {each for each in references(bundle) if each[0] != "#"} - held == set()


def test_the_person_of_the_bundle_reads_back_the_same(scene, monkeypatch):
    monkeypatch.setattr(tasks, "current_time", lambda: scene.world.now)
    bundle = json.loads(build(ask(scene), scene.world.now).read("dossier.json"))
    resource = bundle["entry"][0]["resource"]
    read = patients_fhir.read(resource, "Patient", now=scene.world.now)
    assert [issue for issue in read.issues if issue.severity == "error"] == []
    with row_security.acting_as(access.HOUSE):
        person = Patient.objects.get(pk=scene.patient_id)
    assert read.traits["birth_family"] == person.birth_family
    assert read.traits["birth_date"] == person.birth_date
