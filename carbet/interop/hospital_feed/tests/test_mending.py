"""A field is written anew: what came is kept, the change is traced, the message is carried out."""

import pytest
from django.urls import reverse

from carbet.core import clock
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableToAct
from carbet.interop.hospital_feed import operations
from carbet.interop.hospital_feed.models import RawMessage
from carbet.interop.hospital_feed.tests.messages import adt

pytestmark = pytest.mark.django_db
WRONG = adt("A01", control="1", action="INSRT")


@pytest.fixture
def operator(feed, sign_in):
    return sign_in(feed.world.accounts["operator"], role=feed.world.roles["operator"])


def said(**changes):
    return {
        "place": "ZBE-4", "value": "INSERT", "reason": "faute de frappe du logiciel", "version": 0,
    } | changes  # fmt: skip


def test_a_message_is_mended_and_carried_out_and_what_came_is_kept(feed, operator):
    first, behind = feed.send(WRONG, adt("A02", control="2", movement="M2"))
    assert (first.status, behind.status) == ("dead", "blocked")
    address = reverse("hospital_feed:mend", args=[first.pk])
    page = operator.get(address).content.decode()
    assert 'value="ZBE-4"' in page
    assert "REGIS" not in page
    assert operator.post(address, said()).status_code == 302
    feed.world.now = clock.now()
    feed.work()
    row = feed.row(first.pk)
    assert (row.status, row.mended, feed.row(behind.pk).status) == ("done", 1, "done")
    with feed.as_house():
        came, mended = RawMessage.objects.filter(message=row).order_by("number")
        assert (bytes(came.data), came.author_name) == (WRONG, "")
        assert bytes(mended.data) == WRONG.replace(b"|INSRT|", b"|INSERT|")
        assert mended.author_name
        assert mended.reason == "ZBE-4 : faute de frappe du logiciel"
        [trace] = AuditEvent.objects.filter(operation="feed.mend")
        assert trace.agent_name.startswith(mended.author_name)


# What is typed, and where it is said to be wrong.
REFUSED = [
    ({"place": ""}, "place"),
    ({"place": "n’importe"}, "place"),
    ({"place": "ZBE-0"}, "place"),
    ({"place": "PID-3"}, "place"),
    ({"place": "OBX-5"}, "place"),
    ({"place": "MSH-4"}, "place"),
    ({"place": "TXA-2"}, "place"),
    ({"value": "INSERT|N"}, "value"),
    ({"value": "INSERT\rPID|1"}, "value"),
    ({"value": "A\x00B"}, "value"),
    ({"value": "x" * 20_000}, "value"),
    ({"place": "MSH-18", "value": "EBCDIC"}, "value"),
    ({"reason": "non"}, "reason"),
]


@pytest.mark.parametrize(("changes", "field"), REFUSED)
def test_what_cannot_be_written_is_said_at_its_field_and_changes_nothing(
    feed, operator, changes, field
):
    [row] = feed.send(WRONG)
    answer = operator.post(reverse("hospital_feed:mend", args=[row.pk]), said(**changes))
    assert answer.status_code == 422
    assert f"id_{field}_error" in answer.content.decode()
    assert (feed.row(row.pk).status, feed.row(row.pk).mended) == ("dead", 0)
    with feed.as_house():
        assert RawMessage.objects.filter(message=row).count() == 1


def test_two_operators_mend_one_after_the_other_and_a_second_click_changes_nothing(feed, operator):
    [row] = feed.send(WRONG)
    address = reverse("hospital_feed:mend", args=[row.pk])
    assert operator.post(address, said(value="INSET")).status_code == 302
    assert operator.post(address, said(value="INSET")).status_code == 422
    feed.world.now = clock.now()
    feed.work()
    assert feed.row(row.pk).status == "dead"
    assert operator.post(address, said()).status_code == 422
    assert operator.post(address, said(version=1)).status_code == 302
    feed.work()
    with feed.as_house():
        assert list(
            RawMessage.objects.filter(message=row).order_by("number").values_list("number")
        ) == [(0,), (1,), (2,)]


def test_latin_9_that_said_utf_8_is_mended_by_its_charset(feed):
    text = adt("A01", control="1", unit="Hôpital de jour")
    [row] = feed.send(text.decode().encode("iso8859-15"))
    assert row.error_place == "MSH-18"
    operations.mend(
        actor=feed.world.actor("operator"),
        now=feed.world.now,
        message_id=row.pk,
        **said(place="MSH-18", value="8859/15"),
    )
    feed.work()
    assert (feed.row(row.pk).status, feed.row(row.pk).charset) == ("done", "8859/15")


def test_whoever_does_not_operate_the_house_mends_nothing(feed):
    [row] = feed.send(WRONG)
    with pytest.raises(UnableToAct):
        operations.mend(
            actor=feed.world.actor("nurse"), now=feed.world.now, message_id=row.pk, **said()
        )
    assert feed.row(row.pk).status == "dead"
