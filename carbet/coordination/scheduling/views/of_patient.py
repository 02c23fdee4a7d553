"""The agenda of a person: what is planned, and everything that can be done with one appointment."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.scheduling import access, forms, operations, presenters, queries
from carbet.coordination.scheduling.presenters import Opening, days
from carbet.coordination.scheduling.views.mine import zone_words
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.identifiers import from_short_id, short_id
from carbet.core.operation import UnableTo


@doors.professional(patient=Level.READ)
@require_safe
def of_patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show what is planned for a person, or what took place."""
    actor, now = request.actor, request.now
    patient = access.get_calendar(actor=actor, patient_id=patient_id, now=now)
    past = "passes" in request.GET
    rows = queries.of_patient(
        patient_id=patient.pk, now=now, past=past, before=_before(request.GET)
    )
    page = rows[: queries.PAGE]
    following = ""
    if len(rows) > queries.PAGE:
        edge = page[-1].end if not past else page[-1].start
        following = f"?{'passes=1&' if past else ''}suite={_mark(edge)}"
    context = {
        "patient": patient,
        "tab": "agenda",
        "past": past,
        "groups": days.by_day(_said(page, request)),
        "waiting": []
        if past
        else _said(queries.waiting_of_patient(patient_id=patient.pk), request),
        "next": following,
        "may_write": patient.level >= Level.WRITE,
        "zone": zone_words(),
    }
    return render(request, "scheduling/of_patient.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Fix a visit, once or again and again; what stands in the way is said before saving."""
    patient = _writable(request, patient_id)
    carers = queries.carers(patient_id=patient.pk, now=request.now)
    free = queries.free_slots(
        role_ids=[role.pk for role in carers],
        after=request.now,
        before=request.now + queries.SLOTS_AHEAD,
        most=12,
    )
    slot = _chosen_slot(request, carers)
    form = forms.AppointmentForm(
        _posted(request), carers=carers, initial=_initial(request, carers, slot)
    )
    warnings: list[str] = []
    if form.is_valid():
        roles = [role for role in carers if role.pk in form.cleaned_data["roles"]]
        if slot is None:
            warnings = _warnings(patient, form, roles)
        if not warnings or form.has_read(warnings):
            refusal = _create(request, patient, form, roles, slot, bool(warnings))
            if refusal is None:
                return HttpResponseRedirect(reverse("scheduling:of_patient", args=[patient.pk]))
            if isinstance(refusal, operations.TimeTaken) and not warnings:
                warnings = [refusal.message]
                form.warn(warnings)
            else:
                _refuse(form, refusal)
        else:
            form.warn(warnings)
    context = {
        "patient": patient,
        "tab": "agenda",
        "form": form,
        "warnings": warnings,
        "slot": slot,
        "slot_key": short_id(slot.pk) if slot is not None else "",
        "free": [
            Opening(
                each.pk,
                each.start,
                each.end,
                each.schedule.get_kind_display(),
                str(each.schedule.practitioner_role.practitioner),
            )
            for each in free
        ],
        "zone": zone_words(),
    }
    return _form_page(request, "scheduling/create.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def wait(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Put a person on a waiting list."""
    patient = _writable(request, patient_id)
    carers = queries.carers(patient_id=patient.pk, now=request.now)
    form = forms.WaitingForm(_posted(request), carers=carers)
    if form.is_valid():
        data = form.cleaned_data
        low, high = form.period()
        try:
            operations.join_waiting_list(
                actor=request.actor,
                now=request.now,
                patient=patient,
                roles=[role for role in carers if role.pk in data["roles"]],
                kind=data["kind"],
                description=data["description"],
                requested_start=low,
                requested_end=high,
                gesture=data["gesture"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Inscription en liste d’attente enregistrée.")
            return HttpResponseRedirect(reverse("scheduling:of_patient", args=[patient.pk]))
    context = {"patient": patient, "tab": "agenda", "form": form}
    return _form_page(request, "scheduling/wait.html", context)


@doors.professional(patient=Level.READ)
@require_safe
def detail(request: HttpRequest, patient_id: int, appointment_id: int) -> HttpResponse:
    """Show one appointment: when, who, what each answered, what can be done."""
    patient = access.get_calendar(actor=request.actor, patient_id=patient_id, now=request.now)
    row = access.get_appointment(patient=patient, appointment_id=appointment_id)
    parts = queries.participants_with_names().filter(appointment=row)
    shown = presenters.visit(
        row, actor=request.actor, my_parts=access.is_part_of(parts, request.actor), parts=parts
    )
    may_write = patient.level >= Level.WRITE
    waiting = row.status == "waitlist"
    context = {
        "patient": patient,
        "tab": "agenda",
        "visit": shown,
        "may_write": may_write,
        "may_change": may_write and (row.is_open or waiting),
        "may_close": may_write
        and queries.is_firm(row)
        and row.start is not None
        and row.start <= request.now,
        "may_reinstate": may_write
        and row.status == "cancelled"
        and row.start is not None
        and row.start > request.now,
        "zone": zone_words(),
    }
    return render(request, "scheduling/detail.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, patient_id: int, appointment_id: int) -> HttpResponse:
    """Give an appointment another time, or propose one."""
    patient = _writable(request, patient_id)
    row = access.get_appointment(patient=patient, appointment_id=appointment_id)
    parts = list(queries.participants_with_names().filter(appointment=row))
    roles = queries.roles(
        role_ids=[part.practitioner_role_id for part in parts if part.practitioner_role_id]
    )
    form = forms.MoveForm(_posted(request), initial=forms.MoveForm.initial_of(row))
    warnings: list[str] = []
    if form.is_valid():
        warnings = _warnings(patient, form, roles, apart_from=row.pk)
        if not warnings or form.has_read(warnings):
            data, span = form.cleaned_data, form.span()
            try:
                operations.move(
                    actor=request.actor,
                    now=request.now,
                    appointment=row,
                    start=span.start,
                    end=span.end,
                    version=data["version"],
                    kind=data["kind"],
                    description=data["description"],
                    accept_overlap=bool(warnings),
                )
            except UnableTo as refusal:
                _refuse(form, refusal)
            else:
                messages.success(
                    request, "Rendez-vous modifié. Les personnes concernées sont prévenues."
                )
                return _to(patient.pk, row.pk)
        else:
            form.warn(warnings)
    context = {
        "patient": patient,
        "tab": "agenda",
        "form": form,
        "visit": presenters.visit(row, actor=request.actor, parts=parts),
        "warnings": warnings,
        "zone": zone_words(),
    }
    return _form_page(request, "scheduling/move.html", context)


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, patient_id: int, appointment_id: int) -> HttpResponse:
    """Cancel with a reason: one visit, or it and those that follow."""
    patient = _writable(request, patient_id)
    row = access.get_appointment(patient=patient, appointment_id=appointment_id)
    form = forms.CancelForm(
        _posted(request), in_series=row.series_id is not None, initial={"version": row.version}
    )
    if form.is_valid():
        data = form.cleaned_data
        try:
            count = operations.cancel(
                actor=request.actor,
                now=request.now,
                appointment=row,
                reason=data["reason"],
                comment=data["comment"],
                following=bool(data.get("following")),
                version=data["version"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            said = "Rendez-vous annulé" if count == 1 else f"{count} visites annulées"
            messages.success(request, f"{said}. Les personnes concernées sont prévenues.")
            return _to(patient.pk, row.pk)
    parts = queries.participants_with_names().filter(appointment=row)
    context = {
        "patient": patient,
        "tab": "agenda",
        "form": form,
        "visit": presenters.visit(row, actor=request.actor, parts=parts),
    }
    return _form_page(request, "scheduling/cancel.html", context)


@doors.professional(patient=Level.WRITE)
@require_POST
def answer(request: HttpRequest, patient_id: int, appointment_id: int) -> HttpResponse:
    """Accept or decline what is asked."""
    patient = _writable(request, patient_id)
    row = access.get_appointment(patient=patient, appointment_id=appointment_id)
    form = forms.AnswerForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Acceptez ou déclinez.")
        return _to(patient.pk, row.pk)
    accept = form.cleaned_data["answer"] == "accept"
    try:
        operations.answer(
            actor=request.actor,
            now=request.now,
            appointment=row,
            accept=accept,
            reason=form.cleaned_data["reason"],
            accept_overlap=form.cleaned_data["overlap"],
        )
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Rendez-vous accepté." if accept else "Rendez-vous décliné.")
    return _to(patient.pk, row.pk)


@doors.professional(patient=Level.WRITE)
@require_POST
def agree(request: HttpRequest, patient_id: int, appointment_id: int) -> HttpResponse:
    """Agree to the other time that was proposed, or give the request up."""
    accept = request.POST.get("answer") != "decline"

    def act(row: Any) -> str:
        operations.agree_as_author(
            actor=request.actor, now=request.now, appointment=row, accept=accept
        )
        return "Horaire convenu." if accept else "Demande abandonnée."

    return _one_gesture(request, patient_id, appointment_id, act)


@doors.professional(patient=Level.WRITE)
@require_POST
def reinstate(request: HttpRequest, patient_id: int, appointment_id: int) -> HttpResponse:
    """Undo a cancellation."""

    def act(row: Any) -> str:
        operations.reinstate(actor=request.actor, now=request.now, appointment=row)
        return "Rendez-vous rétabli."

    return _one_gesture(request, patient_id, appointment_id, act)


@doors.professional(patient=Level.WRITE)
@require_POST
def close(request: HttpRequest, patient_id: int, appointment_id: int) -> HttpResponse:
    """Say that a visit took place, or that nobody was there."""
    took_place = request.POST.get("outcome") != "noshow"

    def act(row: Any) -> str:
        operations.close(
            actor=request.actor, now=request.now, appointment=row, took_place=took_place
        )
        return "Visite notée comme faite." if took_place else "Absence notée."

    return _one_gesture(request, patient_id, appointment_id, act)


@doors.professional(patient=Level.WRITE)
@require_POST
def advance(request: HttpRequest, patient_id: int, appointment_id: int) -> HttpResponse:
    """Make a visit of one's round come before the one that precedes it."""
    patient = _writable(request, patient_id)
    row = access.get_appointment(patient=patient, appointment_id=appointment_id)
    back = reverse("scheduling:mine")
    if row.start is None:
        return HttpResponseRedirect(back)
    on = timezone.localdate(row.start)
    back += f"?vue=jour&le={on.isoformat()}"
    day = queries.agenda(
        role_ids=access.own_roles(request.actor),
        low=days.midnight(on),
        high=row.end or row.start,
    )
    before = [each for each in day if (each.start, each.pk) < (row.start, row.pk)]
    if before:
        try:
            operations.exchange(actor=request.actor, now=request.now, first=before[-1], second=row)
        except UnableTo as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, "Ordre de la tournée modifié.")
    return HttpResponseRedirect(back)


# --- Shared -------------------------------------------------------------------------------------


def _one_gesture(
    request: HttpRequest, patient_id: int, appointment_id: int, act: Any
) -> HttpResponse:
    patient = _writable(request, patient_id)
    row = access.get_appointment(patient=patient, appointment_id=appointment_id)
    try:
        messages.success(request, act(row))
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    return _to(patient.pk, row.pk)


def _create(
    request: HttpRequest, patient: Any, form: Any, roles: Any, slot: Any, accept: bool
) -> UnableTo | None:
    data, span = form.cleaned_data, form.span()
    common = {
        "actor": request.actor,
        "now": request.now,
        "patient": patient,
        "roles": roles,
        "start": span.start,
        "end": span.end,
        "kind": data["kind"],
        "description": data["description"],
        "gesture": data["gesture"],
        "accept_overlap": accept or bool(data.get("warned")),
    }
    rule = form.recurrence()
    try:
        if rule is not None and slot is None:
            operations.repeat(rule=rule, zone=timezone.get_current_timezone(), **common)
            messages.success(request, "Visites régulières enregistrées.")
        else:
            row = operations.schedule(slot=slot, **common)
            messages.success(
                request,
                "Rendez-vous enregistré."
                if queries.is_firm(row)
                else "Demande envoyée : le rendez-vous sera confirmé par le professionnel.",
            )
    except UnableTo as refusal:
        return refusal
    return None


def _warnings(patient: Any, form: Any, roles: Any, *, apart_from: int | None = None) -> list[str]:
    asked = {"roles": roles, "span": form.span(), "apart_from": apart_from}
    return presenters.warnings(
        queries.clashes(patient_id=patient.pk, **asked),
        queries.hastes(patient=patient, kind=form.cleaned_data["kind"], **asked),
    )


def _chosen_slot(request: HttpRequest, carers: Any) -> Any:
    """Return the free slot that the address names, among those of the circle."""
    text = request.POST.get("slot") or request.GET.get("creneau") or ""
    try:
        number = from_short_id(text) if text else None
    except ValueError:
        number = None
    if number is None:
        return None
    return queries.slot_to_book(slot_id=number, role_ids=[role.pk for role in carers])


def _initial(request: HttpRequest, carers: Any, slot: Any) -> dict[str, Any]:
    own = [role.pk for role in carers if role.pk == request.actor.role_id]
    if slot is not None:
        local = timezone.localtime(slot.start)
        return {
            "on": local.date(),
            "hour": local.time(),
            "minutes": int((slot.end - slot.start).total_seconds() // 60),
            "roles": [slot.schedule.practitioner_role_id],
            "kind": slot.schedule.kind,
        }
    on = forms.read_day(request.GET, today=timezone.localdate(request.now))
    return {"roles": own, "on": on}


def _writable(request: HttpRequest, patient_id: int) -> Any:
    return access.get_calendar(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.WRITE
    )


def _said(rows: Any, request: HttpRequest) -> list[presenters.Visit]:
    return [
        presenters.visit(
            row,
            actor=request.actor,
            my_parts=access.is_part_of(row.participants.all(), request.actor),
        )
        for row in rows
    ]


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _refuse(form: Form, refusal: UnableTo) -> None:
    """Say the refusal where it belongs on the form, which keeps what was typed."""
    places = {"start": "hour", "slot": None}
    field = places.get(refusal.field or "", refusal.field)
    form.add_error(field if field in form.fields else None, refusal.message)


def _form_page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, context, status=422 if request.method == "POST" else 200)


def _to(patient_id: int, appointment_id: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("scheduling:detail", args=[patient_id, appointment_id]))


def _mark(edge: datetime | None) -> str:
    return edge.strftime("%Y%m%d%H%M%S") if edge is not None else ""


def _before(query: QueryDict) -> datetime | None:
    """Return where the page starts, or None when the address says nothing readable."""
    try:
        return datetime.strptime(query.get("suite", "") + "+0000", "%Y%m%d%H%M%S%z")
    except ValueError:
        return None
