"""The whole territory: decided by two, each row once whatever stops it, memory bounded."""

import gzip
import hashlib
import json
import tracemalloc
import uuid
from collections import Counter
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from carbet.interop.exports import access, operations, queries, tasks
from carbet.interop.exports.fhir import FILES, SECTIONS
from carbet.interop.exports.models import TerritoryExport, TerritoryPart
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.patients.models import Patient
from tests.consistency import scene as scenes

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


@pytest.fixture
def scene(world):
    built = scenes.build(world)
    with row_security.acting_as(access.HOUSE, operation="test"):
        TerritoryExport.objects.update(status="refused")
    return built


@pytest.fixture
def second(scene):
    """Return the client's account and role of a second operator."""
    role = scene.world.roles["operator"]
    other = scene.world.accounts["coordinator"]
    other.is_operator = True
    other.save()
    kept = PractitionerRole.objects.get(pk=role.pk)
    kept.pk, kept.practitioner_id = None, scene.world.roles["coordinator"].practitioner_id
    kept._state.adding = True
    kept.save()
    return other, kept


def ask(scene, gesture=None):
    actor = scene.world.actor("operator")
    return operations.ask_territory(
        actor=access.keeper(actor),
        now=scene.world.now,
        asker=actor,
        reason="Reprise par un autre système",
        gesture=gesture or uuid.uuid4(),
    )


def let(scene, export, agreed=True, who="coordinator"):
    return operations.let_territory(
        actor=internal("test"),
        now=scene.world.now,
        second=scene.world.actor(who),
        export_id=export.pk,
        agreed=agreed,
    )


def crowd(world, number):
    """Add persons as copies of one, each with their own name."""
    with row_security.acting_as(access.HOUSE, now=world.now, operation="test"):
        one = Patient.objects.order_by("pk")[0]
        values = {
            field.attname: getattr(one, field.attname)
            for field in Patient._meta.concrete_fields
            if not field.unique
        }
        Patient.objects.bulk_create(
            Patient(**values | {"birth_family": f"Foule {rank}"}) for rank in range(number)
        )


def lines_of(export, section):
    held = b"".join(queries.part_bytes(export_id=export.pk, section=section))
    return [json.loads(line) for line in gzip.decompress(held).splitlines()]


def expected():
    with row_security.acting_as(access.HOUSE):
        found = {each.name: each.of(None).count() for each in SECTIONS}
        found |= {f"Binary-{each.kind}": each.of(None).count() for each in FILES}
    return {name: number for name, number in found.items() if number}


def test_one_operator_asks_another_lets_and_only_the_first_takes(scene, second, sign_in, client):
    own = sign_in(scene.world.accounts["operator"], role=scene.world.roles["operator"])
    page = reverse("exports:territory")
    asked = own.post(page, {"reason": "Reprise", "gesture": uuid.uuid4()}, follow=True)
    assert "un autre exploitant doit l’accepter" in asked.content.decode()
    with row_security.acting_as(access.HOUSE):
        export = TerritoryExport.objects.get(status="proposed")
    alone = own.post(reverse("exports:let", args=[export.pk]), follow=True)
    assert "se décide à deux" in alone.content.decode()
    assert "Retirer la demande" in alone.content.decode()
    other = sign_in(second[0], role=second[1])
    other.post(reverse("exports:let", args=[export.pk]))
    tasks.make_territory(export.pk)
    manifest = reverse("exports:manifest", args=[export.pk])
    assert other.get(manifest).status_code == 404
    own = sign_in(scene.world.accounts["operator"], role=scene.world.roles["operator"])
    assert "Ouvrir" in own.get(page).content.decode()
    assert (
        "Patient.ndjson.gz" in own.get(reverse("exports:whole", args=[export.pk])).content.decode()
    )
    outputs = json.loads(own.get(manifest).content)["output"]
    for each in outputs:
        data = b"".join(own.get(each["url"]).streaming_content)
        assert hashlib.sha256(data).hexdigest() == each["extension"]["sha256"]
        assert len(data) == each["extension"]["size"]
        held = [json.loads(line) for line in gzip.decompress(data).splitlines()]
        assert len(held) == each["count"]
        assert {line["resourceType"] for line in held} == {each["type"]}
    with row_security.acting_as(access.HOUSE):
        done = set(AuditEvent.objects.values_list("operation", flat=True))
    assert {"territory.ask", "territory.let", "territory.take", "territory.finish"} <= done


def test_what_is_refused_writes_nothing(scene):
    let(scene, ask(scene), agreed=False, who="operator")
    export = let(scene, ask(scene), agreed=False)
    tasks.make_territory(export.pk)
    with row_security.acting_as(access.HOUSE):
        assert queries.sections(export_id=export.pk) == []
    with pytest.raises(operations.UnableToExport):
        let(scene, export)


def test_the_same_gesture_is_one_demand_and_two_never_wait(scene):
    gesture = uuid.uuid4()
    assert ask(scene, gesture).pk == ask(scene, gesture).pk
    with pytest.raises(operations.UnableToExport):
        ask(scene)


@pytest.mark.parametrize("parts", [0, 1, 4])
def test_a_kill_between_two_parts_loses_and_repeats_nothing(scene, monkeypatch, parts):
    monkeypatch.setattr(tasks, "BATCH", 7)
    crowd(scene.world, 30)
    export = let(scene, ask(scene))
    true, left = operations.add_part, [parts]

    def dying(**said):
        if not left[0]:
            raise Killed
        left[0] -= 1
        true(**said)

    monkeypatch.setattr(operations, "add_part", dying)
    with pytest.raises(Killed):
        tasks.make_territory(export.pk)
    monkeypatch.setattr(operations, "add_part", true)
    tasks.make_territory(export.pk)
    held = {}
    with row_security.acting_as(access.HOUSE):
        names = [each.section for each in queries.sections(export_id=export.pk)]
    for name in names:
        ids = Counter(each["id"] for each in lines_of(export, name))
        assert set(ids.values()) == {1}
        held[name] = len(ids)
    assert {name: held[name] for name in expected()} == expected()


def test_what_cannot_be_built_says_so_and_another_may_be_asked(scene, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("disque plein")

    export = ask(scene)
    let(scene, export)
    with monkeypatch.context() as patched:
        patched.setattr(operations, "finish_territory", broken)
        with pytest.raises(RuntimeError):
            tasks.make_territory(export.pk, is_last=True)
    with row_security.acting_as(access.HOUSE):
        export.refresh_from_db()
        assert (export.status, export.error) == ("failed", "L’export n’a pas pu être fait.")
        assert not TerritoryPart.objects.exists()
    assert ask(scene).status == "proposed"


def test_memory_does_not_grow_with_the_territory(scene, monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 50)
    peaks = []
    for more in (100, 700):
        crowd(scene.world, more)
        section = next(each for each in SECTIONS if each.name == "Patient")
        tracemalloc.start()
        lines = sum(len(found) for _, found in tasks._parts(section, 0))
        peaks.append((lines, tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
    (few, small), (many, large) = peaks
    assert many > 6 * few
    assert large < 1.5 * small


def test_the_command_writes_it_on_disk_and_goes_on_after_a_kill(scene, monkeypatch, tmp_path):
    monkeypatch.setattr(tasks, "BATCH", 7)
    crowd(scene.world, 30)
    folder, true, left = tmp_path / "territoire", tasks._save_state, [3]

    def dying(*said):
        # What was written last is on disk, the state does not know it yet.
        if not left[0]:
            raise Killed
        left[0] -= 1
        true(*said)

    monkeypatch.setattr(tasks, "_save_state", dying)
    with pytest.raises(Killed):
        call_command("export_territory", str(folder), reason="Reprise", stdout=StringIO())
    assert not (folder / "manifeste.json").exists()
    monkeypatch.setattr(tasks, "_save_state", true)
    call_command("export_territory", str(folder), reason="Reprise", stdout=StringIO())
    for line in (folder / "empreintes.txt").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    held = {}
    for path in folder.glob("*.ndjson.gz"):
        with gzip.open(path) as file:
            ids = Counter(json.loads(line)["id"] for line in file)
        assert set(ids.values()) == {1}
        held[path.name.removesuffix(".ndjson.gz")] = len(ids)
    assert {name: held[name] for name in expected()} == expected()
    outputs = json.loads((folder / "manifeste.json").read_bytes())["output"]
    assert {each["extension"]["section"]: each["count"] for each in outputs} == held
    with row_security.acting_as(access.HOUSE):
        assert AuditEvent.objects.filter(operation="territory.write_on_disk").count() == 2
    with pytest.raises(CommandError):
        call_command("export_territory", str(folder), reason="Reprise", stdout=StringIO())


def test_what_was_kept_three_days_is_removed(scene):
    export = let(scene, ask(scene))
    tasks.make_territory(export.pk)
    with row_security.acting_as(access.HOUSE, operation="test"):
        TerritoryExport.objects.filter(pk=export.pk).update(expires_at=scene.world.now)
    assert operations.clear_expired(actor=access.HOUSE, now=clock.now()) == 1
    with row_security.acting_as(access.HOUSE):
        assert queries.sections(export_id=export.pk) == []
