"""The pages of steering: figures by month, the list behind one, and the same to take away."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from carbet.core import audit, doors
from carbet.core.identifiers import short_id
from carbet.registries.directory.rules import READ_ACTIVITY, TRIAGE_SUPPORT
from carbet.steering.activity import access, forms, presenters, queries, rules
from carbet.steering.activity.choices import BY_KEY, Section
from carbet.steering.activity.presenters import files, report
from carbet.steering.activity.queries import Sheet


@doors.professional(capability=READ_ACTIVITY)
@require_safe
def dashboard(request: HttpRequest, section: str = Section.ACTIVITY.value) -> HttpResponse:
    """Show the figures of a month: a team its own, an agency the territory's."""
    if section not in Section.values:
        raise Http404
    sheet = _sheet(request)
    today = timezone.localdate(request.now)
    following = rules.months_later(sheet.month, 1)
    context = {
        "sheet": sheet,
        "section": section,
        "month": presenters.month_words(sheet.month),
        "key": f"{sheet.month:%Y-%m}",
        "months": presenters.months(sheet, today=today),
        "previous": f"?mois={rules.months_later(sheet.month, -1):%Y-%m}",
        "next": f"?mois={following:%Y-%m}" if following <= today else "",
        "tabs": presenters.tabs(section, sheet.month),
        "stats": presenters.stats(sheet) if section == Section.ACTIVITY else [],
        "panels": presenters.panels(sheet, section),
        "untold": presenters.UNTOLD_WORDS,
    }
    audit.read(
        request.actor, "activity.figures", now=request.now, patient_id=None, entity=context["key"]
    )
    return render(request, "activity/dashboard.html", context)


@doors.professional(capability=TRIAGE_SUPPORT)
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """List the episodes that a number counts, those that the reader may open."""
    key = request.GET.get("chiffre")
    if not key:
        return HttpResponseRedirect(reverse("activity:dashboard"))
    definition = BY_KEY.get(key)
    if definition is None:
        raise Http404
    sheet = _sheet(request)
    value, counted, words = request.GET.get("valeur"), None, ""
    table = next((each for each in sheet.tables if each.definition == definition), None)
    if table is None:
        raise Http404
    if value is None:
        counted = table.total
    else:
        row = next((row for row in table.rows if row.value == value), None)
        if row is None:
            raise Http404
        counted, words = row.count, presenters.label(table, row.label)
    after = forms.read_position(request.GET)
    found = queries.episodes(
        scope=sheet.scope,
        definition=definition,
        value=value,
        month=sheet.month,
        now=request.now,
        after=after,
        limit=queries.PAGE + 1,
    )
    shown = found[: queries.PAGE]
    more = ""
    if len(found) > queries.PAGE:
        query = request.GET.copy()
        query["suite"] = short_id(shown[-1].pk)
        more = f"?{query.urlencode()}"
    whole = not after and not more
    context = {
        "definition": definition,
        "words": words,
        "month": presenters.month_words(sheet.month),
        "key": f"{sheet.month:%Y-%m}",
        "rows": [presenters.listed(each) for each in shown],
        "counted": counted,
        "closed_to_reader": max((counted or 0) - len(shown), 0) if whole else 0,
        "next": more,
    }
    audit.read(
        request.actor, "activity.list", now=request.now, patient_id=None, entity=definition.key
    )
    return render(request, "activity/list.html", context)


@doors.professional(capability=READ_ACTIVITY)
@require_safe
def export_csv(request: HttpRequest) -> HttpResponse:
    """Give every figure of a month as a table that French spreadsheets open."""
    sheet = _sheet(request)
    return _taken_away(request, sheet, files.csv_table(sheet), "csv", "text/csv; charset=utf-8")


@doors.professional(capability=READ_ACTIVITY)
@require_safe
def export_xlsx(request: HttpRequest) -> HttpResponse:
    """Give every figure of a month as a workbook: a page of steering is a sheet."""
    sheet = _sheet(request)
    return _taken_away(request, sheet, files.workbook(sheet, now=request.now), "xlsx", files.XLSX)


@doors.professional(capability=READ_ACTIVITY)
@require_safe
def monthly_report(request: HttpRequest) -> HttpResponse:
    """Choose the month of a report; that of the month before this one is proposed."""
    form = _month_form(request)
    return _chosen(request, form, status=200 if form.is_valid() else 422)


@doors.professional(capability=READ_ACTIVITY)
@require_safe
def report_pdf(request: HttpRequest) -> HttpResponse:
    """Give the report of a month as a tagged PDF."""
    form = _month_form(request)
    if not form.is_valid():
        return _chosen(request, form, status=422)
    sheet = queries.sheet(
        scope=access.scope(request.actor), month=form.cleaned_data["mois"], now=request.now
    )
    content = report.pdf(report.report(sheet, now=request.now))
    return _taken_away(request, sheet, content, "pdf", "application/pdf")


def _month_form(request: HttpRequest) -> forms.MonthForm:
    today = timezone.localdate(request.now)
    before = rules.months_later(rules.month_of(today), -1)
    asked = request.GET.get("mois")
    return forms.MonthForm({"mois": f"{before:%Y-%m}" if asked is None else asked}, today=today)


def _chosen(request: HttpRequest, form: forms.MonthForm, *, status: int) -> HttpResponse:
    """Show the choice of a month, and what its report would say, if it is one."""
    scope = access.scope(request.actor)
    context: dict[str, Any] = {"form": form, "scope": scope, "untold": presenters.UNTOLD_WORDS}
    if form.is_valid():
        month = form.cleaned_data["mois"]
        sheet = queries.sheet(scope=scope, month=month, now=request.now)
        context |= {
            "heading": f"Rapport {presenters.of_month(month)}",
            "key": f"{month:%Y-%m}",
            "is_running": month == form.this_month,
            "is_empty": sheet.is_empty,
        }
    return render(request, "activity/report.html", context, status=status)


def _taken_away(
    request: HttpRequest, sheet: Sheet, content: bytes, extension: str, kind: str
) -> HttpResponse:
    """Return a file of figures, whose leaving is traced."""
    name = f"{sheet.month:%Y-%m}.{extension}"
    audit.read(request.actor, "activity.export", now=request.now, patient_id=None, entity=name)
    answer = HttpResponse(content, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="carbet-activite-{name}"'
    return answer


def _sheet(request: HttpRequest) -> Sheet:
    month = forms.read_month(request.GET, today=timezone.localdate(request.now))
    return queries.sheet(scope=access.scope(request.actor), month=month, now=request.now)
