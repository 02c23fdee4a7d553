"""What leaves the screen: to whom, by which way, when, once; never a name nor health content."""

from datetime import UTC, datetime, time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from carbet.connectors import mail, sms, web_push
from carbet.coordination.alerts import operations, tasks
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.alerts.models import AlertDelivery, AlertSetting, PushDevice
from carbet.core import outbox, row_security
from carbet.core.models import OutboxMessage

from .conftest import HOUSE

pytestmark = pytest.mark.django_db
NIGHT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # ten in the evening in Cayenne
MORNING = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # seven
ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/abc"


def browser_keys():
    from base64 import urlsafe_b64encode

    point = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    return {
        "p256dh": urlsafe_b64encode(point).rstrip(b"=").decode(),
        "auth": urlsafe_b64encode(bytes(16)).rstrip(b"=").decode(),
    }


@pytest.fixture
def device(world):
    def device(key="gp", endpoint=ENDPOINT):
        return operations.add_device(
            actor=world.actor(key),
            now=world.now,
            endpoint=endpoint,
            label="Firefox",
            **browser_keys(),
        )

    return device


@pytest.fixture
def wish(world):
    def wish(key="gp", **wishes):
        operations.choose(actor=world.actor(key), now=world.now, wishes=wishes)

    return wish


def told(deliveries):
    return [(each.owner, each.channel, each.status) for each in deliveries]


def test_an_urgent_alert_leaves_by_every_way_at_once(world, urgent, deliver, device, wish):
    device()
    wish(phone="0694123456")
    care_team = world.circle("nurse")
    watch = urgent("gp", patient_id=care_team.patient_id)
    assert watch.dispatch() == 3
    assert watch.dispatch() == 0
    gp = world.roles["gp"].key
    sent = deliver()
    assert told(sent) == [(gp, "mail", "sent"), (gp, "push", "sent"), (gp, "sms", "sent")]
    assert {each.carrier for each in sent} == {mail.STAND_IN, web_push.STAND_IN, sms.STAND_IN}
    assert {each.text for each in sent} == {"Une alerte urgente vous attend."}
    with row_security.acting_as(HOUSE):
        kept = " ".join(str(message.payload) for message in OutboxMessage.objects.all())
    for word in ("Claire", "Montgénie", "Régis", "Inès", "0694123456", "gp@carbet.test"):
        assert word not in kept


def test_what_was_read_meanwhile_does_not_leave(world, urgent, deliver):
    watch = urgent("gp")
    watch.dispatch()
    operations.mark_read(actor=world.actor("gp"), now=world.now, alert_ids=[watch.of("gp").pk])
    [one] = deliver()
    assert (one.status, one.why) == ("dropped", "tout est lu")


def test_the_night_gathers_what_is_not_urgent(world, urgent, deliver, device):
    device()
    world.now = NIGHT
    for _ in range(3):
        watch = urgent("gp", kind=AlertKind.NOTE, is_urgent=False)
        watch.dispatch()
    assert [each.status for each in deliver()] == ["waiting"]
    world.now = MORNING
    [one] = deliver()
    assert (one.status, one.text) == ("sent", "3 alertes vous attendent.")
    assert one.due_at == MORNING


def test_an_urgent_alert_passes_at_night_unless_one_refuses(world, urgent, deliver, wish):
    world.now = NIGHT
    urgent("gp").dispatch()
    assert [each.status for each in deliver()] == ["sent"]
    wish(urgent_passes=False)
    urgent("gp").dispatch()
    assert [each.status for each in deliver()] == ["sent", "waiting"]


def test_a_structure_stands_for_those_who_work_there_but_its_author(world, urgent, device):
    for key in ("physio", "nurse"):
        device(key, endpoint=f"{ENDPOINT}/{key}")
    watch = urgent(f"org:{world.places['nursing'].pk}", by="nurse")
    assert watch.dispatch() == 1
    [one] = watch.kept(AlertDelivery)
    assert (one.owner, one.channel) == (world.roles["physio"].key, "push")


def test_a_person_one_does_not_want_to_hear_of(world, urgent):
    care_team = world.circle("nurse")
    operations.choose_for_person(
        actor=world.actor("gp"), now=world.now, patient_id=care_team.patient_id, choice="none"
    )
    assert urgent("gp", patient_id=care_team.patient_id).dispatch() == 0
    assert urgent("gp").dispatch() == 1


def test_who_no_longer_works_there_is_not_told(world, urgent):
    watch = urgent("gp")
    world.roles["gp"].ended_at = world.now
    world.roles["gp"].save()
    assert watch.dispatch() == 0


def test_a_digest_a_day_for_whoever_has_something_to_read(world, urgent, deliver, wish):
    wish("physio", digest=False)
    wish("coordinator", digest_at=time(23, 59))
    urgent("gp", "physio", "coordinator", kind=AlertKind.NOTE, is_urgent=False)
    world.now = MORNING
    assert operations.send_digests(actor=HOUSE, now=world.now) == 1
    assert operations.send_digests(actor=HOUSE, now=world.later(hours=3)) == 0
    [one] = deliver()
    assert (one.owner, one.digest) == (world.roles["gp"].key, True)
    assert one.text == "Une alerte vous attend."
    assert operations.send_digests(actor=HOUSE, now=world.later(days=1)) == 1


def test_a_device_that_withdrew_is_forgotten(world, urgent, deliver, device, settings, monkeypatch):
    settings.DEMONSTRATION = False
    monkeypatch.setattr("carbet.connectors.http.post", lambda *_, **__: (410, b""))
    device()
    watch = urgent("gp", kind=AlertKind.NOTE, is_urgent=False)
    watch.dispatch()
    assert [each.why for each in deliver()] == ["appareil retiré"]
    with row_security.acting_as(HOUSE):
        assert PushDevice.objects.get().gone_at is not None
    assert urgent("gp", kind=AlertKind.NOTE, is_urgent=False).dispatch() == 0


def test_without_a_server_the_notice_goes_to_the_tray(world, urgent, settings):
    settings.DEMONSTRATION, settings.EMAIL_HOST = False, ""
    urgent("gp").dispatch()
    with row_security.acting_as(HOUSE):
        message = OutboxMessage.objects.get(topic="alert.mail")
    from carbet.core.tasks import deliver as worker

    worker(message_id=message.pk)
    with row_security.acting_as(HOUSE):
        message.refresh_from_db()
    assert message.status == "failed"
    assert "CARBET_SMTP_HOST" in message.last_error


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://updates.push.services.mozilla.com/x",
        "https://updates.push.services.mozilla.com:8443/x",
        "https://updates.push.services.mozilla.com.evil.example/x",
        "https://evil.example/?updates.push.services.mozilla.com",
        "https://user@fcm.googleapis.com/x",
        "https://127.0.0.1/x",
        "file:///etc/passwd",
        "https://notify.windows.com.evil.example/",
        "https://[::1",
    ],
)
def test_only_the_services_of_browsers_are_called(device, endpoint):
    with pytest.raises((operations.UnableToAddDevice, ValueError)):
        device(endpoint=endpoint)


def test_the_same_browser_twice_is_one_device(device):
    assert device().pk == device().pk


def test_wishes_and_devices_are_nobody_else_s(world, device, wish):
    device()
    wish(phone="0694123456")
    with row_security.acting_as(world.actor("nurse"), now=world.now, operation="test"):
        assert not AlertSetting.objects.exists()
        assert not PushDevice.objects.exists()
        assert PushDevice.objects.update(gone_at=world.now) == 0
    operations.remove_device(actor=world.actor("nurse"), now=world.now, device_id=device().pk)
    with row_security.acting_as(HOUSE):
        assert PushDevice.objects.get().gone_at is None


def test_jobs_are_left_for_the_worker(world, urgent):
    from procrastinate.contrib.django.models import ProcrastinateJob

    watch = urgent("gp")
    names = ProcrastinateJob.objects.values_list("task_name", flat=True)
    assert "alerts.dispatch" in names
    assert outbox.SENDERS.keys() >= {"alert.push", "alert.mail", "alert.sms"}
    tasks.dispatch(occurrence=str(watch.occurrence))
    assert watch.kept(AlertDelivery)
    climbs = names.model.objects.get(task_name="alerts.escalate")
    assert climbs.scheduled_at == watch.escalation.next_at
