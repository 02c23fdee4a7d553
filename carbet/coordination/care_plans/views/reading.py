"""Pages to read the plan by: as it stands, its versions, what changed, paper."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from carbet.coordination.care_plans import forms, operations, presenters, queries, rules
from carbet.coordination.care_plans.choices import PlanStatus
from carbet.coordination.care_plans.presenters import paper
from carbet.coordination.care_plans.queries import Plan
from carbet.coordination.care_teams import access
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.identifiers import from_short_id, short_id
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import APPROVE_PLAN, EDIT_PLAN, may_write_notebook

GONE = "Ce plan, ou cette partie du plan, n’existe pas."


@doors.professional(patient=Level.READ)
@require_safe
def detail(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the plan as it stands, what changed, and who must decide."""
    patient = enter(request, patient_id, Level.READ, "care_plan.read")
    return detail_page(request, patient)


@doors.professional(patient=Level.WRITE)
@require_POST
def progress(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Say that an action is begun or done, or that a goal is reached."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.progress")
    form = forms.ProgressForm(request.POST)
    if not form.is_valid():
        return detail_page(request, patient, status=422, refusal="Ce geste n’a pas été compris.")
    status, kind, part_id = form.cleaned_data["do"].rsplit("-", 2)
    try:
        operations.record_progress(
            actor=request.actor,
            now=request.now,
            patient_id=patient.pk,
            kind=kind,
            part_id=int(part_id),
            status=status,
        )
    except UnableTo as refusal:
        return detail_page(request, patient, status=422, refusal=refusal.message)
    if request.htmx:
        return detail_page(request, patient)
    return to_plan(patient, f"{kind}-{part_id}")


@doors.professional(patient=Level.READ)
@require_safe
def versions(request: HttpRequest, patient_id: int) -> HttpResponse:
    """List the approved versions, and offer to compare two of them."""
    patient = enter(request, patient_id, Level.READ, "care_plan.read")
    context = {"patient": patient, "tab": "plan"}
    context["versions"] = queries.versions(patient_id=patient.pk)
    context["besides"] = [
        (each, short_id(each.patient_id))
        for each in queries.versions_besides(records=patient.absorbed)
    ]
    context["reviews"] = queries.reviews(patient_id=patient.pk)
    return render(request, "care_plans/versions.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def version(request: HttpRequest, patient_id: int, number: int) -> HttpResponse:
    """Show an approved version as it was approved."""
    patient = enter(request, patient_id, Level.READ, "care_plan.read")
    record = _record(request, patient)
    found = queries.get_versions(patient_id=record, numbers=[number, number - 1])
    if number not in found:
        raise Http404(GONE)
    kept, former = found[number], found.get(number - 1)
    context = {
        "patient": patient,
        "tab": "plan",
        "version": kept,
        "may_file": record == patient.pk and may_write_notebook(request.actor, patient.level),
        "beside": short_id(record) if record != patient.pk else "",
        "needs": presenters.tree(kept.content, today=kept.approved_at.date()),
        "agreed": presenters.agreement_words(kept.agreement),
        "comments": queries.comments(patient_id=record, number=number),
        "former": former,
        "changes": rules.compare(former.content, kept.content) if former else [],
    }
    return render(request, "care_plans/version.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def compare(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show two versions side by side, field by field, and what changed in words."""
    patient = enter(request, patient_id, Level.READ, "care_plan.read")
    form = forms.CompareForm({"before": request.GET.get("de"), "after": request.GET.get("a")})
    if not form.is_valid():
        return HttpResponseRedirect(reverse("care_plans:versions", args=[patient.pk]))
    numbers = sorted(form.cleaned_data.values())
    found = queries.get_versions(patient_id=patient.pk, numbers=numbers)
    if set(numbers) != set(found):
        raise Http404(GONE)
    before, after = found[numbers[0]], found[numbers[-1]]
    context = {
        "patient": patient,
        "tab": "plan",
        "before": before,
        "after": after,
        "changes": rules.compare(before.content, after.content),
        "pairs": rules.side_by_side(before.content, after.content),
    }
    return render(request, "care_plans/compare.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def pdf(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Return the plan as a tagged PDF: a version, else the plan as it stands."""
    patient = enter(request, patient_id, Level.READ, "care_plan.print")
    number = _number(request.GET.get("version", ""))
    plan = queries.get_plan(patient_id=patient.pk) if number is None else None
    if number is not None:
        record = _record(request, patient)
        kept = queries.get_versions(patient_id=record, numbers=[number]).get(number)
    else:
        kept = plan.latest if plan is not None and plan.is_approved else None
    if kept is None and plan is None:
        raise Http404(GONE)
    sheet = paper.sheet(
        patient=patient, ins=queries.ins_of(patient=patient), version=kept, draft=plan
    )
    response = HttpResponse(paper.pdf(sheet), content_type="application/pdf")
    response["Content-Disposition"] = 'inline; filename="plan-personnalise.pdf"'
    return response


@doors.professional(patient=Level.WRITE)
@require_POST
def file_version(request: HttpRequest, patient_id: int, number: int) -> HttpResponse:
    """File an approved version in the documents of the record, as a clinical document (CDA)."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.print")
    kept = queries.get_versions(patient_id=patient.pk, numbers=[number]).get(number)
    if kept is None:
        raise Http404(GONE)
    sheet = paper.sheet(
        patient=patient, ins=queries.ins_of(patient=patient), version=kept, draft=None
    )
    try:
        document = operations.file_version(
            actor=request.actor,
            now=request.now,
            patient=patient,
            version=kept,
            pdf=paper.pdf(sheet),
        )
    except UnableTo as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("care_plans:version", args=[patient.pk, number]))
    messages.success(request, "Plan classé dans les documents du dossier.")
    return HttpResponseRedirect(reverse("documents:detail", args=[patient.pk, document.pk]))


def enter(request: HttpRequest, patient_id: int, level: Level, purpose: str) -> Any:
    return access.get_record(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        level=level,
        purpose=purpose,
        further=access.ABSORBED,
    )


def _record(request: HttpRequest, patient: Any) -> int:
    """Return whose versions are asked for: the person's, or those of a record merged into it."""
    asked = request.GET.get("dossier", "")
    try:
        record = from_short_id(asked) if asked else patient.pk
    except ValueError:
        raise Http404(GONE) from None
    if record not in (patient.pk, *patient.absorbed):
        raise Http404(GONE)
    return record


def detail_page(
    request: HttpRequest,
    patient: Any,
    *,
    status: int = 200,
    refusal: str = "",
    propose_form: forms.ProposeForm | None = None,
    decide_form: forms.DecideForm | None = None,
) -> HttpResponse:
    """Render the reading page, or its fragment, as things now stand."""
    actor = request.actor
    plan = queries.get_plan(patient_id=patient.pk, actor=actor, now=request.now)
    context: dict[str, Any] = {
        "patient": patient,
        "tab": "plan",
        "plan": plan,
        "refusal": refusal,
        "may_edit": patient.level >= Level.WRITE and actor.can(EDIT_PLAN),
        "may_progress": patient.level >= Level.WRITE,
    }
    if plan is not None:
        context |= standing(plan, measured=queries.measured(plan), visits=plan.visits)
        context["surplus"] = [each for each in plan.visits.values() if each.surplus]
        approved = plan.latest.content if plan.latest else None
        context["plannable"] = rules.plannable(approved) if context["may_progress"] else ()
        seen = plan.last_visit_at
        own = plan.updated_by is not None and plan.updated_by.id == actor.role_id
        if seen is not None and plan.updated_at > seen and not own:
            context["news"] = queries.changes_since(plan, at=seen)
        deciding = (
            plan.status == PlanStatus.PROPOSED
            and actor.can(APPROVE_PLAN)
            and plan.approver is not None
            and plan.approver.id == actor.role_id
        )
        # A plan that waits may be proposed to another doctor: the one asked can be away.
        proposable = plan.status in (PlanStatus.DRAFT, PlanStatus.PROPOSED) and not deciding
        if context["may_edit"] and proposable and plan.content.needs:
            choices = approvers(request, patient) if propose_form is None else []
            context["propose_form"] = propose_form or forms.ProposeForm(
                approvers=choices,
                initial={
                    "revision": plan.revision,
                    "approver": choices[0][0] if choices else None,
                },
            )
        if deciding:
            context["decide_form"] = decide_form or forms.DecideForm(
                initial={"revision": plan.revision, "gesture": uuid.uuid4()}
            )
        context["comments"] = plan.comments
    template = "care_plans/detail.html#tree" if request.htmx else "care_plans/detail.html"
    return render(request, template, context, status=status)


def standing(plan: Plan, *, measured: Any = None, visits: Any = None) -> dict[str, Any]:
    number = plan.latest.number if plan.latest else None
    return {
        "needs": presenters.tree(
            plan.content,
            today=plan.today,
            left=plan.left,
            measured=measured or {},
            visits=visits or {},
        ),
        "agreed": presenters.agreement_words(plan.agreement),
        "words": presenters.status_words(plan.status, number),
        "tone": presenters.status_tone(plan.status),
        "status_icon": presenters.status_icon(plan.status),
        "changes": rules.compare(plan.latest.content, plan.content) if plan.latest else [],
    }


def refuse(form: Any, refusal: UnableTo) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)


def members(request: HttpRequest, patient: Any) -> forms.Choices:
    return [
        (member.pk, queries.member_name(member))
        for member in queries.members(patient_id=patient.pk, now=request.now)
    ]


def approvers(request: HttpRequest, patient: Any) -> forms.Choices:
    present = queries.members(patient_id=patient.pk, now=request.now)
    return [
        (member.practitioner_role_id, queries.member_name(member))
        for member in queries.approvers(present, proposer_id=request.actor.role_id)
    ]


def to_plan(patient: Any, anchor: str = "") -> HttpResponse:
    url = reverse("care_plans:detail", args=[patient.pk])
    return HttpResponseRedirect(f"{url}#{anchor}" if anchor else url)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
