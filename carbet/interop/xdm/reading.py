"""Read an archive that came by mail, trusting nothing that it says of itself."""

import hashlib
import hmac
import io
import posixpath
import re
import stat
import zipfile
from dataclasses import dataclass, field
from urllib.parse import unquote

from lxml import etree

from carbet.interop import cda
from carbet.interop.cda.safety import parse
from carbet.interop.xdm import vocabulary as v

LARGEST_ARCHIVE = 40 * 1024 * 1024
LARGEST_INSIDE = 60 * 1024 * 1024
MOST_ENTRIES = 200
_LARGEST_METADATA = 2 * 1024 * 1024
_METADATA = re.compile(r"IHE_XDM/[^/]+/METADATA\.XML", re.IGNORECASE)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")


class UnreadablePackage(ValueError):
    """The archive cannot be read; the text is a French sentence."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One document of the archive, whose bytes are those announced."""

    data: bytes = field(repr=False)
    media_type: str
    name: str
    title: str
    type: cda.Code
    unique_id: str
    # Codes of J08: N, R, V, INVISIBLE_PATIENT…
    confidentialities: tuple[str, ...]
    # CX of the person, as the metadata say it.
    patient: str


@dataclass(frozen=True, slots=True)
class Package:
    """An archive: its documents in order, and the identifier of the whole."""

    entries: tuple[Entry, ...]
    submission_id: str = ""


def read(data: bytes) -> Package:
    """Read an archive `IHE_XDM.zip`.

    Raises:
        UnreadablePackage: no zip, hostile, without metadata, or a document that is missing or whose
            hash or size is not the one announced.
    """
    if len(data) > LARGEST_ARCHIVE:
        raise UnreadablePackage("L’archive pèse plus de 40 Mo : elle n’est pas lue.")
    files = _files(data)
    described = sorted(name for name in files if _METADATA.fullmatch(name))
    if not described:
        raise UnreadablePackage("L’archive n’a pas de IHE_XDM/…/METADATA.XML.")
    entries: list[Entry] = []
    submission = ""
    for name in described:
        try:
            root = parse(files[name], largest=_LARGEST_METADATA)
        except cda.UnreadableDocument as refusal:
            raise UnreadablePackage(f"METADATA.XML ne peut pas être lu. {refusal}") from refusal
        folder = posixpath.dirname(name)
        entries += [
            _entry(each, folder, files) for each in root.iter(f"{{{v.RIM}}}ExtrinsicObject")
        ]
        submission = submission or _external(root, v.SET_UNIQUE)
    if not entries:
        raise UnreadablePackage("METADATA.XML n’annonce aucun document.")
    return Package(tuple(entries), submission)


def _files(data: bytes) -> dict[str, bytes]:
    """Return the files of a zip by their path, each read up to what all may weigh together."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise UnreadablePackage("La pièce IHE_XDM.zip n’est pas une archive zip.") from error
    with archive:
        listed = archive.infolist()
        if len(listed) > MOST_ENTRIES:
            raise UnreadablePackage(f"L’archive contient plus de {MOST_ENTRIES} fichiers.")
        found: dict[str, bytes] = {}
        left = LARGEST_INSIDE
        for said in listed:
            if said.is_dir():
                continue
            name = _name(said)
            if name.upper() in {each.upper() for each in found}:
                raise UnreadablePackage("L’archive contient deux fichiers du même nom.")
            found[name] = content = _content(archive, said, left)
            left -= len(content)
    return found


def _name(said: zipfile.ZipInfo) -> str:
    """Return the path of a file inside the archive, once it is known to stay inside."""
    # `orig_filename` still has what the library would quietly cut off.
    raw = said.orig_filename
    parts = raw.split("/")
    if (
        "\\" in raw
        or "\x00" in raw
        or raw.startswith("/")
        or ":" in raw
        or any(part in ("", ".", "..") for part in parts)
        or len(raw) > 300
    ):
        raise UnreadablePackage("L’archive contient un chemin qui en sort.")
    if stat.S_ISLNK(said.external_attr >> 16):
        raise UnreadablePackage("L’archive contient un lien.")
    if said.flag_bits & 0x1:
        raise UnreadablePackage("L’archive est protégée par un mot de passe.")
    return said.filename


def _content(archive: zipfile.ZipFile, said: zipfile.ZipInfo, left: int) -> bytes:
    try:
        with archive.open(said) as file:
            content = file.read(left + 1)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise UnreadablePackage("L’archive est abîmée.") from error
    except Exception as error:  # zlib, lzma and bz2 have errors of their own
        raise UnreadablePackage("L’archive est abîmée.") from error
    if len(content) > left:
        raise UnreadablePackage("Décompressée, l’archive pèse plus de 60 Mo : elle n’est pas lue.")
    if content.startswith(_ZIP):
        raise UnreadablePackage("L’archive contient une autre archive.")
    return content


def _entry(element: etree._Element, folder: str, files: dict[str, bytes]) -> Entry:
    where = unquote(_slot(element, "URI"))
    path = posixpath.normpath(posixpath.join(folder, where))
    by_name = {name.upper(): name for name in files}
    held = by_name.get(path.upper())
    if not where or held is None or path.startswith(("/", "..")):
        raise UnreadablePackage("Un document annoncé n’est pas dans l’archive.")
    data = files[held]
    size, digest = _slot(element, "size"), _slot(element, "hash").lower()
    if size and size != str(len(data)):
        raise UnreadablePackage("La taille d’un document n’est pas celle annoncée.")
    made = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if digest and not hmac.compare_digest(digest.encode(), made.encode()):
        raise UnreadablePackage("L’empreinte d’un document n’est pas celle annoncée.")
    if not digest or not size:
        raise UnreadablePackage("METADATA.XML n’annonce ni l’empreinte ni la taille d’un document.")
    return Entry(
        data=data,
        media_type=element.get("mimeType", ""),
        name=posixpath.basename(held),
        title=_said(element.find("r:Name", v.NS)),
        type=_classified(element, v.TYPE),
        unique_id=_external(element, v.DOCUMENT_UNIQUE),
        confidentialities=tuple(
            each.get("nodeRepresentation", "")
            for each in element.iterfind("r:Classification", v.NS)
            if each.get("classificationScheme") == v.CONFIDENTIALITY
        ),
        patient=_external(element, v.DOCUMENT_PATIENT),
    )


def _slot(element: etree._Element, name: str) -> str:
    for each in element.iterfind("r:Slot", v.NS):
        if each.get("name") == name:
            return "".join(each.itertext()).strip()
    return ""


def _classified(element: etree._Element, scheme: str) -> cda.Code:
    for each in element.iterfind("r:Classification", v.NS):
        if each.get("classificationScheme") == scheme:
            return cda.Code(
                each.get("nodeRepresentation", ""),
                _said(each.find("r:Name", v.NS)),
                _slot(each, "codingScheme"),
            )
    return cda.Code("")


def _external(element: etree._Element, scheme: str) -> str:
    for each in element.iter(f"{{{v.RIM}}}ExternalIdentifier"):
        if each.get("identificationScheme") == scheme:
            return each.get("value", "").strip()
    return ""


def _said(element: etree._Element | None) -> str:
    if element is None:
        return ""
    found = element.find("r:LocalizedString", v.NS)
    return "" if found is None else found.get("value", "")
