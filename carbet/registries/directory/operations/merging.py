"""Put in place what was read aside: type after type, by sets, in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import orjson
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction

from carbet.registries.directory.choices import RPPS_SYSTEM, LineOutcome, Source
from carbet.registries.directory.models import (
    Endpoint,
    HealthcareService,
    ImportRun,
    Location,
    Organization,
    Practitioner,
    PractitionerRole,
)
from carbet.registries.directory.rules.nomenclature import PROFESSIONS

# What becomes of a wrong RPPS that was let in all the same: it opens nothing.
_INVENTED = "Numéro RPPS à la clé fausse : gardé à part, il n’ouvre rien."
# Of each outcome of each type, what the report tells line by line; the counts are exact.
MOST_LINES = 5000
# New rows are written by so many, whose triggers and checks are done before the next.
WRITTEN_AT_ONCE = 50_000
_BLOCK = 8192
# A whole copy that no longer says more than this share of what we know looks cut short.
MOST_MISSING = 0.1
FEW_MISSING = 20
_FILES = (Source.FINESS, Source.STRUCTURES)
# The type of staged rows that only say which mailbox is on the red list.
RED_LIST = "RedList"


@dataclass(frozen=True)
class Kind:
    """How rows of one type find ours: links to other types, and conditions on what identifies."""

    model: type[models.Model]
    # Column: (type it points to, whether a row without it makes no sense).
    references: dict[str, tuple[str, bool]] = field(default_factory=dict)
    # Conditions between a row `t` of ours and the columns `m.fields` that were read.
    same: tuple[str, ...] = ()
    # Of rows just read: what two of them may not share.
    key: str = ""
    owner: str = ""
    is_open: str = "t.active"

    @property
    def table(self) -> str:
        return self.model._meta.db_table


_NUMBERED = (
    "t.identifier_value <> '' AND t.identifier_system = m.fields->>'identifier_system'"
    " AND t.identifier_value = m.fields->>'identifier_value'"
)
_NUMBER = "NULLIF(concat(m.fields->>'identifier_system', m.fields->>'identifier_value'), '')"
KINDS: dict[str, Kind] = {
    "Organization": Kind(
        Organization,
        {"part_of_id": ("Organization", False)},
        (
            "t.finess <> '' AND t.finess = m.fields->>'finess' AND t.kind = m.fields->>'kind'",
            _NUMBERED,
        ),
        f"COALESCE('F' || (m.fields->>'finess') || (m.fields->>'kind'), {_NUMBER})",
        "organization_id",
    ),
    "Practitioner": Kind(
        Practitioner,
        {},
        ("t.rpps = m.fields->>'rpps'", _NUMBERED),
        f"COALESCE('R' || (m.fields->>'rpps'), {_NUMBER})",
        "practitioner_id",
    ),
    "Location": Kind(Location, {"organization_id": ("Organization", False)}),
    "HealthcareService": Kind(
        HealthcareService,
        {"organization_id": ("Organization", True), "location_id": ("Location", False)},
        owner="service_id",
    ),
    "PractitionerRole": Kind(
        PractitionerRole,
        {
            "practitioner_id": ("Practitioner", True),
            "organization_id": ("Organization", False),
            "healthcare_service_id": ("HealthcareService", False),
        },
        (
            _NUMBERED,
            "t.identifier_value = '' AND t.source = ''"
            " AND t.practitioner_id = (m.fields->>'practitioner_id')::bigint"
            " AND t.organization_id = (m.fields->>'organization_id')::bigint"
            " AND t.profession = m.fields->>'profession'",
        ),
        _NUMBER,
        "role_id",
        "t.ended_at IS NULL",
    ),
    "Endpoint": Kind(Endpoint, {"organization_id": ("Organization", False)}),
}


@dataclass
class Done:
    """What a merge did: counts, the lines to tell, or why it was refused."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    closed: int = 0
    rejected: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    refusal: str = ""
    # What the report must say besides.
    warning: str = ""


class _Undo(Exception):
    """Leaves nothing of a dry run, or of one that is refused."""


def merge(*, run: ImportRun, kinds: Sequence[str], now: datetime, force: bool) -> Done:
    """Merge what was read aside for this run; undo everything when it is a dry run."""
    done = Done()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            # Killed, this process leaves no long statement behind: the next one may begin.
            cursor.execute("SET LOCAL client_connection_check_interval = '5s'")
            # Else the checks of every row wait in memory until the end.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            _take_up_waiting(cursor, run)
            _learn_red_list(cursor, run)
            for name, kind in KINDS.items():
                _Merge(cursor, run, name, kind, now, done).act()
            _hide_red_list(cursor, now)
            if run.whole:
                for name in kinds:
                    _close_missing(cursor, run, name, now, done, force=force)
            if run.dry_run or done.refusal:
                raise _Undo
    except _Undo:
        pass
    return done


def _take_up_waiting(cursor: Any, run: ImportRun) -> None:
    """Try again what an earlier import could not link yet."""
    cursor.execute(
        "UPDATE directory_stagedrow SET run_id = %s WHERE run_id IN"
        " (SELECT -id FROM directory_importrun WHERE source = %s)",
        [run.pk, run.source],
    )


class _Merge:
    """The merge of one type."""

    def __init__(
        self, cursor: Any, run: ImportRun, name: str, kind: Kind, now: datetime, done: Done
    ) -> None:
        self.cursor, self.run, self.name, self.kind = cursor, run, name, kind
        self.now, self.done = now, done
        self.new = 0
        self.values = {"run": run.pk, "source": run.source, "kind": name, "now": now}

    def sql(self, statement: str, **values: Any) -> int:
        self.cursor.execute(statement, self.values | values)
        return int(self.cursor.rowcount)

    def act(self) -> None:
        if not self._gather():
            self.sql("DROP TABLE merging")
            return
        self._refer()
        if self.name == "PractitionerRole":
            self._complete_roles()
        if self.name == "HealthcareService":
            self._name_services()
        self._find_ours()
        self._refuse_doubles()
        self._number()
        self._write()
        self._plan_anew(self.kind.table)
        self._attach()
        self._remember()
        self._plan_anew("directory_sourcerecord")
        self._tell()
        self.sql("DROP TABLE merging")

    def _gather(self) -> bool:
        """Take what was read, once each: the last said, or for a file the first line."""
        is_file = self.run.source in _FILES
        order = "id" if is_file else "id DESC"
        if is_file:
            self._reject_repeated_lines()
        self.sql(
            "CREATE TEMP TABLE merging ON COMMIT DROP AS SELECT s.*, r.target_id,"
            " (r.digest = s.digest AND NOT r.closed) IS TRUE AS same, false AS is_new,"
            " NULL::boolean AS was_open, NULL::boolean AS now_open, NULL::text AS problem,"
            " false AS waits, NULL::text AS double_of, r.said AS said_before,"
            " r.closed IS TRUE AS was_closed"
            " FROM (SELECT DISTINCT ON (source_id) id, source_id, page, line, label, digest,"
            ' said_at, fields, "references" AS links, kept, attached'
            " FROM directory_stagedrow WHERE run_id = %(run)s AND kind = %(kind)s"
            f" ORDER BY source_id, {order}) s LEFT JOIN directory_sourcerecord r"
            " ON r.source = %(source)s AND r.kind = %(kind)s AND r.source_id = s.source_id"
        )
        self.done.unchanged += self.sql("DELETE FROM merging WHERE same")
        self.sql("CREATE INDEX ON merging (source_id)")
        self.sql("ANALYZE merging")
        self.sql("SELECT 1 FROM merging LIMIT 1")
        return self.cursor.fetchone() is not None

    def _reject_repeated_lines(self) -> None:
        self.cursor.execute(
            "SELECT source_id, label, line, first FROM (SELECT source_id, label, line, id,"
            " first_value(line) OVER w AS first, row_number() OVER w AS rank"
            " FROM directory_stagedrow WHERE run_id = %(run)s AND kind = %(kind)s"
            " WINDOW w AS (PARTITION BY source_id ORDER BY id)) repeated WHERE rank > 1"
            f" ORDER BY id LIMIT {MOST_LINES}",
            self.values,
        )
        for source_id, label, line, first in self.cursor.fetchall():
            self.done.rejected += 1
            self._line(
                LineOutcome.REJECTED, source_id, label, line=line,
                reason=f"Numéro en double : {source_id} est déjà à la ligne {first}.",
            )  # fmt: skip

    def _line(
        self,
        outcome: LineOutcome,
        source_id: str,
        label: str,
        *,
        line: int | None = None,
        page: int | None = None,
        reason: str = "",
        target_id: int | None = None,
    ) -> None:
        self.done.lines.append(
            {
                "outcome": outcome,
                "kind": self.name,
                "source_id": source_id,
                "label": label,
                "line": line,
                "page": page,
                "reason": reason,
                "target_id": target_id,
            }
        )

    def _refer(self) -> None:
        """Turn the source's numbers of other rows into ours."""
        for column, (target, mandatory) in self.kind.references.items():
            if target == self.name:
                continue  # A type that points to itself is linked once it has its numbers.
            self.sql(
                "UPDATE merging m SET fields = m.fields"
                f" || jsonb_build_object('{column}', r.target_id)"
                " FROM directory_sourcerecord r WHERE r.source = %(source)s AND r.kind = %(to)s"
                f" AND r.source_id = m.links->'{column}'->>'id'",
                to=target,
            )
            if target == "Organization":
                # A file tells a structure by its FINESS number.
                self.sql(
                    "UPDATE merging m SET fields = m.fields"
                    f" || jsonb_build_object('{column}', o.id) FROM directory_organization o"
                    f" WHERE NOT m.fields ? '{column}' AND o.finess <> ''"
                    f" AND o.finess = m.links->'{column}'->>'finess'"
                    f" AND o.kind = m.links->'{column}'->>'kind'"
                )
                self._settle_named(column)
            self._unfound(column, target, mandatory=mandatory)

    def _settle_named(self, column: str) -> None:
        """Find, or make, the structures that links tell by their numbers alone."""
        named = f"m.links->'{column}'->'named'"
        waiting = f"NOT m.fields ? '{column}' AND m.problem IS NULL AND {named} IS NOT NULL"
        find = (
            "UPDATE merging m SET fields = m.fields"
            f" || jsonb_build_object('{column}', o.id) FROM directory_organization o"
            f" WHERE {waiting} AND (o.identifiers @>"
            f" ARRAY(SELECT jsonb_array_elements_text({named}->'identifiers'))::varchar[]"
            f" OR o.finess <> '' AND o.finess = {named}->>'finess' AND o.kind = {named}->>'kind'"
            f" OR o.siret <> '' AND o.siret = {named}->>'siret' AND o.kind = {named}->>'kind')"
        )
        if not self.sql(f"SELECT 1 FROM merging m WHERE {waiting} LIMIT 1"):
            return
        self.sql(find)
        columns = [f.column for f in Organization._meta.concrete_fields if f.column != "id"]
        self.sql(
            f"INSERT INTO directory_organization ({', '.join(columns)})"
            f" SELECT {', '.join(f'r.{each}' for each in columns)} FROM"
            f" (SELECT DISTINCT ON ({named}->'identifiers') {named} AS said FROM merging m"
            f" WHERE {waiting} ORDER BY {named}->'identifiers', m.id) told,"
            " LATERAL jsonb_populate_record(NULL::directory_organization, %(empty)s::jsonb"
            " || told.said || jsonb_build_object('updated_at', %(now)s::timestamptz, 'source',"
            " %(source)s::text, 'kept', '{}'::jsonb)) r ON CONFLICT DO NOTHING"
            " RETURNING id, name, identifiers[1]",
            empty=orjson.dumps(_empty(Organization)).decode(),
        )
        for number, name, said in self.cursor.fetchall():
            self.done.created += 1
            self.done.lines.append(
                {
                    "outcome": LineOutcome.CREATED,
                    "kind": "Organization",
                    "source_id": said.partition("|")[2][:64],
                    "label": name,
                    "reason": "Connue par son seul numéro.",
                    "target_id": number,
                }
            )
        self.sql(find)

    def _unfound(self, column: str, target: str, *, mandatory: bool) -> None:
        missing = f"NOT m.fields ? '{column}' AND m.links ? '{column}'"
        if mandatory:
            self.sql(
                "UPDATE merging m SET waits = true, problem = 'Lien introuvable pour le moment : '"
                f" || %(to)s || ' ' || COALESCE(m.links->'{column}'->>'id', '?') || '.'"
                f" WHERE {missing} AND m.problem IS NULL",
                to=target,
            )
        else:
            # Given back as it came.
            self.sql(
                f"UPDATE merging m SET kept = m.kept || jsonb_build_object(m.links->'{column}'"
                f"->>'element', m.links->'{column}'->'instead') WHERE {missing}"
                f" AND m.links->'{column}' ? 'instead'"
            )

    def _name_services(self) -> None:
        """Name after its structure an offer of which nothing said a name."""
        self.sql(
            "UPDATE merging m SET label = left(o.name, 200),"
            " fields = m.fields || jsonb_build_object('name', left(o.name, 200))"
            " FROM directory_organization o WHERE NOT m.fields ? 'name'"
            " AND o.id = (m.fields->>'organization_id')::bigint"
        )

    def _complete_roles(self) -> None:
        """Say of a role what its professional and its offer say."""
        self.sql(
            "UPDATE merging m SET fields = m.fields"
            " || jsonb_build_object('organization_id', s.organization_id)"
            " FROM directory_healthcareservice s WHERE NOT m.fields ? 'organization_id'"
            " AND s.id = (m.fields->>'healthcare_service_id')::bigint"
        )
        self.sql(
            "UPDATE merging m SET waits = true,"
            " problem = 'Lien introuvable pour le moment : Organization '"
            " || COALESCE(m.links->'organization_id'->>'id',"
            " m.links->'healthcare_service_id'->>'id', '?') || '.'"
            " WHERE NOT m.fields ? 'organization_id' AND m.problem IS NULL"
        )
        known = {
            code: {"label": each.label, "category": each.category}
            for code, each in PROFESSIONS.items()
        }
        self.sql(
            "UPDATE merging m SET fields = m.fields || jsonb_build_object("
            "'profession', p.profession,"
            " 'profession_label', COALESCE(k.known->p.profession->>'label', p.profession),"
            " 'category', COALESCE(k.known->p.profession->>'category', 'other'))"
            " FROM directory_practitioner p, (SELECT %(known)s::jsonb AS known) k"
            " WHERE NOT m.fields ? 'profession' AND m.problem IS NULL"
            " AND p.id = (m.fields->>'practitioner_id')::bigint",
            known=orjson.dumps(known).decode(),
        )

    def _find_ours(self) -> None:
        for condition in self.kind.same:
            self.sql(
                f"UPDATE merging m SET target_id = t.id FROM {self.kind.table} t"
                f" WHERE m.target_id IS NULL AND m.problem IS NULL AND {condition}"
            )

    def _refuse_doubles(self) -> None:
        """Two rows of one source cannot be one row of ours."""
        rank = "row_number() OVER (PARTITION BY {} ORDER BY m.id)"
        first = "first_value(m.source_id) OVER (PARTITION BY {} ORDER BY m.id)"
        keys = ["m.target_id", *([self.kind.key] if self.kind.key else [])]
        for key in keys:
            self.sql(
                "UPDATE merging m SET problem = 'Même numéro que ' || d.first || ', qui est"
                " gardé.', double_of = d.first FROM (SELECT m.id,"
                f" {rank.format(key)} AS rank, {first.format(key)} AS first FROM merging m"
                f" WHERE m.problem IS NULL AND {key} IS NOT NULL) d"
                " WHERE d.id = m.id AND d.rank > 1"
            )

    def _number(self) -> None:
        self.new = self.sql(
            "UPDATE merging SET is_new = true,"
            f" target_id = nextval(pg_get_serial_sequence('{self.kind.table}', 'id'))"
            " WHERE target_id IS NULL AND problem IS NULL"
        )
        if self.name == "Organization":
            self._refer_to_themselves()

    def _refer_to_themselves(self) -> None:
        for statement in (
            "FROM merging r WHERE r.problem IS NULL AND r.target_id <> m.target_id"
            " AND r.source_id = m.links->'part_of_id'->>'id'",
            "FROM directory_sourcerecord r WHERE r.source = %(source)s"
            " AND r.kind = 'Organization' AND NOT m.fields ? 'part_of_id'"
            " AND r.source_id = m.links->'part_of_id'->>'id' AND r.target_id <> m.target_id",
            "FROM (SELECT id AS target_id, finess, kind FROM directory_organization) r"
            " WHERE NOT m.fields ? 'part_of_id' AND r.finess = m.links->'part_of_id'->>'finess'"
            " AND r.kind = m.links->'part_of_id'->>'kind' AND r.target_id <> m.target_id",
        ):
            self.sql(
                "UPDATE merging m SET fields = m.fields"
                f" || jsonb_build_object('part_of_id', r.target_id) {statement}"
            )
        self._unfound("part_of_id", "Organization", mandatory=False)

    def _write(self) -> None:
        kind = self.kind
        columns = [f.column for f in kind.model._meta.concrete_fields if f.column != "id"]
        names = ", ".join(f'"{column}"' for column in columns)
        empty = orjson.dumps(_empty(kind.model)).decode()
        said = (
            "jsonb_build_object('id', m.target_id, 'updated_at', %(now)s::timestamptz,"
            " 'source', %(source)s::text, 'kept',"
        )
        for part, (start, end) in enumerate(self._stretches()):
            if part == 1:
                self._plan_anew(kind.table)
            self.sql(
                f"INSERT INTO {kind.table} (id, {names}) SELECT r.id, "
                + ", ".join(f'r."{column}"' for column in columns)
                + f" FROM merging m, LATERAL jsonb_populate_record(NULL::{kind.table},"
                f" %(empty)s::jsonb || m.fields || {said}"
                " jsonb_build_object(%(source)s::text, m.kept))) r"
                " WHERE m.is_new AND m.problem IS NULL"
                " AND m.ctid >= %(start)s::tid AND m.ctid < %(end)s::tid",
                empty=empty,
                start=start,
                end=end,
            )
        self.sql(
            f"UPDATE merging m SET was_open = {kind.is_open} FROM {kind.table} t"
            " WHERE t.id = m.target_id AND m.problem IS NULL AND NOT m.is_new"
        )
        # What an organization is to the circle may have been decided here.
        self.sql(
            f"UPDATE {kind.table} t SET "
            + ", ".join(f'"{column}" = r."{column}"' for column in columns)
            + f" FROM merging m JOIN {kind.table} old ON old.id = m.target_id,"
            " LATERAL (SELECT COALESCE(jsonb_object_agg(c, %(empty)s::jsonb->c), '{}') AS gone"
            " FROM unnest(m.said_before || CASE WHEN m.was_closed THEN ARRAY['ended_at']::varchar[]"
            " END) c WHERE NOT m.fields ? c AND c <> 'purpose') e,"
            f" LATERAL jsonb_populate_record(old, e.gone || (m.fields - 'purpose') || {said}"
            " old.kept || jsonb_build_object(%(source)s::text, m.kept))) r"
            " WHERE t.id = m.target_id AND m.problem IS NULL AND NOT m.is_new",
            empty=empty,
        )
        self.sql(
            f"UPDATE merging m SET now_open = {kind.is_open} FROM {kind.table} t"
            " WHERE t.id = m.target_id AND m.problem IS NULL AND NOT m.is_new"
        )

    def _plan_anew(self, table: str) -> None:
        """Have a table counted that many rows just joined: the plans of what follows need it.

        After an import that died, PostgreSQL believes it empty: each row would read it whole.
        """
        if self.new >= WRITTEN_AT_ONCE:
            self.sql("SELECT directory_analyze(%(table)s::regclass)", table=table)

    def _stretches(self) -> list[tuple[str, str]]:
        """Return where new rows begin and end, stretch by stretch: memory does not grow with them.

        Structures point to one another: they are written at once.
        """
        self.sql("SELECT pg_relation_size('merging')")
        blocks = self.cursor.fetchone()[0] // _BLOCK
        parts = 1 if self.name == "Organization" else self.new // WRITTEN_AT_ONCE + 1
        bounds = [blocks * part // parts for part in range(parts + 1)]
        return [(f"({low},0)", f"({high},0)") for low, high in pairwise(bounds) if low < high]

    def _attach(self) -> None:
        """Replace what hangs on the rows written, as far as this source said it."""
        owner = self.kind.owner
        if owner:
            self.sql(
                f"DELETE FROM directory_securemailbox b USING merging m WHERE b.{owner} ="
                " m.target_id AND b.source = %(source)s AND m.problem IS NULL AND NOT m.is_new"
            )
            self.sql(
                f"INSERT INTO directory_securemailbox ({owner}, source, address, fingerprint, kind,"
                " description, responsible, service_name, phone, red_list)"
                " SELECT m.target_id, %(source)s, COALESCE(b.address, ''), b.fingerprint,"
                " COALESCE(b.kind, ''), COALESCE(b.description, ''), COALESCE(b.responsible, ''),"
                " COALESCE(b.service_name, ''), '', b.red_list FROM merging m,"
                " LATERAL jsonb_to_recordset(m.attached->'mailboxes') AS b(address text,"
                " fingerprint text, kind text, description text, responsible text,"
                " service_name text, red_list boolean)"
                " WHERE m.problem IS NULL AND m.attached ? 'mailboxes'"
            )
        if self.name == "HealthcareService":
            self._attach_opening()
            self._settle_places()
        if self.name == "Location":
            self._attach_capacities()
        self.sql(
            "INSERT INTO directory_term (nomenclature, code, label)"
            " SELECT DISTINCT ON (b.nomenclature, b.code) b.nomenclature, b.code, b.label"
            " FROM merging m, LATERAL jsonb_to_recordset(m.attached->'terms')"
            " AS b(nomenclature text, code text, label text)"
            " WHERE m.problem IS NULL AND m.attached ? 'terms'"
            " ORDER BY b.nomenclature, b.code, m.id DESC"
            " ON CONFLICT (nomenclature, code) DO UPDATE SET label = EXCLUDED.label"
            " WHERE directory_term.label <> EXCLUDED.label"
        )

    def _attach_opening(self) -> None:
        for table in ("directory_openinghours", "directory_closure"):
            self.sql(
                f"DELETE FROM {table} h USING merging m WHERE h.service_id = m.target_id"
                " AND m.problem IS NULL AND NOT m.is_new"
            )
        self.sql(
            "INSERT INTO directory_openinghours (service_id, weekday, opens_at, closes_at,"
            " valid_from, valid_until) SELECT m.target_id, b.weekday, b.opens_at, b.closes_at,"
            " b.valid_from, b.valid_until FROM merging m,"
            " LATERAL jsonb_to_recordset(m.attached->'hours') AS b(weekday smallint,"
            " opens_at time, closes_at time, valid_from date, valid_until date)"
            " WHERE m.problem IS NULL AND m.attached ? 'hours'"
        )
        self.sql(
            "INSERT INTO directory_closure (service_id, starts_on, ends_on, reason)"
            " SELECT m.target_id, b.starts_on, b.ends_on, b.reason FROM merging m,"
            " LATERAL jsonb_to_recordset(m.attached->'closures') AS b(starts_on date,"
            " ends_on date, reason text) WHERE m.problem IS NULL AND m.attached ? 'closures'"
        )

    def _attach_capacities(self) -> None:
        """Replace the capacities that this source said of a place; others said here stay."""
        self.sql(
            "DELETE FROM directory_capacity c USING merging m WHERE c.location_id = m.target_id"
            " AND c.source = %(label)s AND m.problem IS NULL AND NOT m.is_new",
            label=Source(self.run.source).label,
        )
        self.sql(
            "INSERT INTO directory_capacity (organization_id, location_id, activity, type, status,"
            " temporality, number, source_type, source, temporary_assignment, gender, closing_type,"
            " additional_bed_type, crisis_type, updated_at)"
            " SELECT l.organization_id, l.id, left(COALESCE(NULLIF(l.name, ''), l.city), 80),"
            " b.type, b.status, b.temporality, b.number, b.source_type, %(label)s,"
            " b.temporary_assignment, b.gender, b.closing_type, b.additional_bed_type,"
            " b.crisis_type, b.updated_at FROM merging m"
            " JOIN directory_location l ON l.id = m.target_id,"
            " LATERAL jsonb_to_recordset(m.attached->'capacities') AS b(type text, status text,"
            " temporality text, number integer, source_type text, temporary_assignment text,"
            " gender text, closing_type text, additional_bed_type text, crisis_type text,"
            " updated_at timestamptz) WHERE m.problem IS NULL AND m.attached ? 'capacities'",
            label=Source(self.run.source).label,
        )
        # Of the free beds counted here and those that the source tells, the latest count stays.
        counted = "c.status = '02' AND c.temporality IN ('', '01') AND c.crisis_type = ''"
        self.sql(
            "WITH latest AS (SELECT c.location_id,"
            " max(c.updated_at) FILTER (WHERE c.source = %(label)s) AS theirs,"
            " max(c.updated_at) FILTER (WHERE c.source <> %(label)s) AS ours"
            f" FROM directory_capacity c JOIN merging m ON m.target_id = c.location_id"
            f" WHERE m.problem IS NULL AND {counted} GROUP BY c.location_id)"
            " DELETE FROM directory_capacity c USING latest l"
            f" WHERE c.location_id = l.location_id AND {counted} AND l.theirs IS NOT NULL"
            " AND l.ours IS NOT NULL AND (c.source = %(label)s) = (l.theirs < l.ours)",
            label=Source(self.run.source).label,
        )

    def _settle_places(self) -> None:
        """Say whose the places of these services are: the ROR ties places to services alone."""
        self.sql(
            "UPDATE directory_location l SET organization_id = s.organization_id,"
            " updated_at = %(now)s FROM merging m"
            " JOIN directory_healthcareservice s ON s.id = m.target_id,"
            " LATERAL (SELECT s.location_id AS id UNION SELECT r.target_id"
            " FROM jsonb_array_elements_text(m.links->'location_id'->'others') said(number)"
            " JOIN directory_sourcerecord r ON r.source = %(source)s AND r.kind = 'Location'"
            " AND r.source_id = said.number) place"
            " WHERE m.problem IS NULL AND l.id = place.id AND l.organization_id IS NULL"
        )
        self.sql(
            "UPDATE directory_capacity c SET organization_id = l.organization_id"
            " FROM directory_location l WHERE l.id = c.location_id"
            " AND c.organization_id IS NULL AND l.organization_id IS NOT NULL"
        )

    def _remember(self) -> None:
        closed = (
            "(m.fields->>'active') = 'false'"
            if self.name != "PractitionerRole"
            else "m.fields ? 'ended_at'"
        )
        self.sql(
            "INSERT INTO directory_sourcerecord (source, kind, source_id, target_id, digest,"
            " said_at, written_at, run_id, closed, said) SELECT %(source)s, %(kind)s, m.source_id,"
            " m.target_id, m.digest, m.said_at, %(now)s, %(run)s, false,"
            " ARRAY(SELECT jsonb_object_keys(m.fields)) FROM merging m"
            " WHERE m.problem IS NULL ON CONFLICT (source, kind, source_id) DO UPDATE SET"
            " target_id = EXCLUDED.target_id, digest = EXCLUDED.digest,"
            " said_at = EXCLUDED.said_at, written_at = EXCLUDED.written_at,"
            " run_id = EXCLUDED.run_id, closed = false, said = EXCLUDED.said"
        )
        # A double is the row that was kept: what points to it points there.
        self.sql(
            "INSERT INTO directory_sourcerecord (source, kind, source_id, target_id, digest,"
            " said_at, written_at, run_id, closed) SELECT %(source)s, %(kind)s, m.source_id,"
            " f.target_id, m.digest, m.said_at, %(now)s, %(run)s, false FROM merging m"
            " JOIN merging f ON f.source_id = m.double_of AND f.problem IS NULL"
            " ON CONFLICT (source, kind, source_id) DO NOTHING"
        )
        self.sql(f"UPDATE merging m SET now_open = NOT ({closed}) WHERE now_open IS NULL")
        # What could not be linked waits for the next import, which may bring the other end.
        self.sql(
            "UPDATE directory_stagedrow s SET run_id = -s.run_id FROM merging m"
            " WHERE m.waits AND s.id = m.id AND %(source)s NOT IN ('finess', 'structures')"
        )

    def _tell(self) -> None:
        outcome = (
            "CASE WHEN problem IS NOT NULL THEN 'rejected' WHEN is_new THEN 'created'"
            " WHEN was_open AND NOT now_open THEN 'closed' ELSE 'changed' END"
        )
        self.sql(f"SELECT {outcome}, count(*) FROM merging GROUP BY 1")
        for name, count in self.cursor.fetchall():
            setattr(self.done, name, getattr(self.done, name) + count)
        self.sql(
            "SELECT outcome, source_id, label, line, page, problem, target_id,"
            " fields->>'identifier_system' = %(rpps)s FROM"
            f" (SELECT *, {outcome} AS outcome, row_number() OVER (PARTITION BY {outcome}"
            " ORDER BY id) AS rank FROM merging) told"
            f" WHERE rank <= {MOST_LINES} ORDER BY outcome, id",
            rpps=RPPS_SYSTEM,
        )
        for name, source_id, label, line, page, problem, target, wrong in self.cursor.fetchall():
            self._line(
                LineOutcome(name), source_id, label, line=line, page=page,
                reason=problem or (_INVENTED if wrong else ""),
                target_id=target if not problem else None,
            )  # fmt: skip


def _empty(model: type[models.Model]) -> dict[str, Any]:
    """Return what a new row holds before anything is said of it."""
    found: dict[str, Any] = {}
    for column in model._meta.concrete_fields:
        if column.primary_key or column.null:
            continue
        if column.has_default():
            found[column.column] = column.get_default()
        elif isinstance(column, models.CharField):
            found[column.column] = ""
        elif isinstance(column, models.BooleanField):
            found[column.column] = False
        elif isinstance(column, ArrayField):
            found[column.column] = []
    return found


def _learn_red_list(cursor: Any, run: ImportRun) -> None:
    """Keep the fingerprints on the red list, whether or not what bears them can be put in place."""
    said = (
        "SELECT b.fingerprint, b.red_list FROM directory_stagedrow s,"
        " LATERAL jsonb_to_recordset(s.attached->'mailboxes')"
        " AS b(fingerprint text, red_list boolean)"
        " WHERE s.run_id = %(run)s AND s.attached ? 'mailboxes'"
    )
    values = {"run": run.pk, "source": run.source}
    cursor.execute(
        "DELETE FROM directory_securemailbox b WHERE b.red_list AND b.source = %(source)s"
        " AND num_nonnulls(b.organization_id, b.practitioner_id, b.role_id, b.service_id) = 0"
        f" AND b.fingerprint IN (SELECT fingerprint FROM ({said}) s WHERE NOT red_list)",
        values,
    )
    cursor.execute(
        "INSERT INTO directory_securemailbox (source, address, fingerprint, kind, description,"
        " responsible, service_name, phone, red_list) SELECT DISTINCT %(source)s, '',"
        f" fingerprint, '', '', '', '', '', true FROM ({said}) s WHERE red_list"
        " AND NOT EXISTS (SELECT 1 FROM directory_securemailbox b WHERE b.red_list"
        " AND b.fingerprint = s.fingerprint AND b.source = %(source)s"
        " AND num_nonnulls(b.organization_id, b.practitioner_id, b.role_id, b.service_id) = 0)",
        values,
    )


def _hide_red_list(cursor: Any, now: datetime) -> None:
    """Take away, wherever it stands, each address that one source at least has on the red list."""
    cursor.execute(
        "WITH gone AS (DELETE FROM directory_securemailbox b USING directory_securemailbox r"
        " WHERE r.red_list AND NOT b.red_list AND r.fingerprint = b.fingerprint"
        " RETURNING b.organization_id, b.practitioner_id, b.role_id, b.service_id, b.fingerprint)"
        " SELECT organization_id, practitioner_id, role_id, service_id FROM gone"
    )
    owners = list(zip(*cursor.fetchall(), strict=True)) or [()] * 4
    for table, numbers in zip(
        (Organization, Practitioner, PractitionerRole, HealthcareService), owners, strict=True
    ):
        held = [number for number in numbers if number]
        if held:
            # What was kept as it came holds the address too; the ROR writes it in an extension.
            parts = ["telecom", "contact", *(["extension"] if table is HealthcareService else [])]
            cursor.execute(
                f"UPDATE {table._meta.db_table} SET updated_at = %s, kept = (SELECT"
                " COALESCE(jsonb_object_agg(source, said - %s::text[]), '{}')"
                " FROM jsonb_each(kept) AS each(source, said)) WHERE id = ANY(%s)",
                [now, parts, held],
            )
    for table in (Organization, PractitionerRole, HealthcareService):
        cursor.execute(
            f"UPDATE {table._meta.db_table} t SET secure_email = '', updated_at = %s"
            " FROM directory_securemailbox r WHERE r.red_list AND t.secure_email <> ''"
            " AND encode(sha256(convert_to(lower(t.secure_email), 'UTF8')), 'hex') = r.fingerprint",
            [now],
        )


def _close_missing(
    cursor: Any, run: ImportRun, name: str, now: datetime, done: Done, *, force: bool
) -> None:
    """Close what a whole copy no longer says, unless so much is missing that it looks cut short."""
    values = {"run": run.pk, "source": run.source, "kind": name, "now": now}
    missing = (
        "r.source = %(source)s AND r.kind = %(kind)s AND NOT r.closed AND NOT EXISTS (SELECT 1"
        " FROM directory_stagedrow s WHERE s.run_id = %(run)s AND s.kind = r.kind"
        " AND s.source_id = r.source_id)"
        # What was said but could not be read is not gone.
        " AND NOT EXISTS (SELECT 1 FROM directory_importline l WHERE l.run_id = %(run)s"
        " AND l.outcome = 'rejected' AND l.source_id <> ''"
        " AND l.source_id IN (r.source_id, split_part(r.source_id, '/', 1)))"
    )
    if run.lines.filter(outcome=LineOutcome.REJECTED, source_id="").exists():
        done.warning = "Aucune fermeture : des lignes illisibles ne disent pas de quoi elles sont."
        return
    cursor.execute(
        f"SELECT count(*) FILTER (WHERE {missing}), count(*) FROM directory_sourcerecord r"
        " WHERE r.source = %(source)s AND r.kind = %(kind)s AND NOT r.closed",
        values,
    )
    absent, known = cursor.fetchone()
    if absent > max(FEW_MISSING, known * MOST_MISSING) and not force:
        done.refusal = (
            f"Ce jeu ne dit plus {absent} des {known} éléments connus ({name}) : il semble"
            " incomplet, rien n’a été changé."
        )
        return
    kind = KINDS[name]
    change = "active = false" if name != "PractitionerRole" else "ended_at = %(now)s"
    cursor.execute(
        f"UPDATE {kind.table} t SET {change}, updated_at = %(now)s FROM directory_sourcerecord r"
        f" WHERE t.id = r.target_id AND {missing} AND {kind.is_open} AND NOT EXISTS (SELECT 1"
        " FROM directory_sourcerecord o JOIN directory_stagedrow s ON s.run_id = %(run)s"
        " AND s.kind = o.kind AND s.source_id = o.source_id WHERE o.source = r.source"
        " AND o.kind = r.kind AND o.target_id = r.target_id)",
        values,
    )
    cursor.execute(
        f"UPDATE directory_sourcerecord r SET closed = true, written_at = %(now)s,"
        f" run_id = %(run)s WHERE {missing} RETURNING r.source_id, r.target_id",
        values,
    )
    for source_id, target in cursor.fetchall():
        done.closed += 1
        if len(done.lines) < 10 * MOST_LINES:
            done.lines.append(
                {
                    "outcome": LineOutcome.CLOSED,
                    "kind": name,
                    "source_id": source_id,
                    "reason": "Absent de la dernière copie entière.",
                    "target_id": target,
                }
            )
