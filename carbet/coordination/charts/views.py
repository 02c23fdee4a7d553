"""The record page: what is new, the latest entries, the plan, the circle, the requests."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from carbet.coordination.care_plans import queries as care_plans
from carbet.coordination.charts import access, presenters
from carbet.coordination.notebook import presenters as notebook_lines
from carbet.coordination.notebook import queries as notebook
from carbet.coordination.support import queries as support
from carbet.core import doors
from carbet.core.actor import Level

# Measures of one visit make one entry: more are asked than shown.
ASKED, LATEST = 20, 8


@doors.professional(patient=Level.READ)
@require_safe
def detail(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the record in brief."""
    actor = request.actor
    patient = access.get_chart(actor=actor, patient_id=patient_id, now=request.now)
    since = patient.last_visit
    lines = notebook_lines.lines(
        notebook.timeline(patient_id=patient.pk, limit=ASKED),
        actor=actor,
        since=since,
        may_write=False,
    )[:LATEST]
    plan = care_plans.summary(patient_id=patient.pk)
    requests = list(support.requests_of(patient_id=patient.pk)[:5])
    context = {
        "patient": patient,
        "tab": "summary",
        "lines": lines,
        "urgent": next((line for line in lines if line.new and line.urgent), None),
        "plan": plan,
        "requests": requests,
        "members": presenters.members(patient.members),
        "since": since,
        "news": presenters.news(
            lines, since=since, plan=plan, requests=requests, members=patient.members
        ),
        "may_write": patient.level >= Level.WRITE,
    }
    return render(request, "charts/detail.html", context)
