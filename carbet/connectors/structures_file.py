"""Files of structures: the open FINESS file, and a plain table for those outside national sets.

A line is given with its number, as a structure or as the reason why it is not one. What shows that
the whole file is wrong (its encoding, its columns, its end) stops everything.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import BinaryIO, Literal

LARGEST_FILE = 512 * 1024 * 1024
LONGEST_LINE = 20_000
LATIN, ANY = "iso-8859-1", ""
# No letter in ISO-8859-1; accents in the encodings of old systems.
_CONTROLS = re.compile(rb"[\x80-\x9f]")
_FINESS_COLUMNS = 32
_LEAST_FINESS_COLUMNS = 23


class WrongFile(Exception):
    """The file is not what is expected; the text says what to do, in French."""


@dataclass(frozen=True)
class Structure:
    """A structure as a file tells it; `legal_finess` is the entity that it belongs to."""

    number: str
    name: str
    finess: str = ""
    legal_finess: str = ""
    siret: str = ""
    category_code: str = ""
    category_label: str = ""
    purpose: str = ""
    address: str = ""
    postal_code: str = ""
    city: str = ""
    insee: str = ""
    phone: str = ""
    fax: str = ""
    secure_email: str = ""
    opened_on: date | None = None
    offers: tuple[str, ...] = ()
    zones: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Line:
    """One line of a file: a structure, or why it is not taken."""

    number: int
    structure: Structure | None = None
    reason: str = ""
    said: str = ""
    # Of what the line is, when it says so though it cannot be taken.
    source_id: str = ""


def finess(path: Path, *, after: int = 0, encoding: str = ANY) -> Iterator[Line]:
    """Give the establishments of the open FINESS file, those of Guyane ("9C") only.

    Args:
        after: the last line already read.

    Raises:
        WrongFile: wrong encoding, another file, or cut short.
    """
    # Published without quotes: one that stands in a name is a sign like another.
    for number, row in _rows(path, encoding=encoding, quoting=csv.QUOTE_NONE):
        row = [_unquoted(cell) for cell in row]
        if number == 1 and row[:1] == ["finess"]:
            continue
        if number <= after or row[:1] != ["structureet"]:
            if row[:1] not in (["structureet"], ["geolocalisation"], ["equipementsocial"]) and row:
                raise WrongFile(f"Ligne {number} : ce fichier n’est pas celui des établissements.")
            continue
        if len(row) < _LEAST_FINESS_COLUMNS or len(row) > _FINESS_COLUMNS + 2:
            source_id = row[1].strip() if len(row) > 1 and len(row[1].strip()) == 9 else ""
            reason = f"{len(row)} colonnes, {_FINESS_COLUMNS} attendues."
            yield Line(number, reason=reason, source_id=source_id)
            continue
        row += [""] * (_FINESS_COLUMNS - len(row))
        if row[13] != "9C":
            continue
        yield _finess_line(number, [cell.strip() for cell in row])


def _unquoted(cell: str) -> str:
    """Return a cell that somebody's spreadsheet put between quotes without them."""
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"') if is_quoted else cell


def _finess_line(number: int, row: list[str]) -> Line:
    said = f"{row[1]} {row[4] or row[3]}"[:200]
    if not (row[12].isascii() and row[12].isdigit() and len(row[12]) == 3):
        reason = "Code de commune incorrect."
        return Line(number, reason=reason, said=said, source_id=row[1][:64])
    postal, _, city = row[15].partition(" ")
    try:
        opened = date.fromisoformat(row[28]) if row[28] else None
    except ValueError:
        reason = "Date d’ouverture illisible."
        return Line(number, reason=reason, said=said, source_id=row[1][:64])
    street = " ".join(filter(None, (row[7], row[8], row[9], row[10])))
    return Line(
        number,
        Structure(
            number=row[1],
            finess=row[1],
            legal_finess=row[2],
            name=" ".join((row[4] or row[3]).split()),
            siret=row[22],
            category_code=row[18],
            category_label=row[19],
            address=", ".join(filter(None, (street, row[11]))),
            postal_code=postal if len(postal) == 5 else "",
            city=city,
            insee=f"97{row[12]}",
            phone=row[16],
            fax=row[17],
            opened_on=opened,
        ),
        said=said,
    )


_COLUMNS = frozenset(
    [
        "identifiant",
        "nom",
        "genre",
        "siret",
        "adresse",
        "code_postal",
        "commune",
        "insee",
        "telephone",
        "messagerie",
        "offres",
        "zones",
    ]
)


def structures(path: Path, *, after: int = 0, encoding: str = "utf-8-sig") -> Iterator[Line]:
    """Give the structures of a plain table: a first line of names, then one structure a line.

    Columns: identifiant, nom (both mandatory), genre, siret, adresse, code_postal, commune, insee,
    telephone, messagerie, offres and zones (INSEE codes), both separated by commas.

    Raises:
        WrongFile: wrong encoding, unknown columns, or cut short.
    """
    names: list[str] = []
    for number, row in _rows(path, encoding=encoding):
        if not names:
            names = [_column(cell) for cell in row]
            if len(names) == 1 and "," in names[0]:
                raise WrongFile("Colonnes séparées par des virgules : des points-virgules.")
            if len(set(names)) < len(names):
                raise WrongFile("La même colonne vient deux fois.")
            if unknown := sorted(set(names) - _COLUMNS):
                raise WrongFile(f"Colonnes inconnues : {', '.join(unknown)[:200]}.")
            if missing := sorted({"identifiant", "nom"} - set(names)):
                raise WrongFile(f"Colonnes absentes : {', '.join(missing)}.")
            continue
        if number <= after:
            continue
        if len(row) != len(names):
            yield Line(number, reason=f"{len(row)} colonnes, {len(names)} attendues.")
            continue
        held = {name: cell.strip() for name, cell in zip(names, row, strict=True)}
        said = f"{held['identifiant']} {held['nom']}"[:200]
        if not held["identifiant"] or len(held["identifiant"]) > 64:
            yield Line(number, reason="Identifiant absent ou trop long.", said=said)
            continue
        yield Line(
            number,
            Structure(
                number=held["identifiant"],
                name=held["nom"],
                siret=held.get("siret", ""),
                purpose=held.get("genre", ""),
                address=held.get("adresse", ""),
                postal_code=held.get("code_postal", ""),
                city=held.get("commune", ""),
                insee=held.get("insee", ""),
                phone=held.get("telephone", ""),
                secure_email=held.get("messagerie", ""),
                offers=_several(held.get("offres", "")),
                zones=_several(held.get("zones", "")),
            ),
            said=said,
        )


def _column(said: str) -> str:
    """Return the name of a column as ours: « Code postal » and « Téléphone » are understood."""
    plain = unicodedata.normalize("NFD", said.strip().lower())
    return "".join(c for c in plain if not unicodedata.combining(c)).replace(" ", "_")


def _several(said: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in said.split(","))))


def _rows(
    path: Path, *, encoding: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
) -> Iterator[tuple[int, list[str]]]:
    """Give each line cut into cells, in bounded memory, once the file as a whole is believed."""
    if path.stat().st_size > LARGEST_FILE:
        raise WrongFile(f"Fichier trop grand : {LARGEST_FILE // 1024 // 1024} Mo au plus.")
    with path.open("rb") as source:
        encoding = _believe(source, encoding)
        source.seek(0)
        lines = io.TextIOWrapper(source, encoding=encoding, errors="strict", newline="")
        csv.field_size_limit(LONGEST_LINE)
        reader = csv.reader(lines, delimiter=";", quoting=quoting, strict=True)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
        except UnicodeDecodeError as error:
            raise WrongFile(
                f"Ligne {reader.line_num + 1} : encodage {encoding} attendu."
            ) from error
        except csv.Error as error:
            raise WrongFile(f"Ligne {reader.line_num} : illisible ({error}).") from error


def _believe(source: BinaryIO, encoding: str) -> str:
    """Read the whole file once for what only the whole tells: its encoding and its end.

    FINESS is published in ISO-8859-1, and handed on in UTF-8 as often: each is recognized.
    """
    utf8 = codecs.getincrementaldecoder("utf-8")()
    is_utf8, is_latin, has_accents, last = True, True, False, b""
    for piece in iter(lambda: source.read(1 << 20), b""):
        if b"\0" in piece:
            raise WrongFile("Ce fichier n’est pas du texte, ou est en UTF-16.")
        has_accents = has_accents or not piece.isascii()
        is_latin = is_latin and not _CONTROLS.search(piece)
        try:
            utf8.decode(piece)
        except UnicodeDecodeError:
            is_utf8 = False
        last = piece
    if not last:
        raise WrongFile("Le fichier est vide.")
    if not last.endswith((b"\n", b"\r")):
        raise WrongFile("Le fichier semble coupé : sa dernière ligne n’est pas finie.")
    if encoding != ANY:
        if encoding == LATIN and is_utf8 and has_accents:
            raise WrongFile("Ce fichier est en UTF-8, ISO-8859-1 était annoncé.")
        return encoding
    if is_utf8:
        return "utf-8-sig"
    if not is_latin:
        raise WrongFile(
            "Encodage non reconnu : ni ISO-8859-1 ni UTF-8 ; dites lequel par --encoding."
        )
    return LATIN
