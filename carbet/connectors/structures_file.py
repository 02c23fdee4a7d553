"""Files of structures: the open FINESS file, and a plain table for those outside national sets.

A line is given with its number, as a structure or as the reason why it is not one. What shows that
the whole file is wrong (its encoding, its columns, its end) stops everything.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import BinaryIO

LARGEST_FILE = 512 * 1024 * 1024
LONGEST_LINE = 20_000
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


def finess(path: Path, *, after: int = 0, encoding: str = "iso-8859-1") -> Iterator[Line]:
    """Give the establishments of the open FINESS file, those of Guyane ("9C") only.

    Args:
        after: the last line already read.

    Raises:
        WrongFile: wrong encoding, another file, or cut short.
    """
    for number, row in _rows(path, encoding=encoding, delimiter=";"):
        if number == 1 and row[:1] == ["finess"]:
            continue
        if number <= after or row[:1] != ["structureet"]:
            if row[:1] not in (["structureet"], ["geolocalisation"], ["equipementsocial"]) and row:
                raise WrongFile(f"Ligne {number} : ce fichier n’est pas celui des établissements.")
            continue
        if len(row) < _LEAST_FINESS_COLUMNS or len(row) > _FINESS_COLUMNS + 2:
            yield Line(number, reason=f"{len(row)} colonnes, {_FINESS_COLUMNS} attendues.")
            continue
        row += [""] * (_FINESS_COLUMNS - len(row))
        if row[13] != "9C":
            continue
        yield _finess_line(number, [cell.strip() for cell in row])


def _finess_line(number: int, row: list[str]) -> Line:
    said = f"{row[1]} {row[4] or row[3]}"[:200]
    if not (row[12].isascii() and row[12].isdigit() and len(row[12]) == 3):
        return Line(number, reason="Code de commune incorrect.", said=said)
    postal, _, city = row[15].partition(" ")
    try:
        opened = date.fromisoformat(row[28]) if row[28] else None
    except ValueError:
        return Line(number, reason="Date d’ouverture illisible.", said=said)
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
    for number, row in _rows(path, encoding=encoding, delimiter=";"):
        if not names:
            names = [cell.strip().lower() for cell in row]
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


def _several(said: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in said.split(","))))


def _rows(path: Path, *, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Give each line cut into cells, in bounded memory, once the file as a whole is believed."""
    if path.stat().st_size > LARGEST_FILE:
        raise WrongFile(f"Fichier trop grand : {LARGEST_FILE // 1024 // 1024} Mo au plus.")
    with path.open("rb") as source:
        _believe(source, encoding)
        source.seek(0)
        lines = io.TextIOWrapper(source, encoding=encoding, errors="strict", newline="")
        csv.field_size_limit(LONGEST_LINE)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
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


def _believe(source: BinaryIO, encoding: str) -> None:
    """Read the whole file once for what only the whole tells: its encoding and its end."""
    accents = other = False
    last = b""
    for piece in iter(lambda: source.read(1 << 20), b""):
        if b"\0" in piece:
            raise WrongFile("Ce fichier n’est pas du texte, ou est en UTF-16.")
        if encoding == "iso-8859-1":
            # In Latin-1 an accent is one byte: two bytes C3 xx or C2 xx are UTF-8.
            accents = accents or b"\xc3\xa9" in piece or b"\xc3\xa8" in piece
            other = other or any(each in piece for each in (b"\xe9", b"\xe8", b"\xe0", b"\xc9"))
        last = piece
    if accents and not other:
        raise WrongFile("Ce fichier est en UTF-8, ISO-8859-1 est attendu : dites --encoding utf-8.")
    if not last:
        raise WrongFile("Le fichier est vide.")
    if not last.endswith((b"\n", b"\r")):
        raise WrongFile("Le fichier semble coupé : sa dernière ligne n’est pas finie.")
