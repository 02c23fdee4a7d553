"""The pages of the directory: who does what where, and under which role one works."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.core import doors
from carbet.core.operation import UnableTo
from carbet.registries.directory import operations, presenters, queries
from carbet.registries.directory.access import CHOSEN_ROLE
from carbet.registries.directory.choices import LineOutcome
from carbet.registries.directory.forms import SearchForm
from carbet.registries.directory.operations import imports as importing
from carbet.registries.directory.rules import OPERATE


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
        "beds": presenters.bed_lines(found),
        "services": presenters.service_sheets(found, on=timezone.localdate(request.now)),
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


@doors.professional(capability=OPERATE)
@require_safe
def imports(request: HttpRequest) -> HttpResponse:
    """Show an operator the imports of outside directories, the latest first."""
    before = request.GET.get("avant", "")
    page = queries.import_runs(
        before=int(before) if before.isdecimal() and len(before) < 19 else None
    )
    context = {"page": page, "sources": presenters.askable_sources()}
    return render(request, "directory/imports.html", context)


@doors.professional(capability=OPERATE)
@require_POST
def request_import(request: HttpRequest) -> HttpResponse:
    """Ask the worker to bring a directory in now, for good or to see."""
    try:
        importing.request_import(
            actor=request.actor,
            now=request.now,
            source=request.POST.get("source", ""),
            dry_run=request.POST.get("essai") == "1",
        )
    except UnableTo as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, "L’import va commencer.")
    return redirect("directory:imports")


@doors.professional(capability=OPERATE)
@require_safe
def import_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Show what one import did, line by line, or how far it is."""
    run = queries.import_run(pk=run_id)
    if run is None:
        raise Http404
    asked, after = request.GET.get("devenir", ""), request.GET.get("apres", "")
    outcome = asked if asked in LineOutcome.values else LineOutcome.REJECTED
    page = queries.import_lines(
        run=run,
        outcome=outcome,
        after=int(after) if after.isdecimal() and len(after) < 19 else 0,
    )
    context = {
        "run": run,
        "page": page,
        "outcome": outcome,
        "outcomes": presenters.outcomes(run),
        "following": f"?devenir={outcome}&apres={page.following}" if page.following else "",
    }
    return render(request, "directory/import.html", context)


@doors.professional(capability=OPERATE)
@require_safe
def import_report(request: HttpRequest, run_id: int) -> HttpResponse:
    """Give the whole report of an import as a table to download."""
    run = queries.import_run(pk=run_id)
    if run is None:
        raise Http404
    response = HttpResponse(presenters.report_table(run), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-{run.pk}.csv"'
    return response
