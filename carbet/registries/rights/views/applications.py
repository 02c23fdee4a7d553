"""The regional applications that one enters through Carbet: declared and closed by the region."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from carbet.core import doors
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import OPERATE
from carbet.registries.rights import forms, operations, queries


@doors.professional(capability=OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def applications(request: HttpRequest) -> HttpResponse:
    """Show the applications let in, and declare another; its secret is shown once."""
    form = forms.ApplicationForm(request.POST if request.method == "POST" else None)
    made = None
    if form.is_bound and form.is_valid():
        try:
            made = operations.register_application(
                actor=request.actor, now=request.now, **form.cleaned_data
            )
        except UnableTo as error:
            form.add_error(error.field, error.message)
        else:
            form = forms.ApplicationForm()
    context = {
        "form": form,
        "made": made,
        "discovery": f"{settings.PUBLIC_URL}{reverse('idp:oidc:configuration')}",
        "rows": queries.applications(),
        "closed": queries.applications(closed=True),
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "rights/applications.html", context, status=status)


@doors.professional(capability=OPERATE)
@require_POST
def close_application(request: HttpRequest, application_id: int) -> HttpResponse:
    """Close an application: nobody enters it through Carbet any more."""
    try:
        held = operations.close_application(
            actor=request.actor, now=request.now, application_id=application_id
        )
    except UnableTo as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"« {held} » est fermée : on n’y entre plus avec Carbet.")
    return redirect("rights:applications")
