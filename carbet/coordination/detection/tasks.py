"""What the worker does for early detection: look at a person after a change, and every night."""

from procrastinate.contrib.django import app

from carbet.coordination.detection import operations, queries, rules
from carbet.coordination.detection.choices import IssueStatus
from carbet.coordination.detection.models import DetectedIssue
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.clock import now as current_time

HOUSE = internal("Carbet (veille)")
MOST_PERSONS = 20_000


@app.task(name="detection.look", queue="outbox")
def look(patient_id: int) -> None:
    """Look at what is known of a person; nothing is written while nothing is to say."""
    now = current_time()
    with row_security.acting_as(HOUSE, now=now):
        findings = rules.look(queries.facts(patient_id=patient_id, now=now), now=now)
        waits = DetectedIssue.objects.filter(patient_id=patient_id, status=IssueStatus.PROPOSED)
        if not findings and not waits.exists():
            return
    operations.propose(actor=HOUSE, now=now, patient_id=patient_id, findings=findings)


@app.periodic(cron="40 2 * * *")
@app.task(name="detection.look_around", queue="outbox")
def look_around(timestamp: int) -> None:
    """Look at every person whose case is open: silence makes no event."""
    after, seen = 0, 0
    while seen < MOST_PERSONS:
        with row_security.acting_as(HOUSE, now=current_time()):
            persons = queries.under_support(after=after)
        for person in persons:
            look(person)
        if not persons:
            return
        after, seen = persons[-1], seen + len(persons)
