"""Pages of the circle: register, members, consent, exceptional access, who opened the record."""

from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.coordination.care_teams import access, forms, operations, presenters, queries, rules
from carbet.core import doors
from carbet.core.actor import DataCategory, Level
from carbet.core.identifiers import from_short_id, short_id
from carbet.core.operation import UnableTo
from carbet.registries.directory import queries as directory
from carbet.registries.directory import rules as capabilities
from carbet.registries.patients import access as persons_access
from carbet.registries.patients import queries as persons
from carbet.registries.patients.forms import TraitsForm
from carbet.registries.patients.rules import traits_in


@doors.professional(capability=capabilities.REGISTER_PATIENT)
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Register a person who was searched and not found, with consent and circle."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("patients:find"))
    options: dict[str, Any] = {
        "communes": directory.communes(),
        "is_doctor": request.actor.profession == capabilities.DOCTOR,
    }
    if "start" in request.POST:
        traits = TraitsForm(request.POST)
        found = traits.cleaned_data if traits.is_valid() else {}
        form = forms.RegistrationForm(
            initial={**found, "attending": request.actor.profession == capabilities.DOCTOR},
            **options,
        )
        return render(request, "care_teams/register.html", {"form": form})
    form = forms.RegistrationForm(request.POST, **options)
    known: list[persons.KnownPerson] = []
    if form.is_valid():
        data = form.cleaned_data
        try:
            patient = operations.register_with_circle(
                actor=request.actor,
                now=request.now,
                traits=form.traits() | form.ins_given(),
                decision=data["decision"],
                given_by=data["given_by"],
                note=data["note"],
                representative=form.representative,
                attending=data.get("attending"),
                distinct=data["distinct"],
                gesture=data["gesture"],
            )
        except operations.UnableToRegister as refusal:
            refuse(form, refusal)
            birth = data["birth_date"]
            known = persons.find_by_traits(
                actor=request.actor,
                family=data["birth_family"],
                given=data["birth_given"][0],
                birth_date=birth.day,
                now=request.now,
                further=traits_in(form.traits() | form.ins_given()),
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Dossier créé. Son cercle de soins est ouvert.")
            return HttpResponseRedirect(reverse("charts:detail", args=[patient.pk]))
    return render(request, "care_teams/register.html", {"form": form, "known": known}, status=422)


@doors.professional(patient=Level.READ)
@require_safe
def detail(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the circle: who is in it, since when, who left, and what the person decided."""
    patient = access.get_record(
        actor=request.actor, patient_id=patient_id, now=request.now, purpose="care_team.read"
    )
    circle = presenters.circle(
        queries.participants(patient_id=patient.pk),
        now=request.now,
        invitations=queries.invitations(patient_id=patient.pk),
    )
    context = {
        "patient": patient,
        "tab": "circle",
        "circle": circle,
        "consents": list(queries.consents(patient_id=patient.pk)),
        "may_manage": patient.level >= Level.MANAGE,
        "may_write": patient.level >= Level.WRITE,
        "reads_proofs": DataCategory.ADMINISTRATIVE in access.opened_on(patient),
    }
    return render(request, "care_teams/detail.html", context)


@doors.professional(patient=Level.MANAGE)
@require_POST
def open_circle(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Open the circle of a person who has none."""
    patient = _managed(request, patient_id)
    try:
        operations.open_care_team(actor=request.actor, now=request.now, patient=patient)
    except UnableTo as refusal:
        messages.warning(request, refusal.message)
    return _to_circle(patient_id)


@doors.professional(patient=Level.MANAGE)
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Let a professional or a structure of the directory into the circle."""
    patient = _managed(request, patient_id)
    text = request.POST.get("member_q", "")
    context: dict[str, Any] = {"patient": patient, "tab": "circle", "text": text}
    if request.method != "POST":
        return render(request, "care_teams/add.html", context | {"form": forms.MemberForm()})
    if "search" in request.POST:
        context |= _choices(request, text)
        return render(request, "care_teams/add.html", context | {"form": forms.MemberForm()})
    form = forms.MemberForm(request.POST)
    if form.is_valid():
        kind, number = form.chosen()
        member: dict[str, Any] = (
            {"practitioner_role": directory.role(pk=number)}
            if kind == "role"
            else {"organization": directory.organization(pk=number)}
        )
        care_team = queries.care_team_of(patient_id=patient.pk)
        if None in member.values():
            form.add_error("member", "Ce membre n’est plus dans l’annuaire.")
        elif care_team is None:
            form.add_error(None, "Ouvrez d’abord le cercle de soins.")
        else:
            asked = form.cleaned_data["ask_first"]
            let_in = operations.invite if asked else operations.add_participant
            try:
                let_in(
                    actor=request.actor,
                    now=request.now,
                    care_team=care_team,
                    role=form.cleaned_data["role"],
                    **member,
                )
            except UnableTo as refusal:
                refuse(form, refusal)
            else:
                said = "Invitation envoyée." if asked else "Membre ajouté au cercle, et prévenu."
                messages.success(request, said)
                to = "care_teams:invited" if asked else "care_teams:detail"
                return HttpResponseRedirect(reverse(to, args=[patient_id]))
    context |= _choices(request, text)
    return render(request, "care_teams/add.html", context | {"form": form}, status=422)


@doors.professional(patient=Level.MANAGE)
@require_safe
def choices(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Answer, while one types, with the nearest professionals and structures."""
    _managed(request, patient_id)
    context = _choices(request, request.GET.get("member_q", ""))
    return render(request, "care_teams/add.html#choices", context)


@doors.professional(patient=Level.MANAGE)
@require_http_methods(["GET", "POST"])
def add_relative(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Let a relative into the circle."""
    patient = _managed(request, patient_id)
    form = forms.RelativeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        care_team = queries.care_team_of(patient_id=patient.pk)
        if care_team is None:
            form.add_error(None, "Ouvrez d’abord le cercle de soins.")
        else:
            try:
                operations.add_related_person(
                    actor=request.actor, now=request.now, care_team=care_team, **form.cleaned_data
                )
            except UnableTo as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, "Proche ajouté au cercle.")
                return _to_circle(patient_id)
    context = {"patient": patient, "tab": "circle", "form": form}
    return render(
        request, "care_teams/add_relative.html", context, status=422 if form.is_bound else 200
    )


@doors.professional(patient=Level.MANAGE)
@require_http_methods(["GET", "POST"])
def end(request: HttpRequest, patient_id: int, participant_id: int) -> HttpResponse:
    """Ask why a member leaves, say what it means, then end their stay."""
    patient = _managed(request, patient_id)
    stay = queries.participant(patient_id=patient.pk, participant_id=participant_id)
    if stay is None:
        raise access.NoSuchRecord
    form = forms.EndForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            operations.end_participation(
                actor=request.actor,
                now=request.now,
                participant=stay,
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "La participation est terminée. Ce qui a été écrit reste.")
            if stay.practitioner_role_id == request.actor.role_id:
                return HttpResponseRedirect(reverse("patients:list"))
            return _to_circle(patient_id)
    context = {
        "patient": patient,
        "tab": "circle",
        "form": form,
        "member": presenters.member(stay),
    }
    return render(request, "care_teams/end.html", context, status=422 if form.is_bound else 200)


@doors.professional()
@require_safe
def invitations(request: HttpRequest) -> HttpResponse:
    """List the invitations that wait for the actor's answer."""
    waiting = list(queries.invitations_to_answer(actor=request.actor, now=request.now))
    return render(request, "care_teams/invitations.html", {"waiting": waiting})


@doors.professional()
@require_POST
def answer_invitation(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Accept an invitation, which opens the record, or decline it."""
    invitation = access.get_invitation(
        actor=request.actor, invitation_id=invitation_id, now=request.now
    )
    form = forms.AnswerForm(request.POST)
    to_list = HttpResponseRedirect(reverse("care_teams:invitations"))
    if not form.is_valid():
        messages.warning(request, "Acceptez ou déclinez l’invitation, en 200 signes au plus.")
        return to_list
    asked: dict[str, Any] = {
        "actor": request.actor,
        "now": request.now,
        "invitation": invitation,
    }
    try:
        if form.cleaned_data["answer"] == "accept":
            operations.accept_invitation(**asked)
            messages.success(request, "Vous faites partie du cercle.")
            return HttpResponseRedirect(reverse("charts:detail", args=[invitation.patient_id]))
        operations.decline_invitation(**asked, reason=form.cleaned_data["reason"])
    except UnableTo as refusal:
        messages.warning(request, refusal.message)
    else:
        messages.success(request, "Invitation déclinée. Qui vous a invité est prévenu.")
    return to_list


@doors.professional(patient=Level.MANAGE)
@require_safe
def invited(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show the invitations into a circle that wait, were declined, withdrawn, or expired."""
    patient = _managed(request, patient_id)
    context = {
        "patient": patient,
        "tab": "circle",
        "invitations": queries.invitations_of(patient_id=patient.pk),
        "now": request.now,
        "may_manage": True,
    }
    return render(request, "care_teams/invited.html", context)


@doors.professional(patient=Level.MANAGE)
@require_POST
def withdraw_invitation(request: HttpRequest, patient_id: int, invitation_id: int) -> HttpResponse:
    """Take back an invitation that was not answered."""
    patient = _managed(request, patient_id)
    found = [
        one for one in queries.invitations_of(patient_id=patient.pk) if one.pk == invitation_id
    ]
    if not found:
        raise access.NoSuchRecord
    try:
        operations.withdraw_invitation(actor=request.actor, now=request.now, invitation=found[0])
    except UnableTo as refusal:
        messages.warning(request, refusal.message)
    else:
        messages.success(request, "Invitation retirée.")
    return HttpResponseRedirect(reverse("care_teams:invited", args=[patient_id]))


@doors.professional(patient=Level.MANAGE)
@require_http_methods(["GET", "POST"])
def scope(request: HttpRequest, patient_id: int, participant_id: int) -> HttpResponse:
    """Record which data the person opens to one member, beside what the role asks."""
    patient = _managed(request, patient_id)
    stay = queries.participant(patient_id=patient.pk, participant_id=participant_id)
    if stay is None:
        raise access.NoSuchRecord
    opened = queries.opened_to(stay)
    form = forms.ScopeForm(
        request.POST or None,
        initial={
            "follows": "role" if stay.scope is None else "chosen",
            "categories": [int(each) for each in DataCategory if each in opened],
        },
    )
    if request.method == "POST" and form.is_valid():
        try:
            operations.decide_scope(
                actor=request.actor,
                now=request.now,
                participant=stay,
                scope=form.scope,
                note=form.cleaned_data["note"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "Le choix de la personne est enregistré et appliqué.")
            return _to_circle(patient_id)
    context = {
        "patient": patient,
        "tab": "circle",
        "form": form,
        "member": presenters.member(stay),
        "by_role": presenters.categories_in_words(queries.asked_by_role(stay)),
    }
    return render(request, "care_teams/scope.html", context, status=422 if form.is_bound else 200)


@doors.professional(patient=Level.MANAGE)
@require_http_methods(["GET", "POST"])
def portal(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Open or close the personal space: to the person, to a relative they chose."""
    patient = _managed(request, patient_id)
    form = forms.PortalForm(
        request.POST if "email" in request.POST else None,
        relatives=queries.relatives(patient_id=patient.pk),
    )
    if request.method == "POST" and (account := request.POST.get("close", "")).isdecimal():
        try:
            operations.close_portal(
                actor=request.actor, now=request.now, patient=patient, account_id=int(account)
            )
        except UnableTo as refusal:
            messages.warning(request, refusal.message)
        else:
            messages.success(request, "L’espace personnel est fermé à ce compte.")
        return HttpResponseRedirect(reverse("care_teams:portal", args=[patient_id]))
    if form.is_bound and form.is_valid():
        try:
            operations.invite_to_portal(
                actor=request.actor,
                now=request.now,
                patient=patient,
                email=form.cleaned_data["email"],
                related_person_id=form.cleaned_data["holder"],
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "L’espace personnel est ouvert.")
            return HttpResponseRedirect(reverse("care_teams:portal", args=[patient_id]))
    context = {
        "patient": patient,
        "tab": "circle",
        "form": form,
        "readers": queries.portal_readers(patient_id=patient.pk, on=request.now),
    }
    return render(request, "care_teams/portal.html", context, status=422 if form.is_bound else 200)


@doors.professional(capability=capabilities.BREAK_GLASS)
@require_http_methods(["GET", "POST"])
def break_glass(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Open a record by exception: reason, explanation, and what will be told to whom."""
    proof = request.POST.get("proof", "")
    if not persons_access.gave_traits(actor=request.actor, patient_id=patient_id, proof=proof):
        raise access.NoSuchRecord
    asked = request.method == "POST" and "start" not in request.POST
    form = forms.GlassForm(request.POST if asked else None)
    if asked and form.is_valid():
        try:
            operations.break_glass(
                actor=request.actor,
                now=request.now,
                patient_id=patient_id,
                **form.cleaned_data,
            )
        except UnableTo as refusal:
            refuse(form, refusal)
        else:
            messages.warning(
                request,
                f"Le dossier vous est ouvert pour {rules.GLASS_HOURS} heures."
                " Son cercle de soins en est prévenu.",
            )
            return HttpResponseRedirect(reverse("charts:detail", args=[patient_id]))
    context = {
        "form": form,
        "patient_id": patient_id,
        "hours": rules.GLASS_HOURS,
        "proof": proof,
        "said": request.POST.get("said", "")[:200],
    }
    return render(
        request, "care_teams/break_glass.html", context, status=422 if form.is_bound else 200
    )


@doors.professional()
@require_safe
def reviews(request: HttpRequest) -> HttpResponse:
    """List the exceptional entries that the actor must review."""
    waiting = list(queries.glass_to_review(actor=request.actor, now=request.now))
    return render(
        request, "care_teams/reviews.html", {"waiting": waiting, "form": forms.ReviewForm()}
    )


@doors.professional()
@require_POST
def review(request: HttpRequest, breaking_id: int) -> HttpResponse:
    """Record that an exceptional entry was reviewed."""
    breaking = access.get_glass_breaking(
        actor=request.actor, breaking_id=breaking_id, now=request.now
    )
    form = forms.ReviewForm(request.POST)
    if form.is_valid():
        try:
            operations.review_glass(
                actor=request.actor, now=request.now, breaking=breaking, note=form.note
            )
        except UnableTo as refusal:
            messages.warning(request, refusal.message)
        else:
            messages.success(request, "Accès relu.")
        return HttpResponseRedirect(reverse("care_teams:reviews"))
    waiting = list(queries.glass_to_review(actor=request.actor, now=request.now))
    return render(
        request,
        "care_teams/reviews.html",
        {"waiting": waiting, "form": form, "wrong": breaking.pk},
        status=422,
    )


@doors.professional(patient=Level.MANAGE)
@require_safe
def access_log(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Show who opened the record, what they did there, and the exceptional entries."""
    patient = access.get_record(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        level=Level.MANAGE,
        purpose="care_team.access_log",
        further=access.ABSORBED,
    )
    events = queries.access_log(
        patient_id=patient.pk, absorbed=patient.absorbed, before=_row_number(request, "avant")
    )
    context = {
        "patient": patient,
        "tab": "access",
        "days": presenters.access_days(events),
        "breakings": list(queries.glass_breakings(patient_id=patient.pk)),
        "next": short_id(events[-1].pk) if len(events) == queries.LOG_PAGE else "",
    }
    return render(request, "care_teams/access_log.html", context)


def refuse(form: django_forms.Form, refusal: UnableTo) -> None:
    """Put the sentence of a refusal on the form, at its field when it has one."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)


def _managed(request: HttpRequest, patient_id: int) -> Any:
    return access.get_record(
        actor=request.actor,
        patient_id=patient_id,
        now=request.now,
        level=Level.MANAGE,
        purpose="care_team.read",
    )


def _choices(request: HttpRequest, text: str) -> dict[str, Any]:
    roles, organizations = directory.choices(text=text, now=request.now)
    chosen = request.POST.get("member", "")
    return {
        "roles": [(role, chosen == f"role-{role.pk}") for role in roles],
        "organizations": [(one, chosen == f"org-{one.pk}") for one in organizations],
        "searched": bool(text.strip()),
    }


def _to_circle(patient_id: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("care_teams:detail", args=[patient_id]))


def _row_number(request: HttpRequest, name: str) -> int | None:
    try:
        return from_short_id(request.GET.get(name, ""))
    except ValueError:
        return None
