"""Pages to write the plan with: one line at a time, everything by plain posts."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from carbet.coordination.care_plans import forms, operations, presenters, queries, rules
from carbet.coordination.care_plans.presenters import Opened
from carbet.coordination.care_plans.queries import Plan
from carbet.coordination.care_plans.views.reading import enter, members, refuse, standing
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import EDIT_PLAN

GONE = "Ce plan, ou cette partie du plan, n’existe pas."
INLINE = {"goal_for": ("goal", "action"), "action_for": ("action",)}


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_safe
def edit(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the plan with everything needed to write it."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.read")
    plan = queries.get_plan(patient_id=patient.pk)
    if plan is None:
        return HttpResponseRedirect(reverse("care_plans:detail", args=[patient.pk]))
    return editor_page(request, patient, plan, Opened.read(request.GET.get("ouvert", "")))


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_POST
def create(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Begin the plan and go straight to the first line."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    operations.create_plan(actor=request.actor, now=request.now, patient_id=patient.pk)
    return to_editor(patient, Opened("entry"))


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_POST
def describe(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Keep the person's own words and the day of review."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    form = forms.DescribeForm(request.POST)
    return _write(request, patient, Opened("words"), form, operations.describe)


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_POST
def add_entry(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Add a need, a goal and an action in one go, and be ready for the next."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    opened = Opened.read(request.POST.get("opened", ""))
    form = forms.EntryForm(
        request.POST,
        members=members(request, patient),
        parts=INLINE.get(opened.what, ("need", "goal", "action")),
        auto_id="champ_%s" if opened.what in INLINE else "saisie_%s",
    )

    def act(**typed: Any) -> Opened:
        entry = operations.add_entry(**typed)
        if opened.what in INLINE and entry.goal_id:
            return Opened("action_for", entry.goal_id)
        if entry.goal_id:
            return Opened("after", entry.goal_id)
        return Opened("after_need", entry.need_id or 0)

    return _write(request, patient, opened, form, act)


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_POST
def change_need(request: HttpRequest, patient_id: int, need_id: int) -> HttpResponse:
    """Change the words or the domain of a need."""
    return _change(request, patient_id, rules.NEED, need_id)


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_POST
def change_goal(request: HttpRequest, patient_id: int, goal_id: int) -> HttpResponse:
    """Change a goal, the result expected, or its date."""
    return _change(request, patient_id, rules.GOAL, goal_id)


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_POST
def change_action(request: HttpRequest, patient_id: int, action_id: int) -> HttpResponse:
    """Change an action, who does it, how often, or by when."""
    return _change(request, patient_id, rules.ACTION, action_id)


@doors.professional(capability=EDIT_PLAN, patient=Level.WRITE)
@require_POST
def arrange(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Move one part up or down, take it out, or put it back."""
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    form = forms.ArrangeForm(request.POST)

    def act(*, do: str, **typed: Any) -> Opened:
        gesture, kind, part_id = do.rsplit("-", 2)
        typed |= {"kind": kind, "part_id": int(part_id)}
        if gesture == "remove":
            operations.remove_part(**typed)
            return Opened(f"removed_{kind}", int(part_id))
        if gesture == "restore":
            operations.restore_part(**typed)
        else:
            operations.move_part(**typed, upwards=gesture == "up")
        return Opened(f"to_{kind}", int(part_id))

    return _write(request, patient, Opened(), form, act)


def _change(request: HttpRequest, patient_id: int, kind: str, part_id: int) -> HttpResponse:
    patient = enter(request, patient_id, Level.WRITE, "care_plan.edit")
    plan = queries.get_plan(patient_id=patient.pk)
    known = plan is not None and (
        _part(plan, kind, part_id)
        or any(part.kind == kind and part.id == part_id for part in plan.removed)
    )
    if not known:
        raise Http404(GONE)
    form = _part_form(
        kind, plan, part_id, members(request, patient), request.POST, auto_id="champ_%s"
    )

    def act(**typed: Any) -> Opened:
        if kind == rules.ACTION:
            typed["responsible_id"] = typed.pop("responsible")
        operations.change_part(kind=kind, part_id=part_id, **typed)
        return Opened(f"to_{kind}", part_id)

    return _write(request, patient, Opened(kind, part_id), form, act)


def _write(request: HttpRequest, patient: Any, opened: Opened, form: Any, act: Any) -> HttpResponse:
    """Act on what was typed, then show the page ready for the next gesture, or the refusal."""
    stale = None
    if form.is_valid():
        typed = {name: value for name, value in form.cleaned_data.items() if name != "opened"}
        if isinstance(form, forms.EntryForm):
            typed["responsible_id"] = typed.pop("responsible")
        try:
            then = act(actor=request.actor, now=request.now, patient_id=patient.pk, **typed)
        except operations.ConflictingEdit as refusal:
            form.data = form.data.copy()
            form.data["revision"] = refusal.revision
            merged = {_field(name): value for name, value in refusal.merged.values.items()}
            theirs = {_field(name): value for name, value in refusal.merged.conflicts.items()}
            for name, value in merged.items():
                if name not in theirs:
                    form.data[name] = forms.raw(value)
            form.oppose(theirs)
            form.add_error(None, refusal.message)
        except operations.StalePlan as refusal:
            plan = standing_plan(patient)
            stale = queries.changes_since(plan, revision=typed["revision"]) or []
            form.data = form.data.copy()
            form.data["revision"] = plan.revision
            form.add_error(None, f"{refusal.message} Relisez, puis enregistrez de nouveau.")
        except UnableTo as refusal:
            refuse(form, refusal)
            plan = standing_plan(patient)
            if opened.what in rules.KINDS and not _part(plan, opened.what, opened.id):
                # Taken out meanwhile: what was typed about it is given back.
                stale = queries.changes_since(plan, revision=typed["revision"]) or []
        else:
            if not isinstance(then, Opened):
                then = Opened("to_words")
            if request.htmx:
                return editor_page(request, patient, standing_plan(patient), then)
            return to_editor(patient, then)
    return editor_page(
        request, patient, standing_plan(patient), opened, form=form, stale=stale, status=422
    )


def _field(name: str) -> str:
    return "responsible" if name == "responsible_id" else name


def editor_page(
    request: HttpRequest,
    patient: Any,
    plan: Plan,
    opened: Opened,
    *,
    form: Any = None,
    stale: list[rules.Change] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the writing page, or its fragment: one form open in place, quick typing below."""
    present = members(request, patient)
    latest = plan.latest.approved_at if plan.latest else plan.created_at
    quick = form if isinstance(form, forms.EntryForm) and opened.what not in INLINE else None
    inline = None if quick else form or _inline(plan, opened, present)
    after = presenters.place(
        plan.content,
        goal_id=opened.id if opened.what == "after" else 0,
        need_id=opened.id if opened.what == "after_need" else 0,
    )
    if quick is None:
        quick = forms.EntryForm(
            members=present,
            auto_id="saisie_%s",
            initial={
                "revision": plan.revision,
                "gesture": uuid.uuid4(),
                "need_id": after.need_id if after else None,
                "goal_id": after.goal_id if after else None,
                "opened": opened if after else "",
            },
        )
    wanted = {"after": "action", "after_need": "goal"}.get(opened.what if after else "", "need")
    if form is None and (opened.what in ("entry", "after", "after_need") or not plan.content.needs):
        quick.fields[wanted].widget.attrs["autofocus"] = True
    context = {
        "patient": patient,
        "tab": "plan",
        "plan": plan,
        **standing(plan),
        "needs": presenters.tree(
            plan.content,
            today=plan.today,
            left=plan.left,
            removed=[part for part in plan.removed if part.removed_at >= latest],
        ),
        "removed_needs": [
            part for part in plan.removed if part.kind == rules.NEED and part.removed_at >= latest
        ],
        "opened": opened,
        "inline": inline,
        "quick": quick,
        "after": after,
        "stale": stale,
        "lost": _lost(plan, opened, inline) if stale is not None else [],
    }
    template = "care_plans/edit.html#editor" if request.htmx else "care_plans/edit.html"
    return render(request, template, context, status=status)


def _inline(plan: Plan, opened: Opened, present: forms.Choices) -> Any:
    """Return the form that the address opens in place, filled with what stands there."""
    base: dict[str, Any] = {"revision": plan.revision, "opened": str(opened)}
    options: dict[str, Any] = {"auto_id": "champ_%s"}
    form: Any = None
    if opened.what == "words":
        base["person_words"] = plan.content.person_words
        base["review_due_on"] = plan.content.review_due_on
        form = forms.DescribeForm(initial=base, **options)
    elif opened.what in INLINE:
        base |= {"gesture": uuid.uuid4()}
        base["need_id" if opened.what == "goal_for" else "goal_id"] = opened.id
        form = forms.EntryForm(initial=base, members=present, parts=INLINE[opened.what], **options)
    elif part := _part(plan, opened.what, opened.id):
        form = _part_form(opened.what, plan, opened.id, present, initial=base | part, **options)
    if form is not None:
        visible = form.visible_fields()[0]
        visible.field.widget.attrs["autofocus"] = True
    return form


def _part_form(
    kind: str, plan: Plan, part_id: int, present: forms.Choices, *args: Any, **options: Any
) -> Any:
    if kind == rules.NEED:
        return forms.NeedForm(*args, **options)
    if kind == rules.GOAL:
        return forms.GoalForm(*args, **options)
    part = _part(plan, kind, part_id) or {}
    kept = part.get("responsible")
    if kept and kept not in dict(present):
        present = [*present, (kept, f"{part['name']} (a quitté le cercle)")]
    return forms.ActionForm(*args, members=present, **options)


def _part(plan: Plan, kind: str, part_id: int) -> dict[str, Any] | None:
    """Return what a part says, as its form names it; None when it is not in the plan."""
    said = rules.part_of(plan.content, kind, part_id)
    if said is None or kind != rules.ACTION:
        return said
    [name] = [
        action.responsible
        for need in plan.content.needs
        for goal in need.goals
        for action in goal.actions
        if action.id == part_id
    ]
    return said | {"responsible": said["responsible_id"], "name": name}


def _lost(plan: Plan, opened: Opened, form: Any) -> list[tuple[str, str]]:
    """Return what was typed about a part that somebody else took out meanwhile."""
    gone = opened.what in rules.KINDS and not _part(plan, opened.what, opened.id)
    if not gone:
        return []
    return [(str(box.label), str(box.value())) for box in form.visible_fields() if box.value()]


def to_editor(patient: Any, opened: Opened) -> HttpResponse:
    query = urlencode({"ouvert": str(opened)})
    url = reverse("care_plans:edit", args=[patient.pk])
    anchor = opened.anchor
    return HttpResponseRedirect(f"{url}?{query}#{anchor}" if str(opened) else url)


def standing_plan(patient: Any) -> Plan:
    plan = queries.get_plan(patient_id=patient.pk)
    if plan is None:
        raise Http404(GONE)
    return plan
