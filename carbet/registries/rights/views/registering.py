"""Ask to work in a structure through Carbet, from outside or with an account; follow the answer."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from carbet.core import doors
from carbet.core.operation import UnableTo
from carbet.registries.accounts import operations as accounts
from carbet.registries.accounts import queries as account_queries
from carbet.registries.accounts.access import actor_of
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.rules import is_by_card
from carbet.registries.rights import access, forms, operations, presenters, queries
from carbet.registries.rights.choices import RegistrationStatus

# Where the session keeps the address that somebody proven typed, for their next request.
ADDRESS = "rights.address"


@doors.public()
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Ask which structure, then who one is there; the structure decides."""
    account = _asker(request)
    proven = None
    if not request.user.is_authenticated:
        proven = access.get_proven(request.session, now=request.now)
    opened = proven is not None and proven.account_id is not None
    if opened:
        proven = None
    roles = queries.roles_known(practitioner=proven, now=request.now) if proven else None
    text = request.GET.get("q", "").strip()[:100]
    organization = queries.structure(
        request.POST.get("structure") or request.GET.get("structure", "")
    )
    posted = request.POST if request.method == "POST" and organization else None
    form = forms.RegistrationForm(
        posted,
        signed_in=account is not None,
        roles=roles,
        initial={
            "profession": request.GET.get("profession", "")[:12],
            "email": request.session.get(ADDRESS, "") if proven else "",
        },
    )
    if posted is not None and organization is not None and form.is_valid():
        if not ratelimit.consume(request, app="allauth.account", action="registration"):
            form.add_error(None, "Trop de demandes en peu de temps. Réessayez dans une heure.")
        else:
            try:
                made = operations.request_registration(
                    actor=actor_of(account),
                    now=request.now,
                    organization=organization,
                    account=account,
                    proven=proven,
                    by_card=is_by_card(request.session.get("account_authentication_methods", [])),
                    **({"given": "", "family": "", "email": ""} | form.cleaned_data),
                )
            except UnableTo as refusal:
                form.add_error(refusal.field, refusal.message)
            else:
                if account is not None:
                    messages.success(request, "Votre demande est transmise à la structure.")
                    return redirect("rights:mine")
                if proven is not None:
                    request.session[ADDRESS] = made.email
                # The follow-up address goes to the mailbox only: whoever types somebody else's
                # learns nothing. A demonstration sends nothing, so it shows it.
                shown = access.follow_up_of(made) if settings.DEMONSTRATION else ""
                return render(
                    request,
                    "rights/registered.html",
                    {
                        "email": made.email,
                        "follow_up": shown,
                        "organization": organization,
                        "proven": proven,
                    },
                )
    context = {
        "form": form,
        "organization": organization,
        "text": text,
        "found": queries.structures(text) if organization is None else [],
        "account": account,
        "proven": proven,
        "opened": opened,
        "provider": account_queries.pro_sante_connect_client(),
    }
    if proven is not None and organization is None:
        asked = queries.asked_by_proven(practitioner=proven)
        waiting = {
            (each.organization_id, each.profession)
            for each in asked
            if each.status == RegistrationStatus.SUBMITTED
        }
        context |= {
            "asked": [
                (each, access.follow_up_of(each), *presenters.answer(each)) for each in asked
            ],
            "roles": [
                role
                for role in roles or ()
                if (role.organization_id, role.profession) not in waiting
            ],
        }
    status = 422 if posted is not None and form.errors else 200
    return render(request, "rights/register.html", context, status=status)


@doors.public()
@require_POST
def leave_proof(request: HttpRequest) -> HttpResponse:
    """Forget whom Pro Santé Connect proved here, and end their session there."""
    address = get_adapter().get_logout_redirect_url(request)
    if not request.user.is_authenticated:
        request.session.flush()
    return redirect(address)


@doors.public()
@require_http_methods(["GET", "HEAD", "POST"])
def follow_up(request: HttpRequest, follow_up: str) -> HttpResponse:
    """Show where a request is; take it back; once accepted, choose a first password."""
    held = access.get_followed(follow_up=follow_up)
    newcomer = queries.newcomer(held, now=request.now)
    form = forms.PasswordForm(request.POST if "password" in request.POST else None)
    if request.method == "POST":
        actor = actor_of(newcomer)
        try:
            if "retirer" in request.POST:
                operations.withdraw_registration(
                    actor=actor, now=request.now, registration_id=held.pk
                )
                messages.success(request, "Votre demande est retirée.")
                return redirect("rights:follow_up", follow_up)
            if newcomer is None:
                return redirect("rights:follow_up", follow_up)
            if form.is_valid():
                accounts.choose_first_password(
                    actor=actor,
                    now=request.now,
                    account=newcomer,
                    password=form.cleaned_data["password"],
                )
                messages.success(
                    request, "Votre mot de passe est choisi. Connectez-vous pour continuer."
                )
                return redirect(reverse("account_login"))
        except UnableTo as refusal:
            if form.is_bound:
                form.add_error(refusal.field, refusal.message)
            else:
                messages.error(request, refusal.message)
    context = {
        "held": held,
        "status": RegistrationStatus(held.status),
        "profession": queries.professions_asked([held])[held.pk],
        "newcomer": newcomer,
        "provider": account_queries.pro_sante_connect_client(),
        "form": form,
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "rights/follow_up.html", context, status=status)


@doors.public()
@require_http_methods(["GET", "HEAD", "POST"])
def renewed(request: HttpRequest, renewal: str) -> HttpResponse:
    """Let whoever lost their way in choose a new password: the mailbox proves them."""
    account = access.get_renewed(renewal=renewal)
    form = forms.PasswordForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            accounts.choose_first_password(
                actor=actor_of(account),
                now=request.now,
                account=account,
                password=form.cleaned_data["password"],
            )
        except UnableTo as refusal:
            form.add_error(refusal.field, refusal.message)
        else:
            messages.success(
                request, "Votre mot de passe est choisi. Connectez-vous pour continuer."
            )
            return redirect(reverse("account_login"))
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "rights/renewed.html", {"account": account, "form": form}, status=status)


def _asker(request: HttpRequest) -> Any:
    """Return the professional who is signed in, second factor included, if any."""
    account = request.user
    if not account.is_authenticated or getattr(request, "second_factor_missing", False):
        return None
    return account if account.kind == AccountKind.PROFESSIONAL else None
