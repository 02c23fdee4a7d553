"""What every page of support does with a form and a refusal."""

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse

from carbet.coordination.support import access
from carbet.core.operation import UnableTo


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what was typed, or None when the page is only asked for."""
    return request.POST if request.method == "POST" else None


def refuse(form: Form, refusal: UnableTo) -> None:
    """Say the refusal where it belongs on the form, which keeps what was typed."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)


def refused(request: HttpRequest, refusal: UnableTo, asked: Any) -> HttpResponseRedirect:
    """Say the refusal on the page that is still open: the request, or the list of one's team."""
    messages.error(request, refusal.message)
    try:
        access.get_request(actor=request.actor, request_id=asked.pk, now=request.now)
    except access.NoSuchRecord:
        return HttpResponseRedirect(reverse("support:list"))
    return HttpResponseRedirect(reverse("support:detail", args=[asked.pk]))


def form_page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Show a form: 422 when what was typed is refused."""
    return render(request, template, context, status=422 if request.method == "POST" else 200)
