"""What leaves the house: sent once, tried again, or in the tray until a person settles it."""

from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from carbet.core import outbox, row_security, tasks, tray
from carbet.core.actor import internal
from carbet.core.clock import now as current_time
from carbet.core.models import AuditEvent, OutboxMessage
from carbet.core.operation import UnableToAct, operation

pytestmark = pytest.mark.django_db
Status = OutboxMessage.Status


@operation("test.send", action="E")
def send(trace, *, actor, now, key="k", topic="test.topic"):
    trace.about(entity="test")
    return outbox.send(topic, {"to": "a@b.example"}, idempotency_key=key, now=now)


@pytest.fixture
def sender(monkeypatch):
    """Register a sender that fails as often as asked; return what it sent."""
    sent = []
    failures = []

    def act(message):
        if failures:
            raise failures.pop(0)
        sent.append(message.idempotency_key)
        message.payload = message.payload | {"carrier": "simulateur"}

    monkeypatch.setitem(outbox.SENDERS, "test.topic", act)
    monkeypatch.setitem(outbox.LABELS, "test.topic", "Message d’essai")
    act.sent, act.failures = sent, failures
    return act


def kept(message):
    with row_security.acting_as(internal("test")):
        return OutboxMessage.objects.get(pk=message.pk)


def jobs():
    return ProcrastinateJob.objects.filter(task_name="core.deliver")


def put(status=Status.FAILED, count=1, **fields):
    moment = current_time()
    with row_security.acting_as(internal("test"), operation="test"):
        return [
            OutboxMessage.objects.create(
                topic="test.topic",
                idempotency_key=f"{status}:{number}",
                status=status,
                payload={"to": "inf@test.mssante.example"},
                last_error="délai dépassé",
                attempts=8,
                created_at=moment,
                due_at=moment,
                **fields,
            )
            for number in range(count)
        ]


def test_the_same_key_is_one_message_and_one_job(world):
    actor = world.actor("gp")
    first = send(actor=actor, now=world.now)
    assert send(actor=actor, now=world.now).pk == first.pk
    assert jobs().count() == 1


def test_a_delivery_is_done_once(world, sender):
    message = send(actor=world.actor("gp"), now=world.now)
    tasks.deliver(message.pk)
    tasks.deliver(message.pk)
    assert sender.sent == ["k"]
    assert (kept(message).status, kept(message).attempts) == (Status.SENT, 1)
    assert kept(message).payload["carrier"] == "simulateur"


def test_a_failure_is_tried_again_later(world, sender):
    sender.failures.append(TimeoutError("délai dépassé"))
    message = send(actor=world.actor("gp"), now=world.now)
    tasks.deliver(message.pk)
    row = kept(message)
    assert (row.status, row.attempts) == (Status.PENDING, 1)
    assert row.due_at > current_time()
    assert jobs().filter(scheduled_at__isnull=False).count() == 1
    tasks.deliver(message.pk)
    assert kept(message).status == Status.SENT


def test_what_must_wait_waits_without_spending_an_attempt(world, sender):
    moment = current_time() + timedelta(hours=1)
    message = send(actor=world.actor("gp"), now=world.now)
    sender.failures.extend([outbox.NotBefore(moment, "déjà parti, peut-être")] * 9)
    for _ in range(9):
        tasks.deliver(message.pk)
    row = kept(message)
    assert (row.status, row.attempts, row.due_at) == (Status.PENDING, 0, moment)
    assert "déjà parti" in row.last_error
    tasks.deliver(message.pk)
    assert kept(message).status == Status.SENT


def test_a_sender_that_breaks_the_transaction_only_fails(world, monkeypatch):
    def broken(message):
        OutboxMessage.objects.create(topic="x", idempotency_key=message.idempotency_key)

    monkeypatch.setitem(outbox.SENDERS, "test.topic", broken)
    message = send(actor=world.actor("gp"), now=world.now)
    tasks.deliver(message.pk)
    assert kept(message).status == Status.PENDING
    assert "IntegrityError" in kept(message).last_error


@pytest.mark.parametrize("topic", ["test.topic", "nobody.knows"])
def test_what_can_never_leave_goes_to_the_tray(world, sender, topic):
    sender.failures.append(outbox.CannotBeSent("adresse inconnue"))
    message = send(actor=world.actor("gp"), now=world.now, topic=topic)
    tasks.deliver(message.pk)
    assert kept(message).status == Status.FAILED


def test_the_last_attempt_goes_to_the_tray(world, sender):
    message = send(actor=world.actor("gp"), now=world.now)
    sender.failures.extend([TimeoutError("encore")] * outbox.MAX_ATTEMPTS)
    for _ in range(outbox.MAX_ATTEMPTS):
        tasks.deliver(message.pk)
    assert kept(message).status == Status.FAILED


def test_a_message_that_lost_its_job_gets_one_back(world):
    [message] = put(Status.PENDING)
    with row_security.acting_as(internal("test"), operation="test"):
        OutboxMessage.objects.update(due_at=current_time() - 2 * tasks.SWEEP_AFTER)
    tasks.sweep_outbox(0)
    tasks.sweep_outbox(0)
    assert [job.args for job in jobs()] == [{"message_id": message.pk}]


def test_an_operator_sends_again_and_it_is_traced(world, sender):
    [message] = put()
    tray.retry(actor=world.actor("operator"), now=world.now, message_id=message.pk)
    assert (kept(message).status, kept(message).attempts) == (Status.PENDING, 0)
    assert jobs().count() == 1
    with row_security.acting_as(internal("test")):
        event = AuditEvent.objects.get(operation="outbox.retry")
    assert (event.role_id, event.actor_kind) == (world.roles["operator"].pk, "professional")
    with pytest.raises(tray.UnableToSettle):
        tray.retry(actor=world.actor("operator"), now=world.now, message_id=message.pk)


def test_giving_up_wants_a_reason_and_keeps_it(world):
    [message] = put()
    operator = world.actor("operator")
    with pytest.raises(tray.UnableToSettle):
        tray.abandon(actor=operator, now=world.now, message_id=message.pk, reason="  ")
    assert kept(message).status == Status.FAILED
    tray.abandon(actor=operator, now=world.now, message_id=message.pk, reason="Adresse morte")
    assert kept(message).status == Status.CANCELLED
    with row_security.acting_as(internal("test")):
        assert AuditEvent.objects.get(operation="outbox.abandon").reason == "Adresse morte"


@pytest.mark.parametrize("act", [tray.retry, tray.abandon])
def test_only_an_operator_settles(world, act):
    [message] = put()
    reason = {"reason": "Adresse morte"} if act is tray.abandon else {}
    with pytest.raises(UnableToAct):
        act(actor=world.actor("gp"), now=world.now, message_id=message.pk, **reason)
    assert kept(message).status == Status.FAILED


@pytest.fixture
def operator(sign_in, world):
    return sign_in(world.accounts["operator"], role=world.roles["operator"])


def test_the_pages_are_an_operator_s(sign_in, world):
    client = sign_in(world.accounts["gp"], role=world.roles["gp"])
    for name in ("operations:home", "operations:tray"):
        assert client.get(reverse(name)).status_code == 403


def test_the_tray_through_its_pages(operator, sender):
    [message] = put()
    page = operator.get(reverse("operations:tray")).content.decode()
    assert "Message d’essai" in page
    assert "délai dépassé" in page
    where = reverse("operations:abandon", args=[message.pk])
    assert "ne partira pas" in operator.get(where).content.decode()
    refused = operator.post(where, {"reason": ""})
    assert refused.status_code == 422
    assert "pourquoi" in refused.content.decode()
    done = operator.post(reverse("operations:retry", args=[message.pk]), follow=True)
    assert "va repartir" in done.content.decode()
    again = operator.post(reverse("operations:retry", args=[message.pk]), follow=True)
    assert "n’est plus en échec" in again.content.decode()


def test_a_sent_message_says_who_carried_it(operator, world, sender):
    message = send(actor=world.actor("gp"), now=world.now)
    tasks.deliver(message.pk)
    page = operator.get(reverse("operations:tray"), {"etat": "sent"}).content.decode()
    assert "(simulateur)" in page


@pytest.mark.parametrize("count", [1, 30])
def test_the_tray_costs_the_same_whatever_failed(
    operator, sender, count, django_assert_max_num_queries
):
    put(count=count)
    # Entering and leaving as the house, its savepoint and the test's, count for six.
    with django_assert_max_num_queries(4 + 6):
        page = operator.get(reverse("operations:tray")).content.decode()
    assert ("Suivants" in page) is (count > tray.PAGE)


def test_the_state_of_the_house(operator, world):
    put(count=2)
    send(actor=world.actor("gp"), now=world.now)
    state = tray.state(now=current_time())
    assert (state.failed, state.pending, state.workers) == (2, 1, 0)
    page = operator.get(reverse("operations:home")).content.decode()
    assert "Aucun travailleur de fond ne répond" in page


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"DEMONSTRATION": True}, "carbet.E001"),
        ({"SECRET_KEY": "secret"}, "carbet.E002"),
        ({"PUBLIC_URL": "http://carbet.example"}, "carbet.E003"),
        ({}, None),
    ],
)
def test_what_must_not_go_to_production_is_refused(settings, changed, error):
    safe = {
        "DEMONSTRATION": False,
        "SECRET_KEY": "a9Zk3-Qw8Lm2Xc7Vb5Nn1Rt4Yp6Us0Id-Fg_Hj-Kl-Zx-Cv-Bn-Mq",
        "PUBLIC_URL": "https://carbet.example",
    }
    for name, value in (safe | changed).items():
        setattr(settings, name, value)
    found = [check.id for check in run_checks(tags=["security"], include_deployment_checks=True)]
    ours = [check for check in found if check.startswith("carbet.")]
    assert ours == ([error] if error else [])
