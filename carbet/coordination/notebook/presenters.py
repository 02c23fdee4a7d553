"""What pages show of a notebook: one line an entry, ready to be read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from carbet.coordination.documents.rules import content
from carbet.coordination.notebook import rules
from carbet.coordination.notebook.choices import MeasureKind, NoteKind
from carbet.coordination.notebook.models import Measure, Note
from carbet.coordination.notebook.queries import Attached, Entry, MeasurePoint, Reading
from carbet.core import sharing, timeline
from carbet.core.actor import Actor
from carbet.core.identifiers import short_id
from carbet.core.sharing import Visibility

ICONS = {
    NoteKind.OBSERVATION: "eye",
    NoteKind.ADVICE: "message",
    NoteKind.INTERVENTION: "stethoscope",
    NoteKind.INSTRUCTION: "pin",
    NoteKind.GENERAL: "info",
}
TABLE_ROWS = 60
# Written long after it was seen: the reader should know both moments.
LATE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ShownFile:
    """One photo or file of a note; without number it was withdrawn and does not open."""

    document_id: int
    title: str
    about: str
    number: int | None
    is_image: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One note, reply, measure or thing that happened in another room, as shown."""

    id: str
    pk: int
    is_note: bool
    kind: str
    icon: str
    author: str
    role: str
    organization: str
    at: datetime
    recorded_late_at: datetime | None
    text: str
    value: str
    unit: str
    urgent: bool
    new: bool
    corrected_at: datetime | None
    correction_reason: str
    struck_at: datetime | None
    struck_reason: str
    may_reply: bool
    may_mend: bool
    # Who sees it when it is not the whole circle; whom it calls; how many have seen it.
    visibility: str = ""
    called: str = ""
    seen_count: int = 0
    to_see: str = ""
    files: tuple["ShownFile", ...] = ()
    replies: tuple["Line", ...] = ()
    # The measures of one visit, taken together by one person: this line stands for all of them.
    together: tuple["Line", ...] = ()
    # The first entry already seen, when all the new ones stand above it.
    already_seen_from_here: bool = False
    # Where what happened in another room opens, and what is said beside it.
    href: str = ""
    about: str = ""

    @property
    def has_trail(self) -> bool:
        """Tell whether it was corrected, withdrawn or recorded late, to be said below it."""
        return bool(self.struck_at or self.corrected_at or self.recorded_late_at)


def line(
    entry: Entry, *, actor: Actor, since: datetime | None, may_write: bool, patient_id: int = 0
) -> Line:
    """Return what is shown of one entry to this reader."""
    if entry.said is not None:
        return _happening(entry, actor=actor, since=since, patient_id=patient_id)
    own = entry.author_role_id is not None and entry.author_role_id == actor.role_id
    late = entry.recorded_at - entry.occurred_at > LATE
    kind, icon, value, unit = _what(entry)
    return Line(
        id=f"{'note' if entry.is_note else 'mesure'}-{short_id(entry.pk)}",
        pk=entry.pk,
        is_note=entry.is_note,
        kind=kind,
        icon=icon,
        author=signature(entry.author_name, entry.on_behalf_of),
        role=entry.role_label,
        organization=entry.organization,
        at=entry.occurred_at,
        recorded_late_at=entry.recorded_at if late else None,
        text=entry.text,
        value=value,
        unit=unit,
        urgent=entry.urgent,
        new=rules.is_new(
            entry.recorded_at, entry.corrected_at, entry.withdrawn_at, since=since, own=own
        ),
        corrected_at=entry.corrected_at,
        correction_reason=entry.correction_reason,
        struck_at=entry.withdrawn_at,
        struck_reason=entry.withdrawal_reason,
        may_reply=may_write and entry.is_note and entry.withdrawn_at is None,
        may_mend=may_write and own and entry.withdrawn_at is None,
        visibility=""
        if entry.visibility == Visibility.CIRCLE
        else str(Visibility(entry.visibility).label),
        called=", ".join((entry.mentions or {}).values()),
        seen_count=entry.seen_count,
        to_see=short_id(entry.pk) if entry.is_note and not own and not entry.seen_by_reader else "",
        files=tuple(_file(each) for each in entry.files) if entry.files else (),
        replies=tuple(
            line(reply, actor=actor, since=since, may_write=may_write) for reply in entry.replies
        ),
    )


def _happening(entry: Entry, *, actor: Actor, since: datetime | None, patient_id: int) -> Line:
    """Return what a room says of what happened there."""
    source = timeline.source(entry.source)
    if source is None or entry.said is None:
        raise LookupError(entry.source)
    own = entry.author_role_id is not None and entry.author_role_id == actor.role_id
    said = source.line(entry.said | {"id": entry.pk}, patient_id=patient_id)
    return Line(
        id=f"{source.letter}-{short_id(entry.pk)}",
        pk=entry.pk,
        is_note=False,
        kind=said.kind,
        icon=said.icon,
        author=signature(entry.author_name, entry.on_behalf_of),
        role=entry.role_label,
        organization=entry.organization,
        at=entry.occurred_at,
        recorded_late_at=entry.recorded_at
        if entry.recorded_at - entry.occurred_at > LATE
        else None,
        text=said.title,
        value="",
        unit="",
        urgent=False,
        new=rules.is_new(entry.recorded_at, entry.withdrawn_at, since=since, own=own),
        corrected_at=None,
        correction_reason="",
        struck_at=entry.withdrawn_at,
        struck_reason=entry.withdrawal_reason,
        may_reply=False,
        may_mend=False,
        visibility=""
        if entry.visibility == Visibility.CIRCLE
        else str(Visibility(entry.visibility).label),
        href=said.href,
        about=said.about,
    )


def lines(
    entries: Iterable[Entry],
    *,
    actor: Actor,
    since: datetime | None,
    may_write: bool,
    patient_id: int = 0,
) -> list[Line]:
    """Return what is shown of a page of the timeline, visits gathered, new entries marked."""
    shown = gather(
        line(entry, actor=actor, since=since, may_write=may_write, patient_id=patient_id)
        for entry in entries
    )
    fresh = [one.new or any(reply.new for reply in one.replies) for one in shown]
    first_seen = fresh.index(False) if False in fresh else None
    if first_seen and not any(fresh[first_seen:]):
        shown[first_seen] = replace(shown[first_seen], already_seen_from_here=True)
    return shown


def gather(shown: Iterable[Line]) -> list[Line]:
    """Put the measures that one person took at one moment on one line."""
    gathered = []
    for _, alike in groupby(shown, key=_visit):
        same = tuple(alike)
        if len(same) == 1:
            gathered.append(same[0])
        else:
            gathered.append(
                replace(
                    same[0],
                    kind="Mesures",
                    together=same,
                    new=any(one.new for one in same),
                    may_mend=any(one.may_mend for one in same),
                )
            )
    return gathered


def _visit(one: Line) -> tuple[object, ...]:
    """Return what the measures of a visit share; a note, or a measure in error, stands alone."""
    if one.is_note or one.href or one.struck_at is not None:
        return (one.id,)
    return (one.author, one.role, one.at, one.text)


def _file(attached: Attached) -> ShownFile:
    kind = content.KINDS.get(attached.media_type, ("", "Fichier"))[1]
    return ShownFile(
        attached.document_id,
        attached.title,
        f"{kind}, {content.write_size(attached.size)}",
        attached.number,
        attached.is_image,
    )


def to_see(shown: Iterable[Line]) -> str:
    """Return the notes and replies of a page that the reader has not marked as seen, by address."""
    return " ".join(one.to_see for line in shown for one in (line, *line.replies) if one.to_see)


def waited(
    note: Note, *, members: Iterable[Mapping[str, str]], readings: Sequence[Reading]
) -> list[Mapping[str, str]]:
    """Return the members who may see a note and have not: neither its author nor a structure."""
    done = {f"role:{reading.role_id}" for reading in readings} | {f"role:{note.author_role_id}"}
    return [
        member
        for member in members
        if member["key"] not in done
        and member["key"].startswith("role:")
        and sharing.is_told(member["key"], visibility=note.visibility, readers=note.readers)
    ]


def signature(author: str, on_behalf_of: str) -> str:
    """Return who wrote and for whom: « Odile Fortin, pour Yann Le Bihan »."""
    return f"{author}, pour {on_behalf_of}" if on_behalf_of else author


def _what(entry: Entry) -> tuple[str, str, str, str]:
    """Return the label, the icon, the value and its unit."""
    if entry.value is None:
        return NoteKind(entry.kind).label, ICONS[NoteKind(entry.kind)], "", ""
    value = rules.write_value(entry.kind, entry.value, entry.second_value)
    return MeasureKind(entry.kind).label, "pulse", value, rules.SCALES[entry.kind][0].unit


@dataclass(frozen=True, slots=True)
class Curve:
    """One drawn series: what it is, and its points, oldest first."""

    label: str
    points: tuple[tuple[datetime, Decimal], ...]


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One measure in the table beside a curve."""

    pk: int
    at: datetime
    value: str
    author: str
    comment: str
    may_mend: bool


@dataclass(frozen=True, slots=True)
class Series:
    """The measures of one kind: the last one as a tile, all of them as curves and a table."""

    kind: str
    anchor: str
    label: str
    unit: str
    value: str
    at: datetime
    values: tuple[float, ...]
    curves: tuple[Curve, ...]
    rows: tuple[MeasureRow, ...]


def series(
    measured: Mapping[str, Sequence[MeasurePoint]],
    *,
    heights: Sequence[MeasurePoint] = (),
    actor: Actor | None = None,
) -> list[Series]:
    """Return the series of a person, blood pressure first, in the order of a visit.

    The body mass index is computed from the weights, each with the height known then.

    Args:
        heights: those of the person, oldest first, whatever the period shown.
    """
    measured = {**measured, MeasureKind.BMI: _indexes(measured, heights)}
    return [
        _series(kind, measured[kind], actor=actor) for kind in rules.SCALES if measured.get(kind)
    ]


def _indexes(
    measured: Mapping[str, Sequence[MeasurePoint]], heights: Sequence[MeasurePoint]
) -> list[MeasurePoint]:
    """Return the body mass indexes: those received, and those that weights and heights say."""
    found = list(measured.get(MeasureKind.BMI, ()))
    for weight in measured.get(MeasureKind.WEIGHT, ()) if heights else ():
        before = [one for one in heights if one.occurred_at <= weight.occurred_at]
        height = before[-1] if before else heights[0]
        found.append(
            replace(
                weight,
                kind=MeasureKind.BMI,
                value=rules.body_mass_index(weight.value, height.value),
                author_role_id=None,
                author_name="Calculé",
                role_label="",
                comment=f"Taille {rules.write_number(height.value)} cm",
            )
        )
    return sorted(found, key=lambda point: (point.occurred_at, point.pk))


@dataclass(frozen=True, slots=True)
class ShownMeasure:
    """One measure alone, as a page asks about it."""

    pk: int
    label: str
    value: str
    unit: str
    at: datetime


def measure(row: Measure) -> ShownMeasure:
    """Return what is shown of one measure."""
    return ShownMeasure(
        pk=row.pk,
        label=str(MeasureKind(row.kind).label),
        value=rules.write_value(row.kind, row.value, row.second_value),
        unit=rules.SCALES[row.kind][0].unit,
        at=row.occurred_at,
    )


def _series(kind: str, points: Sequence[MeasurePoint], *, actor: Actor | None) -> Series:
    scales = rules.SCALES[kind]
    last = points[-1]
    curves = [
        Curve(
            scales[0].label if len(scales) > 1 else MeasureKind(kind).label,
            tuple((point.occurred_at, point.value) for point in points),
        )
    ]
    if len(scales) > 1:
        second = tuple(
            (point.occurred_at, point.second_value)
            for point in points
            if point.second_value is not None
        )
        curves.append(Curve(scales[1].label, second))
    return Series(
        kind=kind,
        anchor=f"serie-{MeasureKind(kind).name.lower().replace('_', '-')}",
        label=str(MeasureKind(kind).label),
        unit=scales[0].unit,
        value=rules.write_value(kind, last.value, last.second_value),
        at=last.occurred_at,
        values=tuple(float(point.value) for point in points),
        curves=tuple(curves),
        rows=tuple(
            MeasureRow(
                pk=point.pk,
                at=point.occurred_at,
                value=rules.write_value(kind, point.value, point.second_value),
                author=point.author_name,
                comment=point.comment,
                may_mend=actor is not None
                and point.author_role_id is not None
                and point.author_role_id == actor.role_id,
            )
            for point in reversed(points[-TABLE_ROWS:])
        ),
    )
