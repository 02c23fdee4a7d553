"""The rights of a structure: what waits, who holds which, until when; one's own."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.core import audit, doors
from carbet.core.operation import UnableTo
from carbet.registries.directory import queries as directory
from carbet.registries.directory.choices import EndReason
from carbet.registries.directory.rules import MANAGE_RIGHTS
from carbet.registries.rights import access, forms, operations, presenters, queries

VIEWS = {"": queries.CURRENT, "sans-connexion": queries.DORMANT, "terminees": queries.ENDED}


@doors.professional(capability=MANAGE_RIGHTS)
@require_safe
def rights(request: HttpRequest) -> HttpResponse:
    """Show the rights of the structure, or of the region: open, to review, ended."""
    slug = request.GET.get("vue", "")
    text = request.GET.get("q", "").strip()[:100]
    page = queries.rights(
        actor=request.actor,
        now=request.now,
        view=VIEWS.get(slug, queries.CURRENT),
        text=text,
        after=forms.read_position(request.GET.get("suite", "")),
    )
    following = forms.write_position(page.following)
    context = {
        "rows": [(row, *presenters.state(row, now=request.now)) for row in page.rows],
        "slug": slug if slug in VIEWS else "",
        "text": text,
        "region": access.manages_all(request.actor),
        "following": _query(vue=slug, q=text, suite=following) if following else "",
        "waiting": queries.waiting(actor=request.actor).count(),
    }
    return render(request, "rights/list.html", context)


@doors.professional(capability=MANAGE_RIGHTS)
@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest) -> HttpResponse:
    """Review several rights at once: those that end soon, or everybody’s."""
    actor, now = request.actor, request.now
    everyone = request.GET.get("qui", "") == "tous"
    text = request.GET.get("q", "").strip()[:100]
    form = forms.ReviewAllForm(request.POST if request.method == "POST" else None)
    decided: dict[int, str] = form.decisions() if form.is_bound else {}
    if form.is_bound and form.is_valid():
        try:
            kept, ended = operations.review_rights(
                actor=actor, now=now, decisions=decided, months=form.cleaned_data["months"]
            )
        except UnableTo as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            messages.success(request, presenters.reviewed(kept, ended))
            return redirect(
                reverse("rights:review") + _query(qui="tous" if everyone else "", q=text)
            )
    found = queries.to_review(actor=actor, now=now, everyone=everyone, text=text)
    context = {
        "form": form,
        "rows": [
            (
                row,
                decided.get(row.pk, ""),
                not access.may_review(actor, row),
                *presenters.state(row, now=now),
            )
            for row in found[: queries.REVIEWED]
        ],
        "more": len(found) > queries.REVIEWED,
        "everyone": everyone,
        "text": text,
        "query": _query(qui="tous" if everyone else "", q=text),
        "region": access.manages_all(actor),
        "waiting": queries.waiting(actor=actor).count(),
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "rights/review.html", context, status=status)


@doors.professional(capability=MANAGE_RIGHTS)
@require_safe
def registrations(request: HttpRequest) -> HttpResponse:
    """Show the requests that wait for an answer, the oldest first."""
    after = request.GET.get("suite", "")
    rows = list(
        queries.waiting(
            actor=request.actor,
            after=int(after) if after.isdecimal() and len(after) < 19 else None,
        )[: queries.PAGE + 1]
    )
    shown = rows[: queries.PAGE]
    professions = queries.professions_asked(shown)
    context = {
        "rows": [(row, professions[row.pk]) for row in shown],
        "region": access.manages_all(request.actor),
        "following": _query(suite=str(shown[-1].pk)) if len(rows) > queries.PAGE else "",
    }
    return render(request, "rights/registrations.html", context)


@doors.professional(capability=MANAGE_RIGHTS)
@require_http_methods(["GET", "HEAD", "POST"])
def registration(request: HttpRequest, registration_id: int) -> HttpResponse:
    """Show a request, and answer it."""
    held = access.get_registration(actor=request.actor, registration_id=registration_id)
    refusing = request.method == "POST" and request.POST.get("reponse") == "refuser"
    accepting = request.method == "POST" and not refusing
    approval = forms.ApprovalForm(request.POST if accepting else None)
    refusal = forms.RefusalForm(request.POST if refusing else None)
    form = refusal if refusing else approval
    if form.is_bound and form.is_valid():
        asked = {"actor": request.actor, "now": request.now, "registration_id": held.pk}
        try:
            if refusing:
                operations.refuse_registration(**asked, **form.cleaned_data)
                messages.success(request, "Demande refusée. La raison part par e-mail.")
            else:
                operations.approve_registration(**asked, **form.cleaned_data)
                messages.success(request, f"{held} peut désormais travailler avec Carbet.")
        except UnableTo as error:
            form.add_error(error.field, error.message)
        else:
            return redirect("rights:registrations")
    known = queries.practitioner_of(rpps=held.rpps) if held.rpps else None
    context = {
        "held": held,
        "profession": queries.professions_asked([held])[held.pk],
        "known": known,
        "approval": approval,
        "refusal": refusal,
        "open": held.status == "submitted",
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "rights/registration.html", context, status=status)


@doors.professional(capability=MANAGE_RIGHTS)
@require_http_methods(["GET", "HEAD", "POST"])
def right(request: HttpRequest, right_id: int) -> HttpResponse:
    """Show a right; review it, end it, let its holder manage, delegate for them."""
    held = access.get_right(actor=request.actor, right_id=right_id)
    role = held.practitioner_role
    delegates = queries.possible_delegates(role=role, now=request.now)
    deed = request.POST.get("geste", "")
    posted = {name: request.POST if deed == name else None for name in _DEEDS}
    shown: dict[str, Any] = {
        "prolonger": forms.ReviewForm(posted["prolonger"]),
        "retirer": forms.WithdrawForm(posted["retirer"]),
        "quitte": forms.EndForm(posted["quitte"]),
        "gestion": forms.EndForm(posted["gestion"]),
        "renouveler": forms.RenewalForm(posted["renouveler"]),
        "deleguer": forms.DelegationForm(posted["deleguer"], delegates=delegates),
    }
    form = shown.get(deed)
    if form is not None and form.is_valid():
        try:
            _DEEDS[deed](request, held, form.cleaned_data)
        except UnableTo as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            return redirect("rights:right", held.pk)
    words, tone = presenters.state(held, now=request.now)
    context = {
        "held": held,
        "role": role,
        "state": words,
        "tone": tone,
        "open": held.ended_at > request.now,
        "own": role.pk == request.actor.role_id,
        "delegations": queries.delegations(role_id=role.pk, now=request.now),
        "delegates": delegates,
        "renewal": _renewal(held),
        **{f"form_{name}": each for name, each in shown.items()},
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "rights/right.html", context, status=status)


def _extend(request: HttpRequest, held: Any, data: dict[str, Any]) -> None:
    operations.review_right(
        actor=request.actor, now=request.now, right_id=held.pk, months=data["months"]
    )
    messages.success(request, "Habilitation revue et prolongée.")


def _end(reason: str) -> Any:
    def end(request: HttpRequest, held: Any, data: dict[str, Any]) -> None:
        operations.end_right(
            actor=request.actor,
            now=request.now,
            right_id=held.pk,
            reason=reason,
            words=data.get("words", ""),
        )
        messages.success(request, "L’accès est fermé, dès maintenant.")

    return end


def _manage(request: HttpRequest, held: Any, data: dict[str, Any]) -> None:
    right = operations.let_manage(
        actor=request.actor, now=request.now, right_id=held.pk, manages=not held.manages
    )
    messages.success(
        request,
        "Gère désormais les habilitations." if right.manages else "Ne gère plus les habilitations.",
    )


def _renew(request: HttpRequest, held: Any, data: dict[str, Any]) -> None:
    account = operations.renew_access(
        actor=request.actor, now=request.now, right_id=held.pk, words=data["how"]
    )
    messages.success(request, f"Un message part vers {account.email}, pour un nouvel accès.")


def _renewal(held: Any) -> str:
    """Return the address that a new access was written to: a demonstration sends nothing."""
    account = held.practitioner_role.practitioner.account
    if not settings.DEMONSTRATION or account is None or account.has_usable_password():
        return ""
    return access.renewal_of(account)


def _delegate(request: HttpRequest, held: Any, data: dict[str, Any]) -> None:
    operations.give_delegation(
        actor=request.actor,
        now=request.now,
        delegator=held.practitioner_role,
        delegate_id=data["delegate"],
        months=data["months"],
    )
    messages.success(request, "Délégation donnée.")


_DEEDS = {
    "prolonger": _extend,
    "retirer": _end(EndReason.WITHDRAWN),
    "quitte": _end(EndReason.LEFT),
    "gestion": _manage,
    "deleguer": _delegate,
    "renouveler": _renew,
}


@doors.professional(capability=MANAGE_RIGHTS)
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """Give every right, past ones included, as a spreadsheet: for an audit."""
    text = presenters.export(actor=request.actor, now=request.now)
    audit.read(request.actor, "right.export", now=request.now, patient_id=None, entity="rights")
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    name = f"habilitations-{request.now:%Y-%m-%d}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@doors.professional()
@require_http_methods(["GET", "HEAD", "POST"])
def mine(request: HttpRequest) -> HttpResponse:
    """Show one's own rights and their ends, who acts for one, and delegate."""
    actor, now = request.actor, request.now
    role = directory.role(pk=actor.role_id)
    delegates = queries.possible_delegates(role=role, now=now)
    form = forms.DelegationForm(
        request.POST if request.method == "POST" else None, delegates=delegates
    )
    if form.is_bound and form.is_valid():
        try:
            operations.give_delegation(
                actor=actor,
                now=now,
                delegator=role,
                delegate_id=form.cleaned_data["delegate"],
                months=form.cleaned_data["months"],
            )
        except UnableTo as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            messages.success(request, "Délégation donnée.")
            return redirect("rights:mine")
    context = {
        "rows": [
            (row, *presenters.state(row, now=now))
            for row in queries.own_rights(account_id=request.user.pk, now=now)
        ],
        "requests": queries.own_requests(account_id=request.user.pk),
        "role": role,
        "delegations": queries.delegations(role_id=role.pk, now=now),
        "delegates": delegates,
        "form": form,
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "rights/mine.html", context, status=status)


@doors.professional()
@require_POST
def leave(request: HttpRequest, right_id: int) -> HttpResponse:
    """Leave a structure: one's own right there ends now."""
    try:
        operations.end_right(
            actor=request.actor, now=request.now, right_id=right_id, reason=EndReason.LEFT
        )
    except UnableTo as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "Vous avez quitté cette structure : l’accès est fermé.")
    return redirect("rights:mine")


@doors.professional()
@require_POST
def end_delegation(request: HttpRequest, delegation_id: int) -> HttpResponse:
    """End a delegation that one gave, received or decides on."""
    held = access.get_delegation(actor=request.actor, delegation_id=delegation_id)
    try:
        operations.end_delegation(actor=request.actor, now=request.now, delegation=held)
    except UnableTo as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "Délégation terminée, dès maintenant.")
    seen_from = request.POST.get("habilitation", "")
    if seen_from.isdecimal() and len(seen_from) < 19:
        return redirect("rights:right", int(seen_from))
    return redirect("rights:mine")


def _query(**values: str) -> str:
    said = urlencode({name: value for name, value in values.items() if value})
    return f"?{said}" if said else ""
