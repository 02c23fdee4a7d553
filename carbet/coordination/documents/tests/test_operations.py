"""Filing, replacing, withdrawing: change and trace together, and nothing half-written."""

import base64
import io
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidTag
from django.db import DatabaseError, connection

from carbet.coordination.documents import operations, queries
from carbet.coordination.documents.models import Document, File, Piece
from carbet.coordination.documents.tests.factories import PDF, photo, received
from carbet.core import pieces, row_security, sealing
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableToAct

pytestmark = pytest.mark.django_db
LONG = b"%PDF-1.7\n" + bytes(range(256)) * 4_000


@pytest.fixture
def patient(world):
    return world.circle("nurse", "home_help").patient


def file(world, patient, key="nurse", **given):
    asked = {"received": received(), "gesture": uuid4(), "title": "Lettre"} | given
    return operations.file_document(actor=world.actor(key), now=world.now, patient=patient, **asked)


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def content_of(document, number=1):
    with row_security.acting_as(internal("test")):
        kept = File.objects.get(document_id=document.pk, number=number)
        with queries.content(file=kept) as found:
            return found.read()


def test_a_document_is_kept_whole_and_traced(world, patient):
    document = file(world, patient, received=received(LONG))
    assert content_of(document) == LONG
    assert len(everything(Piece)) == 4
    [event] = everything(AuditEvent, operation="document.file")
    assert (event.patient_id, event.entity) == (patient.pk, f"Document/{document.pk}")


def test_the_same_gesture_is_one_document(world, patient):
    gesture = uuid4()
    first = file(world, patient, gesture=gesture)
    assert file(world, patient, gesture=gesture) == first
    with pytest.raises(operations.UnableToFile, match="autre fichier"):
        file(world, patient, gesture=gesture, received=received(LONG))
    assert len(everything(Document)) == len(everything(File)) == 1


def test_a_role_that_does_not_write_files_nothing(world, patient):
    with pytest.raises(UnableToAct):
        file(world, patient, "agency")
    assert not everything(Document)


def test_a_file_cut_in_the_middle_leaves_nothing(world, patient):
    class Cut(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > pieces.PIECE:
                raise OSError("the disk is gone")
            return super().read(size)

    whole = received(LONG)
    cut = type(whole)("a.pdf", whole.media_type, Cut(LONG), whole.size, whole.digest)
    with pytest.raises(OSError, match="gone"):
        file(world, patient, received=cut)
    assert not everything(Document)
    assert not everything(Piece)


def test_a_new_version_leaves_the_former_one(world, patient):
    document = file(world, patient)
    replaced = operations.add_version(
        actor=world.actor("nurse"),
        now=world.later(minutes=5),
        document=document,
        received=received(LONG),
        reason="Version signée",
        version=1,
    )
    assert replaced.version == 2
    assert content_of(document, 1) == PDF
    assert content_of(document, 2) == LONG


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"reason": " "}, "pourquoi"),
        ({"version": 7}, "entre-temps"),
        ({"received": PDF}, "même fichier"),
    ],
)
def test_a_version_refused_changes_nothing(world, patient, change, sentence):
    document = file(world, patient)
    asked = {"received": LONG, "reason": "x", "version": 1} | change
    asked["received"] = received(asked["received"])
    with pytest.raises(operations.UnableToMend, match=sentence):
        operations.add_version(
            actor=world.actor("nurse"), now=world.now, document=document, **asked
        )
    assert len(everything(File)) == 1


def test_only_its_author_mends_a_document(world, patient):
    document = file(world, patient)
    with pytest.raises(UnableToAct):
        operations.withdraw_document(
            actor=world.actor("gp"), now=world.now, document=document, reason="x"
        )
    withdrawn = operations.withdraw_document(
        actor=world.actor("nurse"), now=world.now, document=document, reason="Autre dossier"
    )
    assert withdrawn.status == "entered-in-error"
    with pytest.raises(operations.UnableToMend, match="déjà"):
        operations.withdraw_document(
            actor=world.actor("nurse"), now=world.now, document=document, reason="x"
        )
    assert len(everything(Piece)) == 1


@pytest.mark.parametrize(
    ("visibility", "readers", "seen_by"),
    [
        ("circle", [], {"gp", "secretary", "nurse", "home_help", "claire"}),
        ("professionals", [], {"gp", "secretary", "nurse", "home_help"}),
        ("chosen", [], {"nurse"}),
        ("chosen", ["gp"], {"gp", "secretary", "nurse"}),
        ("chosen", ["account"], {"nurse", "claire"}),
    ],
)
def test_who_sees_a_document_and_its_bytes(world, patient, visibility, readers, seen_by):
    from carbet.core import grants
    from carbet.core.actor import PERSON, Actor, DataCategory, Level

    keys = [f"role:{world.roles[key].pk}" if key in world.roles else key for key in readers]
    document = file(
        world,
        patient,
        received=received(photo()),
        visibility=visibility,
        readers=keys,
        category=DataCategory.SOCIAL,
    )
    claire = f"account:{world.accounts['claire'].pk}"
    with row_security.acting_as(internal("test"), operation="test.grant"):
        grants.grant(
            claire, patient_id=patient.pk, level=Level.READ, source="person", now=world.now
        )
    actors = {key: world.actor(key) for key in ("gp", "secretary", "nurse", "home_help")}
    actors |= {
        "claire": Actor(kind=PERSON, grantees=(claire,)),
        "other_gp": world.actor("other_gp"),
    }
    for model in (Document, Document.pgh_event_model, File, Piece):
        found = set()
        for name, actor in actors.items():
            with row_security.acting_as(actor, now=world.now):
                if model.objects.filter(patient_id=patient.pk).exists():
                    found.add(name)
        assert found == seen_by, model
    assert document.readers is None or f"role:{world.roles['nurse'].pk}" in document.readers


@pytest.mark.parametrize(("author", "seen"), [("nurse", False), ("home_help", True)])
def test_a_document_is_read_by_whoever_reads_what_its_author_writes(world, patient, author, seen):
    file(world, patient, author)
    for model in (Document, Document.pgh_event_model, File, Piece):
        with row_security.acting_as(world.actor("home_help"), now=world.now):
            assert model.objects.filter(patient_id=patient.pk).exists() is seen, model
        with row_security.acting_as(world.actor("gp"), now=world.now):
            assert model.objects.filter(patient_id=patient.pk).exists(), model


def test_nothing_kept_is_ever_changed(world, patient):
    file(world, patient)
    for statement in (
        "UPDATE documents_file SET size = 0",
        "UPDATE documents_piece SET data = ''",
        "DELETE FROM documents_piece",
    ):
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            row_security.acting_as(world.actor("nurse"), operation="test.change"),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_pieces_are_sealed_when_keys_are_given_and_keys_turn(world, patient, settings):
    def key(byte):
        return base64.b64encode(byte * 32).decode()

    plain = file(world, patient)
    settings.CARBET_FILE_KEYS = [f"1:{key(b'a')}"]
    first = file(world, patient, received=received(LONG))
    settings.CARBET_FILE_KEYS = [f"2:{key(b'b')}", f"1:{key(b'a')}"]
    second = file(world, patient, received=received(LONG))
    assert [one.sealed_with for one in everything(File)] == [0, 1, 2]
    assert content_of(plain) == PDF
    assert content_of(first) == content_of(second) == LONG
    piece = everything(Piece, file__sealed_with=2)[0]
    assert b"%PDF" not in bytes(piece.data)
    with pytest.raises(InvalidTag):
        sealing.opened(bytes(piece.data), key=2, file_id=piece.file_id + 1, rank=1)
