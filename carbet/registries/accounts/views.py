"""The pages of an account: sign in, strengthen, see one's sessions and leave them all."""

from typing import Any

from allauth.account.views import LoginView
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.views import AuthenticateView, ReauthenticateView
from allauth.mfa.webauthn.views import LoginWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.core import doors
from carbet.core.operation import UnableTo
from carbet.registries.accounts import operations, queries, sessions
from carbet.registries.accounts.choices import TIME_ZONES, AccountKind

# What is shorter is a choice or a number: it goes along without being shown.
SHOWN_FROM = 8


class _LeadsOn:
    """A sign-in page that may end in another application: the browser must let it through."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if self.leads_to().startswith(reverse("idp:oidc:authorization")):
            answer._csp_update = {"form-action": queries.application_origins()}  # type: ignore[attr-defined]
        return answer

    def leads_to(self) -> str:
        """Return the address that follows the sign-in."""
        raise NotImplementedError


class SignInView(_LeadsOn, LoginView):
    """The sign-in page; a demonstration shows its accounts."""

    def leads_to(self) -> str:
        return self.request.POST.get("next") or self.request.GET.get("next", "")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {
            "demonstration_accounts": queries.demonstration_accounts(),
            "pro_sante_connect": queries.pro_sante_connect_client(),
            "following": context.get("redirect_field_value") or "",
        }


class CodeView(_LeadsOn, AuthenticateView):
    """The page that asks for a code; a demonstration shows the code of the moment."""

    def leads_to(self) -> str:
        stage = getattr(self, "stage", None)
        return (stage.login.redirect_url or "") if stage is not None else ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"demonstration_code": queries.current_code(self.stage.login.user)}


class ConfirmationCodeView(ReauthenticateView):
    """The page that asks for a code before a sensitive change."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"demonstration_code": queries.current_code(self.request.user)}


# The library counts the answers only; each question makes a session, so questions count too.
@method_decorator(
    ratelimit.decorator(app="allauth.mfa", action="webauthn_login", limit_get=True),
    name="dispatch",
)
class PasskeyView(LoginWebAuthnView):
    """What the browser asks and answers when someone signs in with a passkey."""


class RemovePasskeyView(RemoveWebAuthnView):
    """Remove a passkey, unless it is a professional's last second factor."""

    def form_valid(self, form: Any) -> HttpResponse:
        adapter = get_adapter()
        if not adapter.can_delete_authenticator(self.get_object()):
            messages.error(self.request, adapter.error_messages["cannot_delete_authenticator"])
            return HttpResponseRedirect(self.get_success_url())
        return super().form_valid(form)


sign_in = doors.public()(SignInView.as_view())
code = doors.public()(CodeView.as_view())
confirmation_code = doors.public()(ConfirmationCodeView.as_view())
passkey = doors.public(writes_on_get="the challenge counts as an attempt")(PasskeyView.as_view())
remove_passkey = doors.public()(RemovePasskeyView.as_view())


@doors.public()
@require_safe
def strengthen(request: HttpRequest) -> HttpResponse:
    """Explain to a professional that a second factor is needed, and lead there."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    if not getattr(request, "second_factor_missing", False):
        return redirect("/")
    return render(request, "accounts/strengthen.html")


@doors.signed_in()
@require_safe
def profile(request: HttpRequest) -> HttpResponse:
    """Show the account: what it proves itself with, and where it is signed in."""
    return render(
        request,
        "accounts/profile.html",
        {
            "account": request.user,
            "time_zones": TIME_ZONES,
            "is_professional": request.user.kind == AccountKind.PROFESSIONAL,
            "factors": queries.second_factors(account=request.user),
            "provider": queries.pro_sante_connect_client(),
            "link": queries.provider_link(account=request.user),
            "sessions": queries.sessions_of(
                account=request.user, now=request.now, current_key=request.session.session_key
            ),
        },
    )


@doors.signed_in(role_chosen=True)
@require_http_methods(["GET", "HEAD", "POST"])
def left(request: HttpRequest) -> HttpResponse:
    """Give back the form that was sent after its session had ended: to send, or to give up."""
    kept = request.COOKIES.get(sessions.LEFT_COOKIE, "")
    if request.method == "POST":
        sessions.forget_left(kept)
        answer = redirect("/")
        answer.delete_cookie(sessions.LEFT_COOKIE)
        messages.info(request, "Ce qui n’était pas parti est abandonné.")
        return answer
    found = sessions.find_left(kept, account_id=request.user.pk) if kept else None
    if found is None:
        return redirect("/")
    texts = [value for _, value in found.fields if len(value) >= SHOWN_FROM and " " in value]
    return render(request, "accounts/left.html", {"left": found, "texts": texts})


@doors.signed_in()
@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every other session of the account."""
    ended = operations.sign_out_everywhere(
        actor=request.actor,
        now=request.now,
        account=request.user,
        except_key=request.session.session_key,
    )
    if ended:
        plural = "s" if ended > 1 else ""
        text = f"{ended} autre{plural} session{plural} fermée{plural}."
    else:
        text = "Aucune autre session n’était ouverte."
    messages.success(request, text)
    return redirect("accounts:profile")


@doors.signed_in()
@require_POST
def time_zone(request: HttpRequest) -> HttpResponse:
    """Choose on which clock hours are read."""
    try:
        operations.choose_time_zone(
            actor=request.actor,
            now=request.now,
            account=request.user,
            time_zone=request.POST.get("time_zone", ""),
        )
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Les heures s’affichent désormais à ce fuseau.")
    return redirect("accounts:profile")
