"""What happens in a thread stands with its trace and its alerts, or not at all."""

import io
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidTag
from django.db import DatabaseError, connection

from carbet.coordination.alerts.models import Alert
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.documents.tests.factories import PDF, TEXT, photo, received
from carbet.coordination.messaging import operations, queries
from carbet.coordination.messaging.access import NoSuchThread
from carbet.coordination.messaging.models import (
    Attachment,
    AttachmentPiece,
    Message,
    Participant,
    Reader,
    Receipt,
    Thread,
)
from carbet.coordination.messaging.tests.factories import (
    enter,
    entered,
    everything,
    open_thread,
    read,
    send,
)
from carbet.coordination.notebook.models import Note
from carbet.core import grants, pieces, row_security, sealing
from carbet.core.actor import Level
from carbet.core.models import AuditEvent, LiveEvent, OutboxMessage
from carbet.core.operation import UnableTo, UnableToAct

pytestmark = pytest.mark.django_db

EVERY_ROW = (Thread, Participant, Message, Reader, Receipt, Attachment)


@pytest.fixture
def patient(world):
    return world.circle("nurse", "home_help").patient


@pytest.fixture
def about(world, patient):
    return open_thread(world, "nurse", patient=patient)


def texts(thread):
    return [line.text for line in everything(Message, thread_id=thread.pk)]


def alerted(world):
    """Return (role, kind) of every alert that messages raised."""
    names = {role.key: key for key, role in world.roles.items()}
    kinds = {"message", "mention", "urgent_message"}
    return [
        (names.get(alert.recipient, alert.recipient), str(alert.kind))
        for alert in everything(Alert)
        if alert.kind in kinds
    ]


def take_out_of_circle(world, patient, key):
    with row_security.acting_as(world.actor("gp"), now=world.now):
        stay = CareTeamParticipant.objects.select_related("care_team").get(
            patient_id=patient.pk, practitioner_role=world.roles[key]
        )
    care_teams.end_participation(
        actor=world.actor("gp"), now=world.later(minutes=1), participant=stay
    )


# --- Opening -------------------------------------------------------------------------------------


def test_a_thread_stands_with_its_first_message_its_trace_and_its_alert(world, patient):
    thread = open_thread(world, "nurse", patient=patient, subject="  Passages \n du soir ")
    [line] = everything(Message)
    assert (line.seq, line.author, line.author_name) == (
        1,
        world.roles["gp"].key,
        "Yann Le Bihan",
    )
    assert thread.subject == "Passages du soir"
    assert {one.grantee for one in everything(Participant)} == {
        world.roles["gp"].key,
        world.roles["nurse"].key,
    }
    [event] = everything(AuditEvent, operation="messaging.thread.open")
    assert (event.patient_id, event.entity) == (patient.pk, f"Thread/{thread.pk}")
    assert alerted(world) == [("nurse", "message")]
    told = {event.recipient for event in everything(LiveEvent, kind="message")}
    assert told == {world.roles["gp"].key, world.roles["nurse"].key}


def test_nothing_leaves_the_house_with_a_message(world, about):
    send(world, about, urgent=True, text="Chute ce matin")
    assert not [message for message in everything(OutboxMessage) if "Chute" in str(message.payload)]
    assert not [alert for alert in everything(Alert) if "Chute" in str(vars(alert))]


def test_the_same_gesture_twice_is_one_thread(world, patient):
    gesture = uuid4()
    first = open_thread(world, "nurse", patient=patient, gesture=gesture)
    assert open_thread(world, "nurse", patient=patient, gesture=gesture).pk == first.pk
    with pytest.raises(operations.GestureAlreadyUsed):
        open_thread(world, "nurse", patient=patient, gesture=gesture, text="Autre chose")
    assert len(everything(Thread)) == len(everything(Message)) == 1


@pytest.mark.parametrize(
    ("to", "given", "sentence"),
    [
        ((), {}, "au moins un destinataire"),
        (("far_nurse",), {}, "accès au dossier"),
        (("role:999999",), {}, "accès au dossier"),
        (("account:1",), {}, "accès au dossier"),
        (("nurse",), {"text": "  \n "}, "Écrivez"),
        (("nurse",), {"text": "a" * 20_001}, "20001 caractères"),
        (("nurse",), {"subject": "a" * 121}, "121 caractères"),
    ],
    ids=["nobody", "stranger", "unknown", "account", "empty", "too long", "long subject"],
)
def test_a_refused_thread_leaves_nothing(world, patient, to, given, sentence):
    with pytest.raises(UnableTo, match=sentence):
        open_thread(world, *to, patient=patient, **given)
    for model in (Thread, Message, Participant):
        assert not everything(model)
    assert not everything(AuditEvent, operation="messaging.thread.open")


def test_only_those_of_the_circle_hear_of_a_person(world, patient):
    person = entered(world, "gp", patient)
    with row_security.acting_as(world.actor("gp"), now=world.now):
        names = {
            one.key
            for one in queries.candidates(patient_id=patient.pk, level=person.level, now=world.now)
        }
    assert names == {world.roles[key].key for key in ("gp", "nurse", "home_help")}


def test_the_person_is_in_only_when_a_manager_invites(world, patient):
    account = f"account:{world.accounts['claire'].pk}"
    with row_security.acting_as(world.actor("gp"), now=world.now, operation="test.grant"):
        grants.grant(
            account, patient_id=patient.pk, level=Level.READ, source="person", now=world.now
        )
    with pytest.raises(operations.UnableToInvite):
        open_thread(world, account, by="nurse", patient=patient)
    thread = open_thread(world, account, patient=patient)
    assert (account, "message") in alerted(world)
    assert account in {one.grantee for one in everything(Participant, thread_id=thread.pk)}


def test_teams_take_part_as_one(world):
    team = f"org:{world.places['nursing'].pk}"
    thread = open_thread(world, team)
    send(world, thread, by="physio")
    send(world, thread, by="nurse", text="Moi aussi")
    assert len(texts(thread)) == 3
    with pytest.raises(operations.UnableToInvite, match="Cabinet infirmier"):
        operations.leave_thread(actor=world.actor("nurse"), now=world.now, thread=thread)


# --- Writing -------------------------------------------------------------------------------------


def test_lines_are_numbered_by_the_server_whatever_the_clock_says(world):
    about = open_thread(world, "nurse")
    send(world, about, text="Un")
    world.later(hours=-1)
    send(world, about, by="gp", text="Deux")
    assert [line.seq for line in everything(Message)] == [1, 2, 3]
    assert texts(about) == ["Peut-on espacer les passages ?", "Un", "Deux"]


def test_the_same_gesture_twice_is_one_message(world, about):
    gesture = uuid4()
    first = send(world, about, gesture=gesture)
    assert send(world, about, gesture=gesture).pk == first.pk
    with pytest.raises(operations.GestureAlreadyUsed, match="pas encore envoyé"):
        send(world, about, gesture=gesture, text="Autre chose")
    with pytest.raises(operations.GestureAlreadyUsed):
        send(world, about, by="gp", gesture=gesture)
    assert [line.seq for line in everything(Message)] == [1, 2]


def test_a_gesture_used_in_another_thread_is_said(world, about):
    other = open_thread(world, "nurse")
    gesture = uuid4()
    send(world, other, gesture=gesture)
    with pytest.raises(operations.GestureAlreadyUsed, match="envoyez-le à nouveau"):
        send(world, about, gesture=gesture)
    assert len(texts(about)) == 1
    assert send(world, about).seq == 2


@pytest.mark.parametrize(
    "text",
    ["🌴👵🏽 revenue", "‏مرحبا بالعالم", "a" * 20_000, "🙂" * 20_000, "Ligne\n\nautre\tligne"],
    ids=["emoji", "right-to-left", "20000", "20000-emoji", "lines"],
)
def test_any_text_comes_back_as_it_was_written(world, about, text):
    send(world, about, text=text)
    assert texts(about)[-1] == text


@pytest.mark.parametrize("key", ["home_help", "far_nurse", "coordinator", "operator"])
def test_whoever_takes_no_part_does_nothing(world, about, key):
    acting = {"actor": world.actor(key), "now": world.now, "thread": about}
    attempts = [
        lambda: send(world, about, by=key),
        lambda: read(world, about, by=key),
        lambda: operations.set_muted(**acting, muted=True),
        lambda: operations.leave_thread(**acting),
        lambda: operations.close_thread(**acting),
        lambda: operations.reopen_thread(**acting),
        lambda: operations.add_participants(**acting, recipients=[world.roles[key].key]),
    ]
    for attempt in attempts:
        with pytest.raises(NoSuchThread):
            attempt()
    with pytest.raises(NoSuchThread):
        enter(world, about, by=key)
    assert len(texts(about)) == 1


def test_leaving_the_circle_closes_the_thread_at_once(world, patient, about):
    send(world, about)
    take_out_of_circle(world, patient, "nurse")
    with pytest.raises(NoSuchThread):
        send(world, about)
    with pytest.raises(NoSuchThread):
        enter(world, about)
    assert len(texts(about)) == 2


def test_a_secretary_reads_and_writes_for_the_doctor(world, about):
    line = send(world, about, by="secretary")
    assert (line.author_name, line.on_behalf_of) == ("Odile Fortin", "Yann Le Bihan")


# --- Files ---------------------------------------------------------------------------------------


def seen_by(world, key, ask):
    with row_security.acting_as(world.actor(key), now=world.now):
        return ask()


def bytes_of(world, attachment):
    with seen_by(world, "gp", lambda: queries.content(attachment=attachment)) as found:
        return found.read()


def test_files_stand_with_their_message_and_come_back_whole(world, about):
    big = PDF + b"%" + b"x" * 600_000
    send(world, about, text="", files=[received(big, "bilan_sanguin.pdf"), received(photo(), "p")])
    line = everything(Message)[-1]
    assert (line.text, line.attached) == ("", "bilan_sanguin.pdf\np.jpg")
    letter, picture = everything(Attachment)
    assert (letter.number, letter.media_type, letter.size) == (1, "application/pdf", len(big))
    assert bytes_of(world, letter) == big
    small = seen_by(world, "gp", lambda: queries.small_view(attachment=picture))
    assert small.startswith(b"\xff\xd8\xff")
    assert seen_by(world, "gp", lambda: queries.small_view(attachment=letter)) == b""
    assert alerted(world)[-1] == ("gp", "message")


def test_pieces_are_sealed_as_attachments_and_open_as_nothing_else(world, about, settings):
    settings.CARBET_FILE_KEYS = ["3:" + "A" * 43 + "="]
    send(world, about, files=[received(PDF, "a.pdf")])
    [attachment] = everything(Attachment)
    [piece] = everything(AttachmentPiece)
    assert PDF not in bytes(piece.data)
    assert bytes_of(world, attachment) == PDF
    with pytest.raises(InvalidTag):
        sealing.opened(bytes(piece.data), key=3, file_id=attachment.pk, rank=1)


def test_the_same_gesture_with_other_files_is_said(world, about):
    gesture = uuid4()
    files = [received(PDF, "a.pdf")]
    first = send(world, about, gesture=gesture, files=files)
    assert send(world, about, gesture=gesture, files=files).pk == first.pk
    for others in ([], [received(TEXT, "a.txt")], [*files, *files]):
        with pytest.raises(operations.GestureAlreadyUsed, match="pas encore envoyé"):
            send(world, about, gesture=gesture, files=others)
    assert len(everything(Attachment)) == 1


def test_a_file_cut_in_the_middle_leaves_neither_file_nor_message(world, about):
    class Cut(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > pieces.PIECE:
                raise OSError("the disk is gone")
            return super().read(size)

    whole = received(PDF + b"x" * 600_000, "a.pdf")
    with pytest.raises(OSError, match="gone"):
        send(world, about, files=[replace(whole, content=Cut(whole.content.read()))])
    assert not everything(Attachment)
    assert not everything(AttachmentPiece)
    assert len(everything(Message)) == 1


def test_words_of_a_file_s_name_find_its_message(world, about):
    send(world, about, text="", files=[received(PDF, "Prélèvement_du_matin.pdf")])
    found, _ = seen_by(world, "gp", lambda: queries.search(text="prelevements matin"))
    assert [one.attached for one in found] == ["Prélèvement_du_matin.pdf"]


def test_nobody_adds_a_file_to_somebody_else_s_message(world, about):
    actor = world.actor("nurse")
    [line] = everything(Message)
    with (
        pytest.raises(DatabaseError, match="row-level security"),
        row_security.acting_as(actor, now=world.now, operation="test.attach"),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO messaging_attachment (thread_id, message_id, number, name, media_type,"
            " size, digest, sealed_with) VALUES (%s, %s, 1, 'x', 'x', 1, 'x', 0)",
            [about.pk, line.pk],
        )


# --- Reading -------------------------------------------------------------------------------------


def test_a_receipt_says_who_read_up_to_where_and_when(world, about):
    read(world, about)
    reader = world.roles["nurse"].key
    receipts = [(one.reader, one.seq, one.read_at) for one in everything(Receipt, reader=reader)]
    assert receipts == [(reader, 1, world.now)]
    world.later(minutes=1)
    read(world, about)
    read(world, about, upto=0)
    assert len(everything(Receipt, reader=reader)) == 1


def test_what_others_wrote_while_one_typed_stays_unread(world, about):
    read(world, about)
    send(world, about, by="gp", text="Attendez")
    send(world, about, seen=1)
    [reading] = everything(Reader, reader=world.roles["nurse"].key)
    assert reading.read_seq == 1
    send(world, about, seen=3)
    [reading] = everything(Reader, reader=world.roles["nurse"].key)
    assert reading.read_seq == 4


def test_one_alert_waits_at_a_time_until_it_is_read(world, about):
    send(world, about, by="gp", text="Et le soir ?")
    assert alerted(world) == [("nurse", "message")]
    read(world, about)
    [alert] = everything(Alert, recipient=world.roles["nurse"].key, kind="message")
    assert alert.read_at == world.now
    send(world, about, by="gp", text="Merci")
    assert alerted(world) == [("nurse", "message")] * 2


def test_silence_lets_through_what_is_urgent_or_names_one(world, about):
    read(world, about)
    operations.set_muted(actor=world.actor("nurse"), now=world.now, thread=about, muted=True)
    send(world, about, by="gp", text="Rien de pressé")
    assert alerted(world) == [("nurse", "message")]
    send(world, about, by="gp", text="@ines robeiri votre avis ?")
    send(world, about, by="gp", text="Vite", urgent=True)
    assert alerted(world)[1:] == [("nurse", "mention"), ("nurse", "urgent_message")]


def test_an_archived_thread_comes_back_with_the_next_message(world, about):
    actor = world.actor("nurse")
    operations.set_archived(actor=actor, now=world.now, thread=about, archived=True)

    def listed(**asked):
        with row_security.acting_as(actor, now=world.now):
            return [line.pk for line in queries.threads(actor=actor, now=world.now, **asked).lines]

    assert (listed(), listed(archived=True)) == ([], [about.pk])
    send(world, about, by="gp", text="Encore un mot")
    assert (listed(), listed(archived=True)) == ([about.pk], [])


# --- Who takes part ------------------------------------------------------------------------------


def test_whoever_is_added_reads_all_and_is_alerted(world, about):
    asked = {
        "actor": world.actor("nurse"),
        "now": world.now,
        "thread": about,
        "recipients": [world.roles["home_help"].key],
    }
    assert operations.add_participants(**asked) == ["Rosa Pinas"]
    assert operations.add_participants(**asked) == []
    assert enter(world, about, by="home_help").pk == about.pk
    assert ("home_help", "message") in alerted(world)
    assert [line.kind for line in everything(Message)] == ["text", "joined"]


def test_who_came_or_left_is_not_something_to_read(world, about):
    read(world, about)
    operations.add_participants(
        actor=world.actor("gp"),
        now=world.now,
        thread=about,
        recipients=[world.roles["home_help"].key],
    )
    actor = world.actor("nurse")
    with row_security.acting_as(actor, now=world.now):
        assert not queries.waiting(actor=actor).exists()


def test_leaving_closes_the_door_and_coming_back_is_another_stay(world, about):
    operations.leave_thread(actor=world.actor("nurse"), now=world.now, thread=about)
    with pytest.raises(NoSuchThread):
        send(world, about)
    operations.add_participants(
        actor=world.actor("gp"),
        now=world.now,
        thread=about,
        recipients=[world.roles["nurse"].key],
    )
    assert send(world, about).seq == 4
    assert len(everything(Participant, grantee=world.roles["nurse"].key)) == 2


def test_whoever_opened_it_takes_somebody_out_and_nobody_else(world, about):
    seats = {one.grantee: one.pk for one in everything(Participant)}
    nurse, gp = (seats[world.roles[key].key] for key in ("nurse", "gp"))
    for by, whom in (("nurse", gp), ("gp", gp)):
        with pytest.raises(operations.UnableToInvite):
            operations.remove_participant(
                actor=world.actor(by), now=world.now, thread=about, participant_id=whom
            )
    operations.remove_participant(
        actor=world.actor("gp"), now=world.now, thread=about, participant_id=nurse
    )
    with pytest.raises(NoSuchThread):
        send(world, about, text="Ce que j’étais en train d’écrire")
    assert [line.kind for line in everything(Message)] == ["text", "removed"]


# --- Closing -------------------------------------------------------------------------------------


def close(world, thread, by="gp", **given):
    return operations.close_thread(actor=world.actor(by), now=world.now, thread=thread, **given)


def test_a_decision_is_one_note_however_often_it_is_asked(world, patient, about):
    line = close(world, about, decision="Un passage sur deux.", seen_closings=0)
    again = close(world, about, decision="Un passage sur deux.", seen_closings=0)
    assert line.pk == again.pk
    [note] = everything(Note)
    assert (note.text, note.patient_id, line.note_id) == (
        "Un passage sur deux.",
        patient.pk,
        note.pk,
    )
    assert everything(AuditEvent, operation="notebook.note.write")
    with pytest.raises(operations.UnableToClose, match="Yann Le Bihan a clos"):
        close(world, about, by="nurse", decision="Autre chose", seen_closings=0)
    with pytest.raises(operations.UnableToWriteMessage, match="close"):
        send(world, about)


def test_a_reopened_thread_closes_again_with_another_note(world, about):
    close(world, about, decision="Premier", seen_closings=0)
    operations.reopen_thread(actor=world.actor("nurse"), now=world.now, thread=about)
    operations.reopen_thread(actor=world.actor("nurse"), now=world.now, thread=about)
    # The first form, sent once more, closes nothing again.
    close(world, about, decision="Premier", seen_closings=0)
    assert send(world, about).seq == 4
    close(world, about, by="nurse", decision="Second", seen_closings=1)
    assert [note.text for note in everything(Note)] == ["Premier", "Second"]


def test_a_decision_that_cannot_be_filed_closes_nothing(world, patient):
    with row_security.acting_as(world.actor("gp"), now=world.now, operation="test.grant"):
        grants.grant(
            world.roles["agency"].key,
            patient_id=patient.pk,
            level=Level.READ,
            source="participant",
            now=world.now,
        )
    thread = open_thread(world, "agency", patient=patient)
    with pytest.raises(operations.UnableToClose, match="cahier"):
        close(world, thread, by="agency", decision="Tout va bien")
    assert not everything(Note)
    [row] = everything(Thread)
    assert row.closed_seq is None
    close(world, thread, by="agency")


def test_about_nobody_a_decision_stays_in_the_thread(world):
    thread = open_thread(world, "far_nurse")
    assert close(world, thread, decision="On garde le mardi.").note_id is None
    assert not everything(Note)


def test_a_person_neither_opens_nor_closes(world, patient):
    from carbet.core.actor import PERSON, Actor, account_key

    pk = world.accounts["claire"].pk
    person = Actor(kind=PERSON, account_id=pk, display_name="Claire", grantees=(account_key(pk),))
    with row_security.acting_as(world.actor("gp"), now=world.now, operation="test.grant"):
        grants.grant(
            account_key(pk), patient_id=patient.pk, level=Level.READ, source="person", now=world.now
        )
    thread = open_thread(world, account_key(pk), patient=patient)
    said = {"actor": person, "now": world.now, "thread": thread}
    assert operations.send_message(**said, text="Merci", gesture=uuid4()).author == account_key(pk)
    for refused in (
        lambda: operations.close_thread(**said),
        lambda: operations.add_participants(**said, recipients=["role:1"]),
        lambda: operations.open_thread(
            actor=person, now=world.now, recipients=["role:1"], text="x", gesture=uuid4()
        ),
    ):
        with pytest.raises(UnableToAct):
            refused()


# --- What PostgreSQL holds by itself -------------------------------------------------------------


@pytest.mark.parametrize("key", ["home_help", "far_nurse", "coordinator", "operator"])
def test_no_row_of_a_thread_is_seen_from_outside(world, about, key):
    send(world, about, files=[received(photo(), "plaie.jpg")])
    with row_security.acting_as(world.actor(key), now=world.now):
        for model in (*EVERY_ROW, AttachmentPiece):
            assert not model.objects.exists(), model
        assert queries.search(text="passages") == ([], False)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE messaging_message SET text = 'x'",
        "UPDATE messaging_receipt SET seq = 9",
        "UPDATE messaging_thread SET patient_id = NULL",
        "UPDATE messaging_participant SET grantee = 'role:1'",
        "UPDATE messaging_attachment SET name = 'x'",
        "UPDATE messaging_attachmentpiece SET data = 'x'",
        "DELETE FROM messaging_attachment",
        "DELETE FROM messaging_message",
        "DELETE FROM messaging_participant",
    ],
)
def test_what_was_said_and_by_whom_is_never_rewritten(world, about, statement):
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        row_security.acting_as(world.actor("gp"), now=world.now, operation="test.rewrite"),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_nobody_lets_themselves_in_nor_reads_for_another(world, about):
    stranger, nurse = world.actor("far_nurse"), world.actor("nurse")
    columns = "(thread_id, grantee, name, label, added_by_name, joined_at, active_at, alerted_seq)"
    seat = (
        f"INSERT INTO messaging_participant {columns} VALUES (%s, %s, 'x', '', '', now(), now(), 0)"
    )
    receipt = (
        "INSERT INTO messaging_receipt (thread_id, reader, name, seq, read_at)"
        " VALUES (%s, %s, 'x', 1, now())"
    )
    for actor, statement, key in (
        (stranger, seat, stranger.grantees[0]),
        (nurse, receipt, world.roles["gp"].key),
    ):
        with (
            pytest.raises(DatabaseError, match="row-level security"),
            row_security.acting_as(actor, now=world.now, operation="test.enter"),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, [about.pk, key])


def test_a_grant_that_ends_ends_the_thread_in_sql_too(world, patient, about):
    with row_security.acting_as(world.actor("nurse"), now=world.now + timedelta(days=1)):
        assert Message.objects.exists()
    take_out_of_circle(world, patient, "nurse")
    with row_security.acting_as(world.actor("nurse"), now=world.now + timedelta(days=1)):
        assert not Message.objects.exists()
