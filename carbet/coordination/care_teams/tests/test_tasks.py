"""A new member is invited by secure mail, without a name; else the tray says why not."""

from datetime import timedelta

import pytest

from carbet.connectors import mssante
from carbet.core import row_security, tasks
from carbet.core.actor import internal
from carbet.core.models import OutboxMessage

pytestmark = pytest.mark.django_db


def invite(world):
    world.circle("nurse")
    with row_security.acting_as(internal("test")):
        message = OutboxMessage.objects.get(topic="care_team.invitation")
    tasks.deliver(message.pk)
    with row_security.acting_as(internal("test")):
        message.refresh_from_db()
    return message


def test_an_invitation_leaves_by_the_stand_in_which_says_so(world, monkeypatch):
    letters = []
    real = mssante.send

    def keep(letter, **asked):
        letters.append(letter)
        return real(letter, **asked)

    monkeypatch.setattr(mssante, "send", keep)
    message = invite(world)
    assert message.status == OutboxMessage.Status.SENT
    assert message.payload["carrier"] == mssante.STAND_IN
    [letter] = letters
    assert letter.to == world.roles["nurse"].secure_email
    assert not {"Claire", "Régis", "Montgénie"} & set(letter.body.split())


def test_without_operator_the_invitation_waits_in_the_tray(world, settings):
    settings.DEMONSTRATION = False
    message = invite(world)
    assert message.status == OutboxMessage.Status.FAILED
    assert "MSSanté" in message.last_error


def test_an_invitation_that_may_have_left_waits_for_the_hour(world, monkeypatch):
    until = world.now + timedelta(hours=1)

    def doubtful(letter, **asked):
        raise mssante.Uncertain(until)

    monkeypatch.setattr(mssante, "send", doubtful)
    message = invite(world)
    assert (message.status, message.due_at) == (OutboxMessage.Status.PENDING, until)
