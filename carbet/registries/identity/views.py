"""Pages of the identity cell: what waits, two identities side by side, decisions, one identity."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carbet.connectors import insi
from carbet.core import audit, doors
from carbet.core.identifiers import from_short_id, short_id
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import MANAGE_IDENTITIES
from carbet.registries.identity import access, forms, operations, presenters, queries, rules
from carbet.registries.identity.choices import UNDOABLE, PairKind, PairState
from carbet.registries.patients import queries as patients

_YEAR = timedelta(days=365)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_safe
def worklist(request: HttpRequest) -> HttpResponse:
    """Show what waits, the riskiest first; filtered by kind and by domain."""
    kind, domain_id = _filter(request)
    pairs = queries.waiting(kind=kind, domain_id=domain_id, after=_number(request, "apres"))
    more = len(pairs) > queries.PAGE
    pairs = pairs[: queries.PAGE]
    counts = queries.waiting_counts()
    context = {
        "lines": [presenters.line(pair) for pair in pairs],
        "kinds": [(value, label, counts.get(value, 0)) for value, label in PairKind.choices],
        "kind": kind,
        "total": sum(counts.values()),
        "domains": [(short_id(each.pk), each.name) for each in access.open_domains()[:200]],
        "domain": short_id(domain_id) if domain_id else "",
        "next": short_id(pairs[-1].pk) if more else "",
        "where": _where(kind, domain_id),
        "tab": "waiting",
    }
    _trace_list(request, "identity.worklist", pairs)
    return render(request, "identity/worklist.html", context)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_http_methods(["GET", "POST"])
def compare(request: HttpRequest, pair_id: int) -> HttpResponse:
    """Show two identities side by side, and decide."""
    pair = access.get_pair(actor=request.actor, pair_id=pair_id, now=request.now)
    held = _contents(pair)
    form = forms.DecisionForm(
        request.POST if request.method == "POST" else None,
        initial={"version": pair.version},
        entries=held.entries,
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            decided = operations.decide(
                actor=request.actor,
                now=request.now,
                pair_id=pair_id,
                version=data["version"],
                verdict=data["verdict"],
                reason=data["reason"],
                keep=data["keep"],
                carried=form.carried_rows(),
            )
        except UnableTo as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            return _after(request, decided)
    return render(
        request,
        "identity/compare.html",
        _compared(request, pair, form, held),
        status=422 if request.method == "POST" else 200,
    )


def _contents(pair: Any) -> queries.Contents:
    """Return what hangs on the records of a pair; what may go with the second of a collision."""
    patients_here = [each.patient_id for each in _sides(pair) if each.patient_id is not None]
    listed = pair.first.patient_id if pair.second is None else None
    return queries.contents(*patients_here, listed=listed)


def _sides(pair: Any) -> list[Any]:
    return [each for each in (pair.first, pair.second) if each is not None]


def _compared(request: HttpRequest, pair: Any, form: Any, held: queries.Contents) -> dict[str, Any]:
    """Return what the page of a pair shows."""
    first, second, actor_id = pair.first, pair.second, request.actor.account_id
    sides = _sides(pair)
    papers = queries.papers_of(*sides, decisions=True)
    other = second.traits if second is not None else rules.from_json(pair.told or {})
    contents = [
        presenters.content(held.counts[each.patient_id]) if each.patient_id else []
        for each in sides
    ]
    return {
        "pair": pair,
        "form": form,
        "first": first,
        "second": second,
        "rows": presenters.rows(
            first.traits, other, ins=(papers.current_ins(first), papers.current_ins(second))
        ),
        "reasons": presenters.reasons(pair.explanation),
        "likelihood": presenters.likelihood(pair.probability),
        "leans_to_same": (pair.probability or 0) >= 0.5,
        "contents": contents,
        "has_contents": any(contents),
        "proofs": papers.proofs,
        "history": presenters.history(sides, queries.versions_of(*sides), papers.decisions),
        "records": second is not None and first.patient_id and second.patient_id,
        "stays": presenters.stays(pair),
        "written": presenters.written(held.entries),
        "carries": pair.second is None and first.patient_id is not None,
        "waits": pair.state in (PairState.OPEN, PairState.PROPOSED),
        "proposed_by_me": pair.state == PairState.PROPOSED and pair.proposed_by_account == actor_id,
        "tone": presenters.TONES[PairKind(pair.kind)],
        "where": _where(*_filter(request)),
        "reopening": form if isinstance(form, forms.ReasonForm) else forms.ReasonForm(),
        "may_reopen": queries.may_reopen(pair),
    }


def _after(request: HttpRequest, pair: Any) -> HttpResponse:
    """Say what was decided, and go on with the next question."""
    if pair.state == PairState.PROPOSED:
        messages.success(
            request, "Fusion proposée. Un autre agent la confirme avant qu’un dossier bouge."
        )
    elif pair.state == PairState.SAME:
        undone = " La décision peut être annulée." if pair.reconciliation_id else ""
        messages.success(request, f"Décidé : même personne.{undone}")
    else:
        messages.success(request, "Décidé : personnes différentes. Aucune machine n’y reviendra.")
    kind, domain_id = _filter(request)
    where = _where(kind, domain_id)
    following = queries.next_waiting(
        after=pair.pk, account_id=request.actor.account_id, kind=kind, domain_id=domain_id
    )
    if following is None:
        return HttpResponseRedirect(reverse("identity:list") + where)
    return HttpResponseRedirect(reverse("identity:compare", args=[following.pk]) + where)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_POST
def reopen(request: HttpRequest, pair_id: int) -> HttpResponse:
    """Take back that two identities are two persons; the question waits again."""
    access.get_pair(actor=request.actor, pair_id=pair_id, now=request.now)
    form = forms.ReasonForm(request.POST)
    if form.is_valid():
        try:
            operations.reopen(
                actor=request.actor,
                now=request.now,
                pair_id=pair_id,
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "La question attend de nouveau une décision.")
            return HttpResponseRedirect(reverse("identity:compare", args=[pair_id]))
    pair = access.get_pair(actor=request.actor, pair_id=pair_id, now=request.now)
    context = _compared(request, pair, form, _contents(pair))
    return render(request, "identity/compare.html", context, status=422)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_safe
def decisions(request: HttpRequest) -> HttpResponse:
    """Show what was decided, by people and by machines, the latest first."""
    found = queries.decisions(after=_number(request, "apres"))
    more = len(found) > queries.PAGE
    found = found[: queries.PAGE]
    context = {
        "decisions": [(each, presenters.decided(each)) for each in found],
        "next": short_id(found[-1].pk) if more else "",
        "tab": "decisions",
    }
    _trace_list(request, "identity.decisions", found)
    return render(request, "identity/decisions.html", context)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_http_methods(["GET", "POST"])
def decision(request: HttpRequest, reconciliation_id: int) -> HttpResponse:
    """Show one decision and what it moved; undo it."""
    found = access.get_reconciliation(
        actor=request.actor, reconciliation_id=reconciliation_id, now=request.now
    )
    form = forms.ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            done = operations.undo(
                actor=request.actor,
                now=request.now,
                reconciliation_id=reconciliation_id,
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.add_message(
                request,
                messages.WARNING if done.stayed else messages.SUCCESS,
                "Décision annulée. " + presenters.gone_back(done.stayed),
            )
            return HttpResponseRedirect(request.path)
    undone = queries.undoing_of(found)
    context = {
        "decision": found,
        "form": form,
        "icon": presenters.decided(found),
        "moved": presenters.content(queries.moved_by(found)),
        "reasons": presenters.reasons(found.explanation),
        "likelihood": presenters.likelihood(found.probability),
        "undone": undone,
        "proposal": presenters.proposal(queries.question_of(found)),
        "went_back": presenters.gone_back(undone.stayed) if undone else "",
        "may_undo": found.kind in UNDOABLE,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "identity/decision.html", context, status=status)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_http_methods(["GET", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    """Find an identity by number, INS or name; what is typed never stands in an address."""
    form = forms.FindForm(request.POST if request.method == "POST" else None)
    text = form.cleaned_data["q"] if form.is_valid() else ""
    found = queries.found_by(actor=request.actor, text=text, now=request.now) if text else []
    context = {"form": form, "text": text, "found": found, "tab": "find"}
    status = 422 if request.method == "POST" and form.errors else 200
    return render(request, "identity/find.html", context, status=status)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_safe
def identity(request: HttpRequest, identity_id: int) -> HttpResponse:
    """Show one identity: traits, who it is one person with, INS, documents, versions, decisions."""
    return _identity_page(request, identity_id)


def _identity_page(
    request: HttpRequest, identity_id: int, *, refused: str = "", status: int = 200, **more: Any
) -> HttpResponse:
    found, *others = access.get_group(actor=request.actor, identity_id=identity_id, now=request.now)
    papers = queries.papers_of(found)
    standing, lifted = presenters.marks(found, papers.marks)
    context = {
        "identity": found,
        "rows": [row for row in presenters.rows(found.traits, rules.Traits()) if row.one],
        "group": others,
        "ins": papers.ins,
        "proofs": papers.proofs,
        "proof_form": forms.ProofForm(),
        "versions": presenters.versions(queries.versions_of(found)),
        "decisions": [
            (each, presenters.decided(each)) for each in queries.decisions(identity=found)[:10]
        ],
        "standing": standing,
        "lifted": lifted,
        "mark_form": forms.MarkForm(standing=found.attributes),
        "refused": refused,
    }
    return render(request, "identity/identity.html", context | more, status=status)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_POST
def verify(request: HttpRequest, identity_id: int) -> HttpResponse:
    """Ask INSi for the INS of an identity, or whether it still is right."""
    access.get_identity(actor=request.actor, identity_id=identity_id, now=request.now)
    act = {"actor": request.actor, "now": request.now, "identity_id": identity_id}
    try:
        if request.POST.get("geste") == "verifier":
            right = operations.verify_ins(**act)
            words = (
                "INSi confirme cet INS."
                if right
                else "INSi ne confirme pas cet INS : le statut baisse, l’INS ne circule plus."
            )
            messages.add_message(request, messages.SUCCESS if right else messages.WARNING, words)
        else:
            answer = operations.recover_ins(**act)
            _say_answer(request, answer)
    except UnableTo as refusal:
        return _identity_page(request, identity_id, refused=refusal.message, status=422)
    return _to_identity(identity_id)


def _say_answer(request: HttpRequest, answer: insi.Answer) -> None:
    if answer.report == insi.NOBODY:
        messages.warning(request, "INSi ne connaît personne sous ces traits.")
    elif answer.report == insi.SEVERAL:
        messages.warning(request, "INSi en connaît plusieurs : ajoutez prénoms ou lieu.")
    else:
        messages.info(
            request,
            "INSi a répondu. Les traits officiels sont repris s’ils sont de la même personne ;"
            " sinon l’identité est marquée douteuse.",
        )


@doors.professional(capability=MANAGE_IDENTITIES)
@require_POST
def prove(request: HttpRequest, identity_id: int) -> HttpResponse:
    """Keep that a document was seen."""
    access.get_identity(actor=request.actor, identity_id=identity_id, now=request.now)
    form = forms.ProofForm(request.POST)
    if form.is_valid():
        try:
            operations.prove_identity(
                actor=request.actor,
                now=request.now,
                identity_id=identity_id,
                **form.cleaned_data,
            )
        except UnableTo as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "Pièce enregistrée.")
            return _to_identity(identity_id)
    return _identity_page(request, identity_id, proof_form=form, status=422)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_POST
def mark(request: HttpRequest, identity_id: int) -> HttpResponse:
    """Set an attribute on an identity, or lift one."""
    access.get_identity(actor=request.actor, identity_id=identity_id, now=request.now)
    lifts = request.POST.get("geste") == "lever"
    form = forms.LiftForm(request.POST) if lifts else forms.MarkForm(request.POST)
    act = {"actor": request.actor, "now": request.now, "identity_id": identity_id}
    if form.is_valid():
        try:
            if lifts:
                operations.lift_mark(**act, **form.cleaned_data)
            else:
                operations.mark_identity(**act, **form.cleaned_data)
        except UnableTo as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "Enregistré. Les flux suivent ce statut dès maintenant.")
            return _to_identity(identity_id)
    if lifts:
        said = next(iter(form.errors.values()))[0]
        return _identity_page(request, identity_id, refused=str(said), status=422)
    return _identity_page(request, identity_id, mark_form=form, status=422)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_POST
def part(request: HttpRequest, identity_id: int) -> HttpResponse:
    """Say that another identity of the group is somebody else."""
    access.get_identity(actor=request.actor, identity_id=identity_id, now=request.now)
    form = forms.ReasonForm(request.POST)
    refused = "" if form.is_valid() else "Dites pourquoi : la raison est gardée."
    if not refused:
        try:
            operations.keep_apart(
                actor=request.actor,
                now=request.now,
                first_id=identity_id,
                second_id=_posted(request, "autre"),
                reason=form.cleaned_data["reason"],
            )
        except UnableTo as refusal:
            refused = refusal.message
    if refused:
        return _identity_page(request, identity_id, refused=refused, status=422)
    messages.success(request, "Séparées. Aucune machine ne les réunira.")
    return _to_identity(identity_id)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_safe
def statistics(request: HttpRequest) -> HttpResponse:
    """Show doubles, collisions, qualified identities and delays, today and in a month."""
    back = forms.months_back(request.GET.get("mois", ""))
    month = queries.month_of(request.now, back=back)
    figures = queries.figures()
    context = {
        "figures": figures,
        "statuses": queries.SAID,
        "months": [(rank, queries.month_of(request.now, back=rank)) for rank in range(13)],
        "back": back,
        "monthly": queries.by_month(
            first=month, last=month, domains=[each.domain for each in figures]
        ),
        "tab": "statistics",
    }
    return render(request, "identity/statistics.html", context)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_safe
def learning(request: HttpRequest) -> HttpResponse:
    """Show how far people and machines agree, which weights serve, and what they were measured."""
    switch = patients.last_switch()
    context = {
        "judged": queries.judged(since=request.now - _YEAR),
        "switch": switch,
        "measures": presenters.measured(
            queries.measures(), serving=switch.digest if switch else ""
        ),
        "tab": "learning",
    }
    return render(request, "identity/learning.html", context)


@doors.professional(capability=MANAGE_IDENTITIES)
@require_safe
def statistics_csv(request: HttpRequest) -> HttpResponse:
    """Give the figures of every domain, month by month, as a table that spreadsheets open."""
    last = queries.month_of(request.now)
    first = queries.month_of(request.now, back=forms.months_back(request.GET.get("mois", "12")))
    text = presenters.monthly_table(queries.by_month(first=first, last=last))
    name = f"identites-{first:%Y-%m}-{last:%Y-%m}.csv"
    audit.read(request.actor, "identity.export", now=request.now, patient_id=None, entity=name)
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="carbet-{name}"'
    return answer


@doors.professional()
@require_http_methods(["GET", "POST"])
def notices(request: HttpRequest) -> HttpResponse:
    """Show a structure what was decided about the identities of its domain."""
    if request.method == "POST":
        try:
            operations.see_notice(
                actor=request.actor, now=request.now, notice_id=_posted(request, "avis")
            )
        except UnableTo as refusal:
            messages.warning(request, refusal.message)
        return HttpResponseRedirect(reverse("identity:notices"))
    found = access.notices_of(request.actor).order_by("-pk")
    after = _number(request, "apres")
    if after is not None:
        found = found.filter(pk__lt=after)
    page = list(found[: queries.PAGE + 1])
    more = len(page) > queries.PAGE
    page = page[: queries.PAGE]
    for each in page:
        each.said = presenters.noticed(each)
    context = {"notices": page, "next": short_id(page[-1].pk) if more else ""}
    _trace_list(request, "identity.notices", page)
    return render(request, "identity/notices.html", context)


def _to_identity(identity_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("identity:identity", args=[identity_id]))


def _filter(request: HttpRequest) -> tuple[str, int | None]:
    """Return the kind and the domain to which the list is narrowed; a decision keeps them."""
    kind = request.GET.get("nature", "")
    return kind if kind in PairKind.values else "", _number(request, "domaine")


def _where(kind: str, domain_id: int | None) -> str:
    """Return the same as the end of an address."""
    said = {"nature": kind, "domaine": short_id(domain_id) if domain_id else ""}
    asked = urlencode({name: value for name, value in said.items() if value})
    return f"?{asked}" if asked else ""


def _trace_list(request: HttpRequest, operation: str, rows: list[Any]) -> None:
    """Trace that a list with names was read."""
    if rows:
        entity = f"{type(rows[0]).__name__} x{len(rows)}"
        audit.read(request.actor, operation, now=request.now, patient_id=None, entity=entity)


def _number(request: HttpRequest, name: str) -> int | None:
    try:
        return from_short_id(request.GET.get(name, ""))
    except ValueError:
        return None


def _posted(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
