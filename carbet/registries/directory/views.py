"""The pages of the directory: who does what where, and under which role one works."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from carbet.core import doors
from carbet.core.operation import UnableTo
from carbet.registries.directory import operations, queries
from carbet.registries.directory.access import CHOSEN_ROLE
from carbet.registries.directory.forms import SearchForm


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


@doors.professional()
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Search professionals or structures by words, profession or kind, and commune."""
    facets = queries.facets(now=request.now)
    form = SearchForm(request.GET or None, facets=facets)
    asked = form.asked()
    if asked.structures:
        page = queries.search_organizations(
            text=asked.text, purpose=asked.purpose, commune=asked.commune, page=asked.page
        )
    else:
        page = queries.search_roles(
            text=asked.text,
            now=request.now,
            profession=asked.profession,
            commune=asked.commune,
            page=asked.page,
        )
    context = {"form": form, "asked": asked, "page": page}
    template = "directory/search.html#results" if request.htmx else "directory/search.html"
    return render(request, template, context)


@doors.professional()
@require_safe
def organization(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Show a structure: how to reach it, its dated beds and places, services and staff."""
    found = queries.organization(pk=organization_id)
    if found is None:
        raise Http404
    context = {
        "organization": found,
        "capacities": list(queries.capacities(organization=found)),
        "services": list(queries.services(organization=found)),
        "staff": queries.staff(organization=found, now=request.now),
    }
    return render(request, "directory/organization.html", context)


@doors.professional()
@require_safe
def role(request: HttpRequest, role_id: int) -> HttpResponse:
    """Show a professional in one role, and the other places where they practise."""
    found = queries.role(pk=role_id)
    if found is None:
        raise Http404
    others = queries.roles_of_practitioner(practitioner=found.practitioner, now=request.now)
    context = {
        "role": found,
        "others": [other for other in others if other.pk != found.pk],
        "ended": found.ended_at is not None and found.ended_at <= request.now,
    }
    return render(request, "directory/role.html", context)
