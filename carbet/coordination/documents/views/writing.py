"""Documents written here: a letter from the record, the sheet of the circle."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from carbet.coordination.care_teams import presenters as circles
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.documents import access, forms, operations
from carbet.coordination.documents.choices import DocumentType
from carbet.coordination.documents.presenters import sheets
from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.forms import refuse
from carbet.core.operation import UnableTo
from carbet.core.templatetags.carbet import phone
from carbet.registries.directory.rules import may_write_notebook
from carbet.registries.patients import queries as patients


@doors.professional(patient=Level.WRITE)
@require_http_methods(["GET", "POST"])
def write_letter(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Write a letter about a person: filed as a document that can be sent."""
    patient = _writable(request, patient_id)
    circle = circles.circle(care_teams.participants(patient_id=patient.pk), now=request.now)
    form = forms.LetterForm(
        request.POST if request.method == "POST" else None,
        recipients=[
            (member.href_id, f"{member.name}, {member.profession.lower()}")
            for member in circle.professionals
            if member.href_id != request.actor.role_id
        ],
    )
    if form.is_valid():
        said = form.cleaned_data
        document = _letter(request, patient, form, said)
        if document is not None:
            messages.success(request, "Lettre classée dans le dossier.")
            return HttpResponseRedirect(reverse("documents:detail", args=[patient.pk, document.pk]))
    context = {"patient": patient, "tab": "documents", "form": form}
    status = 422 if request.method == "POST" else 200
    return render(request, "documents/letter.html", context, status=status)


@doors.professional(patient=Level.WRITE)
@require_POST
def file_circle_sheet(request: HttpRequest, patient_id: int) -> HttpResponse:
    """File who is in the circle today, and how to reach them; the next sheet replaces it."""
    patient = _writable(request, patient_id)
    form = forms.FileSheetForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Ce geste n’a pas été compris : recommencez.")
        return HttpResponseRedirect(reverse("documents:list", args=[patient.pk]))
    circle = circles.circle(care_teams.participants(patient_id=patient.pk), now=request.now)
    groups = (
        ("Professionnels", circle.professionals),
        ("Structures", circle.structures),
        ("Proches", circle.relatives),
    )
    pdf = sheets.pdf(
        patient=patient,
        ins=patients.ins_that_leaves(patient=patient),
        title="Fiche du cercle de soins",
        author=request.actor.display_name,
        now=request.now,
        parts=[
            sheets.Part(
                title,
                facts=[(each.role_label or each.profession, _member(each)) for each in members],
            )
            for title, members in groups
            if members
        ],
    )
    try:
        document = operations.file_composed(
            actor=request.actor,
            now=request.now,
            patient=patient,
            pdf=pdf,
            kind=DocumentType.CONTACTS,
            title="Fiche du cercle de soins",
            series="circle",
            gesture=form.cleaned_data["gesture"],
        )
    except UnableTo as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("documents:list", args=[patient.pk]))
    messages.success(request, "Fiche du cercle classée dans le dossier.")
    return HttpResponseRedirect(reverse("documents:detail", args=[patient.pk, document.pk]))


def _letter(request: HttpRequest, patient: Any, form: Any, said: dict[str, Any]) -> Any:
    """Return the letter filed; None when it is refused, which the form then says."""
    addressee = said["addressee"] or dict(form.fields["recipient"].choices)[said["recipient"]]
    pdf = sheets.pdf(
        patient=patient,
        ins=patients.ins_that_leaves(patient=patient),
        title=said["title"],
        author=f"{request.actor.display_name}, {request.actor.organization_name}",
        now=request.now,
        parts=[
            sheets.Part(facts=[("À l’attention de", addressee)]),
            sheets.Part(paragraphs=sheets.paragraphs(said["text"])),
        ],
        signed="\n".join(
            filter(
                None,
                (
                    request.actor.display_name,
                    request.actor.role_label,
                    request.actor.organization_name,
                ),
            )
        ),
    )
    try:
        return operations.file_composed(
            actor=request.actor,
            now=request.now,
            patient=patient,
            pdf=pdf,
            kind=said["type"],
            title=said["title"],
            series=f"letter:{said['gesture']}",
            gesture=said["gesture"],
            recipient_ids=[said["recipient"]] if said["recipient"] else [],
            visibility=said["visibility"],
        )
    except UnableTo as refusal:
        refuse(form, refusal)
        return None


def _member(member: circles.Member) -> str:
    return ", ".join(
        filter(
            None,
            (
                member.name,
                member.profession,
                member.organization,
                phone(member.phone).replace(" ", "\N{NO-BREAK SPACE}"),
                member.secure_email,
            ),
        )
    )


def _writable(request: HttpRequest, patient_id: int) -> Any:
    patient = access.get_documents(
        actor=request.actor, patient_id=patient_id, now=request.now, level=Level.WRITE
    )
    if not may_write_notebook(request.actor, patient.level):
        raise access.NoSuchRecord
    return patient
