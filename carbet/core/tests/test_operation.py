"""An operation holds change, trace and announcements together, or nothing."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from carbet.core import live, row_security
from carbet.core.actor import Level, internal
from carbet.core.clock import now
from carbet.core.models import AuditEvent, LiveEvent
from carbet.core.operation import REGISTRY, UnableTo, UnauditedOperation, operation
from carbet.registries.directory.models import Commune

pytestmark = pytest.mark.django_db


@pytest.fixture
def forget():
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def test_an_operation_without_trace_leaves_nothing(forget):
    @operation("test.silent")
    def silent(trace, *, actor, now):
        Commune.objects.create(code="99001", name="Nulle part")

    with pytest.raises(UnauditedOperation):
        silent(actor=internal("test"), now=now())
    assert not Commune.objects.filter(code="99001").exists()


def test_an_operation_writes_its_trace_with_its_change(forget):
    @operation("test.loud", action="C")
    def loud(trace, *, actor, now):
        commune = Commune.objects.create(code="99001", name="Quelque part")
        trace.about(entity=commune, reason="essai")

    moment = now()
    loud(actor=internal("test"), now=moment)
    with row_security.acting_as(internal("test")):
        event = AuditEvent.objects.get(operation="test.loud")
    assert (event.action, event.recorded_at, event.reason) == ("C", moment, "essai")
    assert event.entity == "Commune/99001"


def test_a_refusal_undoes_everything(forget):
    @operation("test.refuse")
    def refuse(trace, *, actor, now):
        Commune.objects.create(code="99001", name="Nulle part")
        trace.about(entity="x")
        raise UnableTo("Non.")

    with pytest.raises(UnableTo):
        refuse(actor=internal("test"), now=now())
    assert not Commune.objects.filter(code="99001").exists()
    with row_security.acting_as(internal("test")):
        assert not AuditEvent.objects.filter(operation="test.refuse").exists()


def test_a_trace_can_be_neither_changed_nor_deleted():
    for statement in (
        "UPDATE core_auditevent SET reason = 'x'",
        "DELETE FROM core_auditevent",
        "TRUNCATE core_auditevent",
    ):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_application_role_owns_nothing_and_bypasses_nothing():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM pg_class"
            " WHERE relowner = r.oid) FROM pg_roles r WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False, False, 0)


def test_an_operation_name_is_used_once(forget):
    @operation("test.once")
    def once(trace, *, actor, now): ...

    with pytest.raises(ValueError, match=r"test\.once"):

        @operation("test.once")
        def twice(trace, *, actor, now): ...


def test_grant_levels_are_bounded():
    from carbet.core import grants

    with (
        row_security.acting_as(internal("test"), operation="test"),
        pytest.raises(IntegrityError),
        transaction.atomic(),
    ):
        grants.grant("role:1", patient_id=1, level=11, source="x", now=now())  # type: ignore[arg-type]
    assert Level.MANAGE > Level.WRITE > Level.READ > Level.IDENTITY


def told():
    with row_security.acting_as(internal("test")):
        return sorted(LiveEvent.objects.values_list("recipient", "kind"))


def test_screens_are_told_once_by_the_outermost_operation(forget):
    @operation("test.inner")
    def inner(trace, *, actor, now):
        live.announce(["role:1", "role:2"], "note", now=now)
        trace.about(entity="x")

    @operation("test.outer")
    def outer(trace, *, actor, now):
        inner(actor=actor, now=now)
        live.announce(["role:2"], "note", now=now)
        live.announce(["role:2"], "alert", now=now)
        trace.about(entity="x")

    with CaptureQueriesContext(connection) as captured:
        outer(actor=internal("test"), now=now())
    writings = [q for q in captured.captured_queries if '"core_liveevent"' in q["sql"]]
    assert len(writings) == 1
    assert told() == [("role:1", "note"), ("role:2", "alert"), ("role:2", "note")]


def test_what_a_refused_operation_announced_is_not_told(forget):
    @operation("test.refused")
    def refused(trace, *, actor, now):
        live.announce(["role:1"], "note", now=now)
        raise UnableTo("Non.")

    @operation("test.tolerant")
    def tolerant(trace, *, actor, now):
        live.announce(["role:3"], "note", now=now)
        with pytest.raises(UnableTo):
            refused(actor=actor, now=now)
        trace.about(entity="x")

    tolerant(actor=internal("test"), now=now())
    assert told() == [("role:3", "note")]
