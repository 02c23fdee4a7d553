"""The pages of the directory: under which role one works."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from carbet.core import doors
from carbet.core.operation import UnableTo
from carbet.registries.directory import operations, queries
from carbet.registries.directory.access import CHOSEN_ROLE


@doors.signed_in()
@require_http_methods(["GET", "HEAD", "POST"])
def choose_role(request: HttpRequest) -> HttpResponse:
    """Ask a professional with several roles under which one they work now."""
    asked = request.POST.get("next") or request.GET.get("next", "")
    following = asked if url_has_allowed_host_and_scheme(asked, None) else ""
    refusal = ""
    if request.method == "POST":
        chosen = request.POST.get("role", "")
        try:
            role = operations.choose_role(
                actor=request.actor,
                now=request.now,
                account_id=request.user.pk,
                role_id=int(chosen) if chosen.isdecimal() and len(chosen) < 19 else 0,
            )
        except UnableTo as error:
            refusal = error.message
        else:
            request.session[CHOSEN_ROLE] = role.pk
            return redirect(following or settings.LOGIN_REDIRECT_URL)
    context = {
        "roles": queries.roles_of(account_id=request.user.pk, now=request.now)[:50],
        "following": following,
        "refusal": refusal,
    }
    status = 422 if refusal else 200
    return render(request, "directory/choose_role.html", context, status=status)
