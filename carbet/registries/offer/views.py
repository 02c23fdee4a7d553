"""Pages of the owner's corner: beds first, then what is missing, hours, closures, staff."""

from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.core import doors
from carbet.core.identifiers import from_short_id, short_id
from carbet.core.operation import UnableTo
from carbet.registries.directory import queries as directory
from carbet.registries.offer import access, forms, operations, presenters, queries
from carbet.registries.offer.choices import Domain
from carbet.registries.offer.rules import filling

_TERMS = (
    queries.FIELDS,
    queries.CATEGORIES,
    queries.ACTIVITIES,
    queries.CARE_MODES,
    queries.PUBLICS,
)


@doors.professional()
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """Show the structures whose page the actor keeps."""
    actor = request.actor
    kept = list(queries.kept_by(actor=actor, now=request.now)[: queries.MOST])
    own = queries.own_surgery(actor=actor)
    if (
        own is not None
        and own.pk not in {each.pk for each in kept}
        and access.keeps(actor, own, now=request.now)
    ):
        kept.append(own)
    return render(request, "offer/mine.html", {"kept": kept})


@doors.professional()
@require_safe
def corner(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Show what a structure says of itself, and what is missing."""
    organization = _entered(request, organization_id)
    services = queries.services(organization=organization)
    offers = [queries.said_of(each, organization) for each in services if each.active]
    state = filling.state_of_structure(offer.state for offer in offers)
    beds = queries.beds(organization=organization)
    context = {
        "organization": organization,
        "lines": presenters.lines(offers),
        "closed": [each for each in services if not each.active],
        "state": state.label,
        "tone": presenters.tone(state),
        "fresh": filling.is_fresh([offer.service.updated_at for offer in offers], now=request.now),
        "beds": beds,
        "waits": presenters.waits(beds, now=request.now),
        "history": [
            (filling.name_of_quarter(row.quarter), row, presenters.tone(row.state))
            for row in queries.history_of(organization=organization)
        ],
    }
    return render(request, "offer/corner.html", context)


@doors.professional()
@require_http_methods(["GET", "POST"])
def beds(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Count the beds: type the numbers, save."""
    organization = _entered(request, organization_id)
    found = queries.beds(organization=organization)
    form = forms.BedsForm(request.POST if request.method == "POST" else None, beds=found)
    if found and form.is_valid():
        try:
            operations.count_beds(
                actor=request.actor,
                now=request.now,
                organization=organization,
                counts=form.cleaned_data,
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Compté. Tout le monde le voit dès maintenant.")
            return _to("offer:beds", organization.pk)
    context = {"organization": organization, "form": form}
    return _page(request, "offer/beds.html", context, form)


@doors.professional()
@require_http_methods(["GET", "POST"])
def install(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Declare beds or places that a service has."""
    organization = _entered(request, organization_id)
    services = queries.open_services(organization=organization)
    form = forms.InstallForm(request.POST if request.method == "POST" else None, services=services)
    if form.is_valid():
        data = form.cleaned_data
        try:
            operations.install_beds(
                actor=request.actor,
                now=request.now,
                organization=organization,
                service=next(each for each in services if str(each.pk) == data["service"]),
                activity=data["activity"],
                installed=data["installed"],
                available=data["available"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Lits et places enregistrés.")
            return _to("offer:beds", organization.pk)
    context = {
        "organization": organization,
        "form": form,
        "title": "Déclarer des lits ou des places",
        "back": reverse("offer:beds", args=[organization.pk]),
    }
    return _page(request, "offer/form.html", context, form)


@doors.professional()
@require_http_methods(["GET", "POST"])
def remove_beds(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Take a line of beds away, once its owner said so twice."""
    organization = _entered(request, organization_id)
    key = request.POST.get("ligne") or request.GET.get("ligne", "")
    back = _to("offer:beds", organization.pk)
    bed = next((bed for bed in queries.beds(organization=organization) if bed.key == key), None)
    if bed is None or not bed.removable:
        messages.error(request, "Cette ligne ne peut être retirée d’ici.")
        return back
    if request.method == "POST":
        try:
            operations.remove_beds(
                actor=request.actor, now=request.now, organization=organization, key=key
            )
        except UnableTo as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, f"Ligne retirée : {bed.activity}.")
        return back
    context = {
        "organization": organization,
        "title": "Retirer une ligne de lits",
        "name": bed.activity,
        "consequences": [
            "La ligne et son dernier compte disparaissent, ici et dans la recherche.",
            "Si ces lits existent mais sont tous pris, gardez la ligne et comptez 0.",
        ],
        "act": "Retirer la ligne",
        "hidden": key,
        "back": back.url,
    }
    return render(request, "offer/confirm.html", context)


@doors.professional()
@require_http_methods(["GET", "POST"])
def place(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Write where a structure is and how to reach it."""
    organization = _entered(request, organization_id)
    names = ("address_line", "postal_code", "phone", "secure_email")
    form = forms.PlaceForm(
        request.POST if request.method == "POST" else None,
        initial={name: getattr(organization, name) for name in names},
    )
    if form.is_valid():
        try:
            operations.describe_place(
                actor=request.actor,
                now=request.now,
                organization=organization,
                said={name: form.cleaned_data[name] for name in names},
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Coordonnées enregistrées.")
            return _to("offer:corner", organization.pk)
    context = {
        "organization": organization,
        "form": form,
        "title": "Adresse et contact",
        "back": reverse("offer:corner", args=[organization.pk]),
    }
    return _page(request, "offer/form.html", context, form)


@doors.professional()
@require_http_methods(["GET", "POST"])
def add_service(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Say that the structure offers a service that no source knows."""
    organization = _entered(request, organization_id)
    form = forms.ServiceForm(
        request.POST if request.method == "POST" else None, terms=queries.all_terms(*_TERMS)
    )
    if form.is_valid():
        try:
            added = operations.add_service(
                actor=request.actor, now=request.now, organization=organization, said=form.said
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, f"Service ajouté : {added.name}. La recherche le trouve.")
            return _to("offer:corner", organization.pk)
    context = {
        "organization": organization,
        "form": form,
        "title": "Ajouter un service",
        "back": reverse("offer:corner", args=[organization.pk]),
        "hint": "Le nom suffit pour commencer : le reste se complète quand vous voulez.",
    }
    return _page(request, "offer/form.html", context, form)


@doors.professional()
@require_http_methods(["GET", "POST"])
def end_service(request: HttpRequest, organization_id: int, service_id: int) -> HttpResponse:
    """Say that a service no longer exists, once its owner said so twice."""
    organization = _entered(request, organization_id)
    found = access.get_service(organization=organization, service_id=service_id)
    if request.method == "POST":
        try:
            operations.end_service(
                actor=request.actor, now=request.now, organization=organization, service=found
            )
        except UnableTo as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(
                request, f"{found.name} est fermé. « Rouvrir » le rend tel qu’il était."
            )
        return _to("offer:corner", organization.pk)
    consequences = [
        "La recherche ne le propose plus, et ses lits ne comptent plus.",
        "Rien n’est effacé : « Rouvrir » le rend avec ses horaires et ses lits.",
        "Pour des congés ou des travaux, annoncez plutôt une fermeture, avec son retour.",
    ]
    source = presenters.origin(found)
    if source:
        consequences.append(
            f"Il vient de « {source} » : faites-le fermer là aussi, sinon il rouvre au prochain"
            " import où il aura changé."
        )
    context = {
        "organization": organization,
        "title": "Fermer ce service pour de bon",
        "name": found.name,
        "consequences": consequences,
        "act": "Fermer le service",
        "back": reverse("offer:service", args=[organization.pk, found.pk]),
    }
    return render(request, "offer/confirm.html", context)


@doors.professional()
@require_POST
def resume_service(request: HttpRequest, organization_id: int, service_id: int) -> HttpResponse:
    """Take back that a service no longer exists."""
    organization = _entered(request, organization_id)
    found = access.get_service(organization=organization, service_id=service_id, closed=True)
    try:
        operations.resume_service(
            actor=request.actor, now=request.now, organization=organization, service=found
        )
    except UnableTo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{found.name} est rouvert, comme avant.")
    return _to("offer:corner", organization.pk)


@doors.professional()
@require_http_methods(["GET", "POST"])
def delete_service(request: HttpRequest, organization_id: int, service_id: int) -> HttpResponse:
    """Take away a service added here by mistake, once its owner said so twice."""
    organization = _entered(request, organization_id)
    found = access.get_service(organization=organization, service_id=service_id)
    if not queries.is_own(found):
        messages.error(request, "Ce service vient d’une source : il se ferme, sans s’effacer.")
        return _to("offer:service", organization.pk, found.pk)
    if request.method == "POST":
        try:
            operations.delete_service(
                actor=request.actor, now=request.now, organization=organization, service=found
            )
        except UnableTo as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, f"{found.name} est supprimé.")
        return _to("offer:corner", organization.pk)
    context = {
        "organization": organization,
        "title": "Supprimer ce service",
        "name": found.name,
        "consequences": [
            "À ne faire que s’il a été ajouté par erreur.",
            "Ses horaires, ses fermetures et ses lits disparaissent avec lui, sans retour.",
            "S’il a existé, fermez-le plutôt : il pourra rouvrir.",
        ],
        "act": "Supprimer le service",
        "back": reverse("offer:service", args=[organization.pk, found.pk]),
    }
    return render(request, "offer/confirm.html", context)


@doors.professional()
@require_http_methods(["GET", "POST"])
def service(request: HttpRequest, organization_id: int, service_id: int) -> HttpResponse:
    """Mend in place what a service says of itself."""
    organization = _entered(request, organization_id)
    found = access.get_service(organization=organization, service_id=service_id)
    form = forms.ServiceForm(
        request.POST if request.method == "POST" else None,
        initial=forms.ServiceForm.initial_of(found),
        kept=found,
        terms=queries.all_terms(*_TERMS),
    )
    if form.is_valid():
        try:
            operations.describe_service(
                actor=request.actor,
                now=request.now,
                organization=organization,
                service=found,
                seen_at=_moment(form.cleaned_data["seen_at"], found.updated_at),
                said=form.said,
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Service enregistré. La recherche le trouve déjà ainsi.")
            return _to("offer:corner", organization.pk)
    context = {
        "organization": organization,
        "service": found,
        "form": form,
        "missing": queries.said_of(found, organization).missing,
        "origin": presenters.origin(found),
        "own": queries.is_own(found),
    }
    return _page(request, "offer/service.html", context, form)


@doors.professional()
@require_http_methods(["GET", "POST"])
def hours(request: HttpRequest, organization_id: int, service_id: int) -> HttpResponse:
    """Write when a service opens."""
    organization = _entered(request, organization_id)
    found = access.get_service(organization=organization, service_id=service_id)
    form = forms.HoursForm(
        request.POST if request.method == "POST" else None, hours=found.hours.all()
    )
    if form.is_valid():
        try:
            operations.set_hours(
                actor=request.actor,
                now=request.now,
                organization=organization,
                service=found,
                hours=form.stretches,
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Horaires enregistrés.")
            return _to("offer:corner", organization.pk)
    context = {"organization": organization, "service": found, "form": form}
    return _page(request, "offer/hours.html", context, form)


@doors.professional()
@require_http_methods(["GET", "POST"])
def closures(request: HttpRequest, organization_id: int, service_id: int) -> HttpResponse:
    """Say when a service does not receive, or take it back."""
    organization = _entered(request, organization_id)
    found = access.get_service(organization=organization, service_id=service_id)
    acts = {"actor": request.actor, "now": request.now, "organization": organization}
    undone = request.POST.get("retirer", "")
    form = forms.ClosureForm(
        request.POST if request.method == "POST" and not undone else None,
        initial={"starts_on": timezone.localdate(request.now)},
    )
    try:
        if undone:
            operations.reopen_service(**acts, service=found, closure_id=_number(undone))
            messages.success(request, "Fermeture retirée.")
            return _to("offer:closures", organization.pk, found.pk)
        if form.is_valid():
            operations.close_service(**acts, service=found, **form.cleaned_data)
            messages.success(request, "Fermeture enregistrée. La recherche en tient compte.")
            return _to("offer:closures", organization.pk, found.pk)
    except UnableTo as refusal:
        if undone:
            messages.error(request, refusal.message)
            return _to("offer:closures", organization.pk, found.pk)
        _refuse(form, refusal)
    context = {
        "organization": organization,
        "service": found,
        "form": form,
        "closures": found.closures.order_by("starts_on", "pk")[: queries.MOST],
    }
    return _page(request, "offer/closures.html", context, form)


@doors.professional()
@require_http_methods(["GET", "POST"])
def staff(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Show the staff, and add somebody."""
    organization = _entered(request, organization_id)
    form = forms.StaffForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            added = operations.add_role(
                actor=request.actor,
                now=request.now,
                organization=organization,
                rpps=form.cleaned_data["rpps"],
            )
        except UnableTo as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, f"{added.practitioner} figure dans l’équipe.")
            return _to("offer:staff", organization.pk)
    context = {
        "organization": organization,
        "form": form,
        "staff": queries.staff(organization=organization, now=request.now),
    }
    return _page(request, "offer/staff.html", context, form)


@doors.professional()
@require_http_methods(["GET", "POST"])
def role(request: HttpRequest, organization_id: int, role_id: int) -> HttpResponse:
    """Write how to reach somebody of the staff, or that they left."""
    organization = _entered(request, organization_id)
    found = access.get_role(organization=organization, role_id=role_id)
    acts = {"actor": request.actor, "now": request.now, "organization": organization}
    leaves = "partie" in request.POST
    visits = {True: "oui", False: "non"}.get(found.home_visits, "")  # type: ignore[arg-type]
    form = forms.RoleForm(
        request.POST if request.method == "POST" and not leaves else None,
        initial={
            "phone": found.phone,
            "secure_email": found.secure_email,
            "home_visits": visits,
        },
    )
    refused = ""
    try:
        if leaves:
            operations.end_role(**acts, role=found)
            messages.success(request, f"{found.practitioner} ne figure plus dans l’équipe.")
            return _to("offer:staff", organization.pk)
        if form.is_valid():
            operations.change_role(**acts, role=found, **form.cleaned_data)
            messages.success(request, "Enregistré.")
            return _to("offer:staff", organization.pk)
    except UnableTo as refusal:
        refused = refusal.message
    context = {"organization": organization, "role": found, "form": form, "refused": refused}
    return _page(request, "offer/role.html", context, form, refused=bool(refused))


@doors.professional()
@require_http_methods(["GET", "POST"])
def keepers(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Say who keeps this page."""
    organization = _entered(request, organization_id)
    acts = {"actor": request.actor, "now": request.now, "organization": organization}
    refused = ""
    if request.method == "POST":
        try:
            if "retirer" in request.POST:
                operations.dismiss_keeper(**acts, keeper_id=_number(request.POST["retirer"]))
                messages.success(request, "Cette personne ne tient plus la page.")
            else:
                named = access.get_role(
                    organization=organization, role_id=_number(request.POST.get("role", ""))
                )
                operations.name_keeper(**acts, role=named)
                messages.success(request, f"{named.practitioner} tient cette page.")
            return _to("offer:keepers", organization.pk)
        except UnableTo as refusal:
            refused = refusal.message
        except access.NoSuchOffer:
            refused = "Choisissez quelqu’un de l’équipe."
    found = queries.keepers(organization=organization, now=request.now)
    named_already = {keeper.practitioner_role_id for keeper in found}
    context = {
        "organization": organization,
        "keepers": found,
        "staff": [
            each
            for each in queries.staff(organization=organization, now=request.now)
            if each.pk not in named_already
        ],
        "refused": refused,
    }
    return render(request, "offer/keepers.html", context, status=422 if refused else 200)


@doors.professional()
@require_safe
def territory(request: HttpRequest) -> HttpResponse:
    """Show how complete the offer is, by domain, commune and quarter, and what is left to mend."""
    known = queries.quarters()
    quarter = _quarter(request.GET.get("trimestre", ""), known)
    names = {each.code: each.name for each in directory.communes()}
    domain, commune = request.GET.get("domaine", ""), request.GET.get("commune", "")
    domain = domain if domain in Domain.values else ""
    commune = commune if commune in names else ""
    after = request.GET.get("apres", "")
    waiting = (
        queries.to_mend(quarter=quarter, domain=domain, commune=commune, after=_short(after))
        if quarter
        else []
    )
    context = {
        "quarters": [(each.isoformat(), filling.name_of_quarter(each)) for each in known],
        "quarter": quarter.isoformat() if quarter else "",
        "domains": [
            (part.label, str(Domain(part.label).label), part)
            for part in (queries.parts(quarter=quarter, by="domain") if quarter else [])
        ],
        "communes": [
            (part.label, names.get(part.label, "Commune non dite"), part)
            for part in (queries.parts(quarter=quarter, by="commune") if quarter else [])
        ],
        "history": [part for _, part in queries.history()],
        "waiting": [(row, presenters.tone(row.state)) for row in waiting[:25]],
        "following": short_id(waiting[24].organization_id) if len(waiting) > 25 else "",
        "domain": domain,
        "commune": commune,
        "commune_name": names.get(commune, ""),
        "domain_name": str(Domain(domain).label) if domain else "",
        "may_mend": queries.may_see_all(request.actor),
    }
    return render(request, "offer/territory.html", context)


def _entered(request: HttpRequest, organization_id: int) -> Any:
    return access.get_organization(
        actor=request.actor, organization_id=organization_id, now=request.now
    )


def _page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    form: Any,
    *,
    refused: bool = False,
) -> HttpResponse:
    wrong = refused or (form.is_bound and form.errors)
    return render(request, template, context, status=422 if wrong else 200)


def _to(name: str, *arguments: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(name, args=arguments))


def _refuse(form: Any, refusal: UnableTo) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)


def _number(said: str) -> int:
    return int(said) if said.isdecimal() and len(said) < 19 else 0


def _short(said: str) -> int:
    try:
        return from_short_id(said)
    except ValueError:
        return 0


def _moment(said: str, otherwise: datetime) -> datetime:
    """Read the moment of a hidden field; what is not one is a version nobody has seen."""
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        return datetime.min.replace(tzinfo=otherwise.tzinfo)


def _quarter(said: str, known: list[date]) -> date | None:
    return next((each for each in known if each.isoformat() == said), known[0] if known else None)
