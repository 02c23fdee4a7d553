"""What can be asked of persons: mine, by name however it is spelt, by traits before creating."""

import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.expressions import RawSQL

from carbet.core import audit, names
from carbet.core.actor import Actor
from carbet.registries.matching import rules as matching
from carbet.registries.matching.rules import Decision, Model, Prepared, Score, Traits, Zone
from carbet.registries.patients import rules
from carbet.registries.patients.access import (
    LISTED,
    find_entered,
    patients_open_to,
    proof_of_traits,
)
from carbet.registries.patients.choices import INS_SYSTEMS
from carbet.registries.patients.models import (
    MatchingModel,
    MatchingSwitch,
    Patient,
    PatientIdentifier,
)

SEARCH_LIMIT = 50
PAGE = 25
# Writings scored for one question, more in a base of several millions: those that share most keys.
CANDIDATES = 200
# Persons shown to whoever searches before creating, and how likely the guessed ones must be.
KNOWN_LIMIT = 10
LIKELY = 0.5
# A base that fills up is judged as if it already held this many identities.
SMALLEST_BASE = 100_000
# Two persons this close (a factor of a thousand) are told apart by people.
RIVAL_GAP = 10.0
# The actor's persons in the order of their names: next to whom, backwards or not, how many.
MINE = "SELECT patient_id FROM patients_mine(%s, %s, %s)"
_NAME = ("used_given", "birth_given", "used_family", "birth_family")


@dataclass(frozen=True)
class KnownPerson:
    """A person known to Carbet, as shown to whoever gave their exact traits: no more than those."""

    patient_id: int
    birth_family: str
    birth_given: list[str]
    used_family: str
    gender: str
    birth_date: date
    birth_place_name: str
    city: str
    open_to_actor: bool
    proof: str = ""
    """That the actor gave the exact traits, where the record is closed to them."""
    alike: tuple[str, ...] = ()
    """What agrees with what the actor gave, in words."""
    unlike: tuple[str, ...] = ()
    """What differs from it, in words."""
    certain: bool = False
    """A machine would link what the actor gave to this person."""
    attributes: tuple[str, ...] = ()
    """Homonyms and doubles that are known of (RNIV): HOMA, HOMD, DPOT, DOUA."""

    @property
    def has_homonym(self) -> bool:
        """Tell whether somebody else is known to bear the same traits."""
        return bool({"HOMA", "HOMD"} & set(self.attributes))

    @property
    def has_double(self) -> bool:
        """Tell whether another record may be the same person's."""
        return bool({"DPOT", "DOUA"} & set(self.attributes))

    @property
    def name(self) -> str:
        """How the person is named on screen."""
        return f"{self.birth_given[0]} {self.used_family or self.birth_family}"

    @property
    def born_name(self) -> str:
        """The birth name, when the person uses another."""
        return self.birth_family if self.used_family not in ("", self.birth_family) else ""


@dataclass(frozen=True)
class PersonsPage:
    """One page of persons, and the persons next to whom the former and the next page begin."""

    persons: list[Patient]
    previous: int | None
    next: int | None


@dataclass(frozen=True)
class IdentityVersion:
    """One version of an identity: when, by whom, and what it changed of the one before."""

    number: int
    recorded_at: datetime
    author: str
    changes: list[tuple[str, str, str]]


def my_patients(
    *, actor: Actor, now: datetime, after: int | None = None, before: int | None = None
) -> PersonsPage:
    """Return a page of at most 25 of the actor's persons, in the order of their names.

    Args:
        after, before: the person next to whom the page begins, by row number; one at most.
    """
    with connection.cursor() as cursor:
        cursor.execute(MINE, [before or after, before is not None, PAGE + 1])
        found = [row[0] for row in cursor.fetchall()]
    more = len(found) > PAGE
    found = found[:PAGE]
    if before is not None:
        found.reverse()
    by_number = find_entered(actor=actor, patient_ids=found, now=now, columns=LISTED)
    persons = [by_number[pk] for pk in found if pk in by_number]
    audit.read(actor, "patient.list", now=now, patient_id=None, entity=f"Patient x{len(persons)}")
    has_previous = after is not None if before is None else more
    has_next = before is not None or more
    return PersonsPage(
        persons=persons,
        previous=persons[0].pk if persons and has_previous else None,
        next=persons[-1].pk if persons and has_next else None,
    )


def search_patients(*, actor: Actor, text: str, now: datetime) -> list[Patient]:
    """Return at most 50 of the actor's persons whose names, date or INS match, closest first.

    Tolerates accents, order, and one wrong letter a word.
    """
    groups = names.query_keys(text)
    if not groups:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT patient_id FROM patients_search(%s, %s)", [json.dumps(groups[:8]), 200]
        )
        found = [row[0] for row in cursor.fetchall()]
    persons = find_entered(actor=actor, patient_ids=found, now=now, columns=LISTED)
    audit.read(actor, "patient.search", now=now, patient_id=None, entity=f"Patient x{len(persons)}")
    ranked = sorted(
        (persons[pk] for pk in found if pk in persons),
        key=lambda person: -rules.closeness(text, full_name(person)),
    )
    return ranked[:SEARCH_LIMIT]


def name_columns(prefix: str = "patient__") -> tuple[str, ...]:
    """Return the columns from which `name_in` tells how a person is named."""
    return tuple(f"{prefix}{column}" for column in _NAME)


def name_in(row: dict[str, Any], prefix: str = "patient__") -> str:
    """Return how the person of a plain row is named on screen; nothing where they are not seen."""
    used_given, birth_given, used_family, birth_family = (row[f"{prefix}{name}"] for name in _NAME)
    if not birth_given:
        return ""
    return f"{used_given or birth_given[0]} {used_family or birth_family}"


def full_name(patient: Patient) -> str:
    """Return every name of the person, for comparison."""
    return " ".join((patient.birth_family, patient.used_family, *patient.birth_given))


def find_by_traits(
    *,
    actor: Actor,
    family: str,
    given: str,
    birth_date: date,
    now: datetime,
    precision: str = "day",
    further: Traits | None = None,
) -> list[KnownPerson]:
    """Return at most ten persons known under these traits, in the whole territory, closest first.

    The search before any creation (RNIV 2.0). Whoever bears these names, however spelt, on this
    very date; then whoever is rather the one described than another, by mistaken traits too:
    `LIKELY` bounds what a guess discloses. Each says in words what agrees and what differs.

    Args:
        precision: of the date: "day", "month" or "year".
        further: everything that is known of the person, for a finer comparison.
    """
    groups = names.query_keys(f"{family} {given}")[:8]
    exact: list[tuple[Any, ...]] = []
    if len(groups) >= 2:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT patient_id, birth_family, birth_given, used_family, gender, birth_date,"
                " birth_place_name, city FROM patients_search_traits(%s, %s)",
                [json.dumps(groups), birth_date],
            )
            exact = [row[:8] for row in cursor.fetchall()]
    asked = further or Traits(
        birth_family=family,
        birth_given=(given,),
        birth_date=birth_date,
        birth_date_precision=precision,
    )
    guessed = [each for each in find_candidates(asked, limit=KNOWN_LIMIT) if each.is_likely]
    return _known(actor, asked, exact, guessed, now=now)


def _known(
    actor: Actor,
    asked: Traits,
    exact: list[tuple[Any, ...]],
    guessed: list["Candidate"],
    *,
    now: datetime,
) -> list[KnownPerson]:
    """Return the persons found as they are shown, each once; each is traced."""
    by_number = {each.patient_id: each for each in guessed}
    rows = {each.patient_id: each.described for each in guessed}
    rows |= {row[0]: row for row in exact}
    chosen = list(rows)[:KNOWN_LIMIT]
    mine = set(patients_open_to(actor, now=now).filter(pk__in=chosen).values_list("pk", flat=True))
    given_exactly = {row[0] for row in exact}
    told = _alike_known(chosen)
    known = []
    for number in chosen:
        audit.read(actor, "patient.find", now=now, patient_id=number, entity="Patient")
        row, candidate = rows[number], by_number.get(number)
        score = (
            candidate.score
            if candidate
            else matching.explain(asked, _described_traits(row), model=model_in_use())
        )
        # Of a closed record, no more than its strict traits: a telephone tried is not confirmed.
        alike, unlike = matching.said(score, only=None if number in mine else matching.STRICT)
        proven = number in given_exactly or (candidate is not None and candidate.is_certain)
        known.append(
            KnownPerson(
                *row,
                open_to_actor=number in mine,
                proof=proof_of_traits(actor=actor, patient_id=number)
                if proven and number not in mine
                else "",
                alike=alike,
                unlike=unlike,
                certain=candidate is not None and candidate.is_certain,
                attributes=told.get(number, ()),
            )
        )
    return known


def _alike_known(patients: list[int]) -> dict[int, tuple[str, ...]]:
    """Return the homonyms and doubles that the identity cell knows of, by person."""
    if not patients:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM patients_alike_known(%s)", [patients])
        return {person: tuple(attributes) for person, attributes in cursor.fetchall()}


def _described_traits(row: tuple[Any, ...]) -> Traits:
    return Traits(
        birth_family=row[1],
        birth_given=tuple(row[2]),
        used_family=row[3],
        gender=row[4],
        birth_date=row[5],
    )


@dataclass(frozen=True)
class Candidate:
    """A person who may be the one described, and why: `source` is whose writing was closest."""

    patient_id: int
    score: Score
    decision: Decision
    source: int = 0
    described: tuple[Any, ...] = ()
    """The columns of a `KnownPerson` that a search before any creation shows."""

    @property
    def is_likely(self) -> bool:
        """Tell whether it is rather this person than another."""
        return self.score.probability >= LIKELY

    @property
    def is_certain(self) -> bool:
        """Tell whether a machine may link them by itself."""
        return self.decision.zone is Zone.AUTOMATIC


def candidates(traits: Traits, limit: int = 10) -> list[tuple[int, Score]]:
    """Return the persons who may be the one described, best first, with their scores.

    The whole territory is looked at, whoever acts: nothing of it may be shown before the caller's
    own rules of disclosure. At most `CANDIDATES` writings are scored, those that share most keys,
    none that shares eight times fewer than another.
    """
    return [(each.patient_id, each.score) for each in find_candidates(traits, limit=limit)]


def find_candidates(traits: Traits, *, limit: int = 10) -> list[Candidate]:
    """Return the persons who may be the one described, best first, with what follows.

    A candidate is linked by itself only when no other person comes near it: one more reason to
    doubt (`rival`) is added where two do.
    """
    asked = matching.prepare(traits)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT patient_id, source, packed, base, birth_family, birth_given, used_family,"  # noqa: S608 - our own text
            f" gender, birth_date, birth_place_name, city, ({DIGEST_IN_USE})"
            " FROM patients_candidates(%s, %s)",
            [matching.search_keys(asked), CANDIDATES],
        )
        rows = cursor.fetchall()
    model = model_of(rows[0][11] if rows else "")
    base = max([SMALLEST_BASE, *(row[3] for row in rows[:1])])
    prior = model.prior_for(base)
    best: dict[int, tuple[float, int, Prepared]] = {}
    described = {row[0]: (row[0], *row[4:11]) for row in rows}
    for patient_id, source, packed, *_ in rows:
        written = matching.unpack(packed)
        weight = matching.weigh(model, asked, written, prior, least=model.doubtful)
        if weight > model.doubtful and (patient_id not in best or weight > best[patient_id][0]):
            best[patient_id] = (weight, source, written)
    ranked = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))[:limit]
    found = []
    for patient_id, (_, source, written) in ranked:
        score = matching.explain(asked, written, base_size=base, model=model)
        decision = matching.decide(score, model=model)
        found.append(Candidate(patient_id, score, decision, source, described[patient_id]))
    return _with_rivals(found)


# The weights in service, asked in the same statement as whoever they compare.
DIGEST_IN_USE = "SELECT digest FROM patients_matchingswitch ORDER BY id DESC LIMIT 1"


def model_in_use() -> Model:
    """Return the weights in service: those of the last switch, the shipped ones before any."""
    return model_of(digest_in_use())


def digest_in_use() -> str:
    """Return what the weights in service are called; nothing for the shipped ones."""
    last = MatchingSwitch.objects.order_by("-pk").values_list("digest", flat=True).first()
    return last or ""


@lru_cache(maxsize=4)
def model_of(digest: str | None) -> Model:
    """Return the weights of this digest, read once by each process: they never change."""
    if not digest:
        return matching.load()
    return matching.parse(MatchingModel.objects.get(digest=digest).raw)


def former_switch(*, but: str) -> MatchingSwitch | None:
    """Return the last switch to other weights than these, if any."""
    return MatchingSwitch.objects.exclude(digest=but).order_by("-pk").first()


def last_switch() -> MatchingSwitch | None:
    """Return the switch that counts, if any."""
    return MatchingSwitch.objects.order_by("-pk").first()


def learnt_models() -> list[MatchingModel]:
    """Return the last ten sets of weights that were learnt, without the weights."""
    return list(MatchingModel.objects.defer("raw").order_by("-pk")[:10])


def _with_rivals(found: list[Candidate]) -> list[Candidate]:
    """Return the candidates, none certain where another comes within `RIVAL_GAP` of the best."""
    if len(found) < 2 or found[0].score.weight - found[1].score.weight > RIVAL_GAP:
        return found
    return [
        replace(each, decision=Decision(Zone.DOUBTFUL, (*each.decision.reasons, "rival")))
        if each.decision.zone is Zone.AUTOMATIC
        else each
        for each in found
    ]


def identifiers_of(*, patient_id: int) -> list[PatientIdentifier]:
    """Return the person's identifiers, the INS first."""
    held = PatientIdentifier.objects.filter(patient_id=patient_id).order_by("type_code", "pk")
    return sorted(held, key=lambda identifier: identifier.system not in INS_SYSTEMS)


def ins_that_leaves(*, patient: Patient) -> PatientIdentifier | None:
    """Return the INS that a document may carry: of a qualified identity only (RNIV 2.0)."""
    if not rules.ins_may_leave(patient.identity_status, patient.identity_attributes):
        return None
    return next((held for held in identifiers_of(patient_id=patient.pk) if held.is_ins), None)


def versions(*, patient_id: int) -> list[IdentityVersion]:
    """Return the versions of the identity, the latest first, with their authors and changes."""
    event = Patient.pgh_event_model  # type: ignore[attr-defined]
    rows = list(
        event.objects.filter(pgh_obj_id=patient_id)
        .annotate(commune_name=F("commune__name"))
        .order_by("pgh_id")
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT context, agent_name FROM patients_version_authors(%s)", [patient_id])
        authors = dict(cursor.fetchall())
    found = [
        IdentityVersion(
            number=row.version,
            recorded_at=row.updated_at,
            author=authors.get(row.pgh_context_id, ""),
            changes=_changes(before, row) if before else [],
        )
        for before, row in zip([None, *rows], rows, strict=False)
    ]
    return found[::-1]


_LABELS = {
    "birth_family": "Nom de naissance",
    "birth_given": "Prénoms de naissance",
    "used_family": "Nom utilisé",
    "used_given": "Prénom utilisé",
    "gender": "Sexe",
    "birth_date": "Date de naissance",
    "birth_date_precision": "Précision de la date",
    "birth_place_name": "Lieu de naissance",
    "birth_place_code": "Code du lieu de naissance",
    "ins_recovered": "INS récupéré",
    "identity_checked": "Identité vérifiée sur pièce",
    "address_line": "Adresse",
    "postal_code": "Code postal",
    "city": "Commune",
    "access_note": "Accès au domicile",
    "phone": "Téléphone",
    "language": "Langue parlée",
    "needs_interpreter": "Interprète nécessaire",
    "deceased_on": "Date de décès",
}


def _changes(before: Patient, after: Patient) -> list[tuple[str, str, str]]:
    """Return (label, former value, new value) of each trait that differs."""
    return [
        (label, _said(before, name), _said(after, name))
        for name, label in _LABELS.items()
        if getattr(before, name) != getattr(after, name)
    ]


def _said(version: Patient, name: str) -> str:
    value = getattr(version, name)
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    if name in ("gender", "language", "birth_date_precision"):
        choices = dict(Patient._meta.get_field(name).choices or [])
        return str(choices.get(value, value))
    return str(value or "")


def find_by_ins(*, system: str, value: str) -> QuerySet[PatientIdentifier]:
    """Return the identifiers that the actor may see with this INS."""
    return PatientIdentifier.objects.filter(system=system, value=value)


# Written by hand: the ORM took longer to write it than PostgreSQL to run it.
_IDENTIFIED = (
    "SELECT i.patient_id FROM patients_patientidentifier i WHERE i.system = %s AND i.value = %s"
)
_QUALIFIED = (
    " AND EXISTS (SELECT 1 FROM patients_patient q WHERE q.id = i.patient_id AND q.ins_recovered"
    " AND q.identity_checked AND NOT q.identity_attributes && %s::varchar[])"
)


def identified(*, system: str, value: str) -> RawSQL:
    """Return the ids of the persons whom the actor may find from outside by this identifier.

    An INS finds only a qualified identity: what may not be told may not be confirmed either.
    """
    if system in INS_SYSTEMS:
        forbidding = sorted(rules.FORBIDDING_ATTRIBUTES)
        return RawSQL(_IDENTIFIED + _QUALIFIED, [system, value, forbidding])  # noqa: S611 - constant text, values apart
    return RawSQL(_IDENTIFIED, [system, value])  # noqa: S611 - the same


def born_on(days: list[str]) -> list[int]:
    """Return at most 200 of the actor's persons born on one of these days (ISO dates)."""
    groups = [keys for day in days for keys in names.query_keys(day)]
    found: list[int] = []
    with connection.cursor() as cursor:
        for keys in groups:
            cursor.execute(
                "SELECT patient_id FROM patients_search(%s, %s)", [json.dumps([keys]), 200]
            )
            found += [row[0] for row in cursor.fetchall()]
    return found
