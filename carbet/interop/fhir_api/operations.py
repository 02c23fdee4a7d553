"""What a system can do at the FHIR door: send a circle or notes, whole, in one transaction."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from carbet.coordination.care_teams import fhir as care_teams_fhir
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import CareTeam, RelatedPerson
from carbet.coordination.notebook import fhir as notebook_fhir
from carbet.coordination.notebook import operations as notebook
from carbet.coordination.notebook.models import Measure, Note
from carbet.core import fhir, names
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.fhir import Issue, Json, Refused, refuse
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.interop.fhir_api.models import TransactionReceipt
from carbet.interop.fhir_api.rules.transaction import ENTRIES, ORDER, Entry, Pointed, resolve
from carbet.registries.directory import fhir as directory_fhir
from carbet.registries.directory import operations as directory
from carbet.registries.directory.models import (
    Commune,
    Organization,
    Practitioner,
    PractitionerRole,
)
from carbet.registries.patients import fhir as patients_fhir
from carbet.registries.patients import operations as patients
from carbet.registries.patients import queries as known_persons
from carbet.registries.patients.models import Patient, PatientIdentifier
from carbet.registries.patients.rules import traits_in

_AUTHORS = ("PractitionerRole", "Practitioner", "Organization", "RelatedPerson", "Patient")
_ENTRY_STATUS = {True: "201 Created", False: "200 OK"}


@operation("fhir.transaction", action="E")
def transact(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    entries: list[Entry],
    base: str,
    identifier: Json | None = None,
    digest: str = "",
) -> Json:
    """Carry out every entry, or none; return the transaction-response.

    Args:
        base: the address of this door, to recognize references to it.
        identifier: the one its sender gave the transaction: sent again with the same `digest`, it
            is answered the same and not carried out again.

    Raises:
        Refused: 403, 404, 409, 412 or 422, with the exact place of what is wrong.
    """
    if identifier is not None and (done := _receipt(actor, identifier)) is not None:
        if done.digest != digest:
            raise refuse(
                409,
                "conflict",
                "Une autre transaction a déjà été reçue sous cet identifiant.",
                "Bundle.identifier",
            )
        trace.about(entity=done)
        answer: Json = done.answer
        return answer
    transaction = _Transaction(actor=actor, now=now, entries=entries, base=base)
    transaction.carry_out()
    patient = transaction.patient
    trace.about(
        patient_id=patient.pk if patient is not None else None,
        entity=entries[0].row if len(entries) == 1 else (transaction.care_team or "Bundle"),
    )
    answer = {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [transaction.answer(entry) for entry in entries],
    }
    if identifier is not None:
        TransactionReceipt.objects.create(
            client_id=actor.client_id,
            organization_id=actor.organization_id,
            identifier_system=identifier.get("system", ""),
            identifier_value=identifier.get("value", ""),
            digest=digest,
            answer=answer,
            recorded_at=now,
        )
    return answer


def _receipt(actor: Actor, identifier: Json) -> TransactionReceipt | None:
    """Return the receipt of a transaction carried out; whoever else sends it now waits for us."""
    system, value = identifier.get("system", ""), identifier.get("value", "")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))",
            [f"{actor.client_id} {system} {value}"],
        )
    return TransactionReceipt.objects.filter(
        client_id=actor.client_id, identifier_system=system, identifier_value=value
    ).first()


class _Transaction:
    """The entries of one transaction, being carried out."""

    def __init__(self, *, actor: Actor, now: datetime, entries: list[Entry], base: str) -> None:
        self.actor = actor
        self.now = now
        self.entries = entries
        self.base = base
        self.patient: Patient | None = None
        self.care_team: CareTeam | None = None
        self.reads: dict[Entry, Any] = {}
        # Who writes in the notebook may be unknown here: their name is kept with what they wrote.
        self.keeps_names = any(entry.type in ENTRIES for entry in entries)

    def carry_out(self) -> None:
        """Read every entry, refuse with all that is wrong, then write in order."""
        issues: list[Issue] = []
        for entry in self.entries:
            found = self._read(entry)
            self.reads[entry] = found
            if found is not None:
                issues += [each for each in found.issues if each.severity == "error"]
                entry.warnings = tuple(each for each in found.issues if each.severity == "warning")
        if issues:
            raise Refused(422, *issues[:20])
        for entry in sorted(
            self.entries,
            key=lambda entry: (ORDER.index(entry.type), "relatesTo" in entry.resource),
        ):
            try:
                self._writers[entry.type](self, entry)
            except UnableTo as refusal:
                raise _refused(refusal, entry, self.reads[entry]) from refusal

    def answer(self, entry: Entry) -> Json:
        """Return the entry of the answer: where the resource is now, and what was not kept."""
        if entry.row is None:
            return {"response": {"status": "200 OK", "outcome": fhir.outcome(entry.warnings)}}
        version = getattr(entry.row, "version", None)
        location = f"{entry.type}/{entry.row.pk}"
        if version is not None:
            location += f"/_history/{version}"
        said: Json = {"status": _ENTRY_STATUS[entry.created], "location": location}
        if version is not None:
            said["etag"] = f'W/"{version}"'
        said["lastModified"] = fhir.instant(entry.row.updated_at)
        if entry.warnings:
            said["outcome"] = fhir.outcome(entry.warnings)
        return {"response": said}

    def _read(self, entry: Entry) -> Any:
        if entry.type == "Patient":
            return patients_fhir.read(entry.resource, entry.at, now=self.now)
        if entry.type == "CareTeam":
            return care_teams_fhir.read_care_team(entry.resource, entry.at, now=self.now)
        if entry.type == "RelatedPerson":
            return care_teams_fhir.read_related_person(entry.resource, entry.at)
        if entry.type == "DocumentReference":
            return notebook_fhir.read_note(entry.resource, entry.at)
        if entry.type == "Observation":
            return notebook_fhir.read_measure(entry.resource, entry.at)
        if entry.method == "PUT":
            raise refuse(
                422, "not-supported", "L’annuaire ne se modifie pas par cette voie.", entry.at
            )
        return None

    # --- The directory: matched, never overwritten ---

    def _organization(self, entry: Entry) -> None:
        condition = directory_fhir.match_organizations(entry.identifiers)
        found = list(Organization.objects.filter(condition)[:2])
        if len(found) > 1:
            raise refuse(
                422,
                "multiple-matches",
                "Plusieurs structures portent ces identifiants.",
                f"{entry.at}.identifier",
            )
        if found:
            entry.row = found[0]
            return
        said = directory_fhir.read_organization(entry.resource, entry.at)
        errors = [issue for issue in said.issues if issue.severity == "error"]
        if errors:
            raise Refused(422, *errors)
        entry.warnings = tuple(said.issues)
        entry.row = directory.declare_organization(
            actor=self.actor, now=self.now, fields=said.fields
        )
        entry.created = True

    def _practitioner(self, entry: Entry) -> None:
        condition = directory_fhir.match_practitioners(entry.identifiers)
        entry.row = Practitioner.objects.filter(condition).first()
        if entry.row is None and not self._keeps_name(entry):
            raise refuse(
                422,
                "not-found",
                "Professionnel inconnu de l’annuaire (RPPS).",
                f"{entry.at}.identifier",
            )

    def _keeps_name(self, entry: Entry) -> bool:
        """Tell whether a professional unknown here may be no more than a name on a note."""
        if self.keeps_names:
            told = "Inconnu de l’annuaire : seul son nom est gardé, avec ce qu’il a écrit."
            entry.warnings = (Issue("not-found", told, entry.at, "warning"),)
        return self.keeps_names

    def _practitioner_role(self, entry: Entry) -> None:
        condition = Q(ended_at__isnull=True) | Q(ended_at__gt=self.now)
        for name, kind in (("practitioner", "Practitioner"), ("organization", "Organization")):
            where = f"{entry.at}.{name}"
            if name not in entry.resource:
                if self._keeps_name(entry):
                    return
                raise refuse(422, "required", f"Élément obligatoire absent : {name}.", where)
            row = self._known(entry.resource[name], where, (kind,))
            if row is None:
                if self._keeps_name(entry):
                    return
                raise refuse(422, "not-found", "Référence inconnue ici.", where)
            condition &= Q(**{f"{name}_id": row.pk})
        found = list(PractitionerRole.objects.filter(condition).order_by("pk"))
        said = {
            coding.get("code")
            for code in entry.resource.get("code", [])
            for coding in fhir.codings(code)
        }
        if len(found) > 1:
            found = [role for role in found if role.profession in said] or found
        if len(found) != 1 and self._keeps_name(entry):
            return
        if len(found) != 1:
            code = "multiple-matches" if found else "not-found"
            raise refuse(
                422, code, "Aucun rôle en cours de ce professionnel dans cette structure.", entry.at
            )
        entry.row = found[0]

    # --- The person ---

    def _person(self, entry: Entry) -> None:
        said = self.reads[entry]
        traits = said.traits
        if entry.method == "PUT":
            known = self._own(Patient, entry)
        else:
            known = self._known_person(said.keys)
        if known is None:
            self._refuse_double(entry, traits)
            code = fhir.insee_code(next(iter(entry.resource.get("address", [])), {}))
            if code and Commune.objects.filter(pk=code).exists():
                traits["commune_id"] = code
            entry.row = patients.register_patient(actor=self.actor, now=self.now, **traits)
            entry.created = True
        elif patients_fhir.same_person(known, traits):
            entry.row = known
            if entry.method == "PUT":
                self._update_person(entry, known, traits)
        else:
            raise refuse(
                409,
                "conflict",
                "Cet identifiant est connu ici sous d’autres traits stricts (nom de naissance,"
                " premier prénom, sexe, date de naissance) : à régler par l’identitovigilance.",
                f"{entry.at}.identifier",
            )
        self.patient = entry.row

    def _known_person(self, keys: list[tuple[str, str]]) -> Patient | None:
        for system, value in keys:
            held = PatientIdentifier.objects.filter(system=system, value=value)
            if found := held.select_related("patient").first():
                return found.patient
        return None

    def _refuse_double(self, entry: Entry, traits: dict[str, Any]) -> None:
        """Search before creating (RNIV): the same strict traits are not registered twice."""
        for each in known_persons.find_by_traits(
            actor=self.actor,
            family=traits["birth_family"],
            given=traits["birth_given"][0],
            birth_date=traits["birth_date"],
            now=self.now,
            further=traits_in(traits),
        ):
            same_names = each.certain or (
                names.strict_form(each.birth_family) == names.strict_form(traits["birth_family"])
                and names.strict_form(each.birth_given[0])
                == names.strict_form(traits["birth_given"][0])
            )
            # Who was born on another day is left to people: the desk compares the two.
            same_birth = (each.gender, each.birth_date) == (traits["gender"], traits["birth_date"])
            if same_names and same_birth:
                own = f" : référencez Patient/{each.patient_id}" if each.open_to_actor else ""
                raise refuse(
                    409,
                    "duplicate",
                    f"Une personne est déjà connue sous ces traits{own}.",
                    entry.at,
                )

    def _update_person(self, entry: Entry, known: Patient, traits: dict[str, Any]) -> None:
        changes = {
            name: traits[name]
            for name in (
                "used_family",
                "used_given",
                "phone",
                "address_line",
                "postal_code",
                "city",
            )
            if name in traits and getattr(known, name) != traits[name]
        }
        if changes or entry.if_match is not None:
            self._check_version(entry, known.version)
        if changes:
            entry.row = patients.update_patient(
                actor=self.actor,
                now=self.now,
                patient=known,
                version=known.version,
                changes=changes,
            )

    # --- Relatives and the circle ---

    def _relative(self, entry: Entry) -> None:
        said = self.reads[entry]
        patient = self._pointed(said.patient, f"{entry.at}.patient", ("Patient",))
        self._same_patient(patient, f"{entry.at}.patient")
        if entry.method == "PUT":
            raise refuse(
                422, "not-supported", "Un proche ne se modifie pas par cette voie.", entry.at
            )
        entry.row = RelatedPerson.objects.filter(
            patient=patient,
            identifier_system=said.fields["identifier_system"],
            identifier_value=said.fields["identifier_value"],
        ).first()
        if entry.row is None:
            entry.row = care_teams.receive_related_person(
                actor=self.actor, now=self.now, patient=patient, fields=said.fields
            )
            entry.created = True

    def _circle(self, entry: Entry) -> None:
        said = self.reads[entry]
        patient = self._pointed(said.subject, f"{entry.at}.subject", ("Patient",))
        self._same_patient(patient, f"{entry.at}.subject")
        fields = dict(said.fields)
        if said.managing_organization is not None:
            where = f"{entry.at}.managingOrganization[0]"
            row = self._pointed(said.managing_organization, where, ("Organization",))
            fields["managing_organization"] = row
        stays = [self._stay(stay, patient) for stay in said.stays]
        if entry.method == "PUT":
            known = self._own(CareTeam, entry)
            self._same_patient(known.patient, f"{entry.at}.subject")
            self._check_version(entry, known.version)
            entry.row = care_teams.revise_care_team(
                actor=self.actor,
                now=self.now,
                care_team=known,
                version=entry.if_match,
                fields=fields,
                stays=stays,
            )
        else:
            entry.row = care_teams.receive_care_team(
                actor=self.actor, now=self.now, patient=patient, fields=fields, stays=stays
            )
            entry.created = True
        self.care_team = entry.row

    def _stay(self, stay: care_teams_fhir.StayRead, patient: Patient) -> dict[str, Any]:
        where = f"{stay.at}.member"
        row = self._pointed(stay.member, where, care_teams_fhir.MEMBER_TYPES)
        if isinstance(row, RelatedPerson) and row.patient_id != patient.pk:
            raise refuse(422, "not-found", "Membre inconnu.", where)
        if isinstance(row, PractitionerRole) and row.ended_at is not None:
            raise refuse(
                422, "business-rule", "Ce professionnel n’exerce plus dans cette structure.", where
            )
        column = {
            PractitionerRole: "practitioner_role",
            Organization: "organization",
            RelatedPerson: "related_person",
        }[type(row)]
        return {
            column: row,
            "role": stay.role,
            "started_at": stay.started_at,
            "started_precision": stay.started_precision,
            "ended_at": stay.ended_at,
            "ended_precision": stay.ended_precision,
        }

    # --- The notebook ---

    def _note(self, entry: Entry) -> None:
        said = self.reads[entry]
        patient = self._subject(entry, said.subject)
        fields = dict(said.fields)
        replies_to = None
        if said.replies_to is not None:
            where = f"{entry.at}.relatesTo[0].target"
            replies_to = self._pointed(said.replies_to, where, ("DocumentReference",))
            if replies_to.patient_id != patient.pk:
                raise refuse(422, "not-found", "Référence inconnue ici.", where)
        if entry.method == "PUT":
            self._revise_note(entry, said, patient)
            return
        if said.is_withdrawn:
            raise refuse(422, "value", "Une nouvelle note est current.", f"{entry.at}.status")
        gesture = self._gesture("note", said.identifier)
        known = Note.objects.filter(gesture=gesture).exists()
        entry.row = notebook.write_note(
            actor=self.actor,
            now=self.now,
            patient=patient,
            gesture=gesture,
            replies_to=replies_to,
            identifier=said.identifier,
            author=self._author(entry, said.authors, "author"),
            **fields,
        )
        entry.created = not known

    def _revise_note(self, entry: Entry, said: notebook_fhir.NoteRead, patient: Patient) -> None:
        """Correct the text of a note, or withdraw it: nothing else of it changes."""
        known: Note = self._own(Note, entry)
        if known.patient_id != patient.pk:
            raise refuse(
                422, "business-rule", "Une note ne change pas de personne.", f"{entry.at}.subject"
            )
        self._check_version(entry, known.version)
        for name, place in (("kind", "type"), ("urgent", "extension")):
            if said.fields[name] != getattr(known, name):
                raise refuse(
                    422,
                    "business-rule",
                    "Seuls le texte et le statut d’une note se modifient.",
                    f"{entry.at}.{place}",
                )
        entry.row = known
        who = self.actor.organization_name or self.actor.display_name
        if said.is_withdrawn and known.withdrawn_at is None:
            entry.row = notebook.withdraw_note(
                actor=self.actor, now=self.now, note=known, reason=f"Retirée par {who}"[:200]
            )
        elif said.fields["text"] != known.text:
            entry.row = notebook.correct_note(
                actor=self.actor,
                now=self.now,
                note=known,
                text=said.fields["text"],
                reason=f"Corrigée par {who}"[:200],
                seen_at=known.corrected_at,
            )

    def _measure(self, entry: Entry) -> None:
        said = self.reads[entry]
        patient = self._subject(entry, said.subject)
        if entry.method == "PUT":
            known: Measure = self._own(Measure, entry)
            if known.patient_id != patient.pk or not said.is_withdrawn:
                raise refuse(
                    422,
                    "business-rule",
                    "Une mesure ne se corrige pas : retirez-la (entered-in-error), puis envoyez la"
                    " bonne.",
                    f"{entry.at}.status",
                )
            self._check_version(entry, known.version)
            entry.row = notebook.withdraw_measure(actor=self.actor, now=self.now, measure=known)
            return
        if said.is_withdrawn:
            raise refuse(422, "value", "Une nouvelle mesure est final.", f"{entry.at}.status")
        gesture = self._gesture("measure", said.identifier)
        known_before = Measure.objects.filter(gesture=uuid.uuid5(gesture, said.kind)).exists()
        try:
            [entry.row] = notebook.record_measures(
                actor=self.actor,
                now=self.now,
                patient=patient,
                values={said.kind: said.values},
                gesture=gesture,
                occurred_at=said.occurred_at,
                comment=said.comment,
                identifier=said.identifier,
                author=self._author(entry, said.performers, "performer"),
            )
        except notebook.UnableToRecordMeasure as refusal:
            if not refusal.errors:
                raise
            raise Refused(
                422,
                *(
                    Issue("value", sentence, said.values_at[rank])
                    for (_, rank), sentence in refusal.errors.items()
                ),
            ) from refusal
        entry.created = not known_before

    def _subject(self, entry: Entry, reference: Json) -> Patient:
        where = f"{entry.at}.subject"
        patient: Patient = self._pointed(reference, where, ("Patient",))
        self._same_patient(patient, where)
        return patient

    def _gesture(self, name: str, identifier: tuple[str, str]) -> uuid.UUID:
        """Return the key of a gesture: one structure, one identifier, one entry."""
        if not identifier[1]:
            return uuid.uuid4()
        told = f"{self.base} {name} {self.actor.organization_id} {' '.join(identifier)}"
        return uuid.uuid5(uuid.NAMESPACE_URL, told)

    def _author(self, entry: Entry, said: list[Json], name: str) -> dict[str, int | str | None]:
        """Return who wrote, as columns: a role of the structure that sends, or else a name.

        A software signs for its own structure only: whoever else it names stays a name.
        """
        own = self.actor.organization_id
        named = ""
        for number, reference in enumerate(said):
            where = f"{entry.at}.{name}[{number}]"
            row = self._known(reference, where, _AUTHORS)
            if isinstance(row, Practitioner):
                held = PractitionerRole.objects.filter(practitioner=row, organization_id=own)
                row = held.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=self.now)).first()
            if isinstance(row, PractitionerRole) and row.organization_id == own:
                who = row.practitioner
                return {"author_role_id": row.pk, "author_name": f"{who.given} {who.family}"}
            if isinstance(row, Organization) and row.pk == own:
                continue
            named = named or reference.get("display", "") or self._name(reference, row)
            if not named and number == len(said) - 1:
                raise refuse(422, "not-found", "Auteur inconnu, et sans nom (display).", where)
            entry.warnings += (
                Issue("not-supported", "Auteur gardé par son nom.", where, "warning"),
            )
        return {"author_name": f"{named}, {self.actor.organization_name}"[:200]} if named else {}

    def _name(self, reference: Json, row: Any) -> str:
        """Return the name of an author who has no role here."""
        if isinstance(row, Organization):
            return row.name
        if isinstance(row, PractitionerRole):
            row = row.practitioner
        if row is not None:
            return f"{getattr(row, 'given', '')} {getattr(row, 'family', '')}".strip()
        try:
            found = resolve(reference, self.entries, base=self.base, types=_AUTHORS).entry
        except ValueError:
            return ""
        told = next(iter(found.resource.get("name", [])), {}) if found is not None else {}
        if not isinstance(told, dict):
            return ""
        return " ".join([*told.get("given", []), told.get("family", "")]).strip()

    # --- References ---

    def _known(self, reference: Json, where: str, types: tuple[str, ...]) -> Any:
        """Return the row that a reference points to, or None when it is unknown here."""
        if not self.keeps_names:
            return self._pointed(reference, where, types)
        try:
            pointed = resolve(reference, self.entries, base=self.base, types=types)
        except ValueError:
            return None
        return pointed.entry.row if pointed.entry is not None else self._find(pointed)

    def _pointed(self, reference: Json, where: str, types: tuple[str, ...]) -> Any:
        """Return the row that a reference points to.

        Raises:
            Refused: 422, there is none, or none that this system may see.
        """
        try:
            pointed = resolve(reference, self.entries, base=self.base, types=types)
        except ValueError as error:
            raise refuse(422, "not-found", str(error), where) from error
        row = pointed.entry.row if pointed.entry is not None else self._find(pointed)
        if row is None:
            raise refuse(422, "not-found", "Référence inconnue ici.", where)
        if isinstance(row, Patient) and self.patient is None:
            self.patient = row
        return row

    def _find(self, pointed: Pointed) -> Any:
        model: Any = {
            "Patient": Patient,
            "RelatedPerson": RelatedPerson,
            "Organization": Organization,
            "Practitioner": Practitioner,
            "PractitionerRole": PractitionerRole,
            "DocumentReference": Note,
        }.get(pointed.type)
        if model is None:
            return None
        if pointed.identifier is None:
            rows = model.objects.filter(pk=pointed.number)
            # Nothing is written on a record that was merged into another.
            return (rows.filter(active=True) if model is Patient else rows).first()
        held = [pointed.identifier]
        system, value = held[0].get("system", ""), held[0].get("value", "")
        if model is Patient:
            return self._known_person([(system, value)])
        if model is Organization:
            condition = directory_fhir.match_organizations(held)
        elif model is Practitioner:
            condition = directory_fhir.match_practitioners(held)
        else:
            condition = Q(identifier_system=system, identifier_value=value) & ~Q(
                identifier_value=""
            )
        found = list(model.objects.filter(condition)[:2])
        return found[0] if len(found) == 1 else None

    def _own(self, model: Any, entry: Entry) -> Any:
        rows = model.objects.filter(pk=entry.number)
        # Row security shows to a lock only what may be written.
        found = rows.select_for_update().first()
        if found is None and rows.exists():
            raise refuse(403, "forbidden", "Votre structure peut lire, pas modifier.", entry.at)
        if found is None:
            raise refuse(404, "not-found", "Ressource inconnue, ou pas ouverte.", entry.at)
        return found

    def _same_patient(self, patient: Patient, where: str) -> None:
        if self.patient is not None and self.patient.pk != patient.pk:
            raise refuse(
                422, "business-rule", "Une transaction ne parle que d’une personne.", where
            )
        self.patient = patient

    def _check_version(self, entry: Entry, version: int) -> None:
        if entry.if_match is None:
            raise refuse(
                412, "conflict", "Dites la version que vous avez lue (If-Match).", entry.at
            )
        if entry.if_match != version:
            raise refuse(412, "conflict", "Modifié entre-temps : relisez la ressource.", entry.at)

    _writers: dict[str, Callable[["_Transaction", Entry], None]] = {
        "Organization": _organization,
        "Practitioner": _practitioner,
        "PractitionerRole": _practitioner_role,
        "Patient": _person,
        "RelatedPerson": _relative,
        "CareTeam": _circle,
        "DocumentReference": _note,
        "Observation": _measure,
    }


def _refused(refusal: UnableTo, entry: Entry, said: Any) -> Refused:
    """Return the FHIR refusal of what an operation refused, at its place."""
    if isinstance(refusal, UnableToAct):
        return refuse(403, "forbidden", refusal.message, entry.at)
    if isinstance(refusal, care_teams.UnableToOpenCareTeam):
        return refuse(409, "duplicate", refusal.message, f"{entry.at}.subject")
    if isinstance(refusal, notebook.GestureAlreadyUsed):
        place = f"{entry.at}.masterIdentifier"
        told = "Une autre note a déjà été reçue sous cet identifiant."
        return refuse(409, "duplicate", told, place)
    if entry.type in ENTRIES and refusal.field:
        spots = {
            "text": getattr(said, "text_at", entry.at),
            "files": f"{entry.at}.content",
            "occurred_at": f"{entry.at}."
            + ("date" if entry.type == "DocumentReference" else "effective[x]"),
        }
        return refuse(422, "value", refusal.message, spots.get(refusal.field, entry.at))
    places = {"ins": "identifier", "birth_date": "birthDate", "birth_given": "name"}
    if isinstance(refusal, patients.UnableToRegisterPatient):
        place = places.get(refusal.field or "", "identifier")
        status, code = (409, "duplicate") if place == "identifier" else (422, "value")
        return refuse(status, code, refusal.message, f"{entry.at}.{place}")
    return refuse(422, "business-rule", refusal.message, entry.at)
