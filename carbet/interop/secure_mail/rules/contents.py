"""What a mail brings to a record: the documents of its archives, checked, and whom they name."""

import io
import json
from dataclasses import dataclass, replace
from datetime import date

from carbet.coordination.documents.choices import document_type
from carbet.coordination.documents.rules import clinical, receiving
from carbet.coordination.documents.rules.clinical import Described
from carbet.coordination.documents.rules.content import UnknownContent
from carbet.core import names
from carbet.core.sharing import Visibility
from carbet.interop import cda, xdm
from carbet.interop.secure_mail.choices import ErrorCode
from carbet.interop.secure_mail.rules.reading import MOST_ARCHIVES, Mail

_FILES = frozenset({"application/pdf", "image/jpeg", "image/png", "text/plain"})


class Refused(Exception):
    """The mail cannot be carried out as it is: it waits apart, with a code and a reason."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Doubtful(Exception):
    """A person must decide to whom the mail belongs: it waits in the tray."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Carried:
    """A document of a mail: the file as it may be kept, and what it says of itself."""

    received: receiving.Received
    described: Described
    visibility: str
    is_clinical: bool


def carried(mail: Mail) -> list[Carried]:
    """Return the documents of the archives of a mail, each verified.

    Raises:
        Refused: the subject and the archive disagree, or something in it is hostile or spoilt.
    """
    if mail.spoilt:
        raise Refused(ErrorCode.OTHER, "Ce courrier est mal formé : il n’est pas lu.")
    if mail.archives and not mail.announces:
        raise Refused(ErrorCode.OTHER, "L’objet ne commence pas par « XDM/1.0/DDM+ ».")
    if mail.announces and not mail.archives:
        raise Refused(ErrorCode.OTHER, "L’objet annonce une archive IHE_XDM.zip qui n’y est pas.")
    if len(mail.archives) > MOST_ARCHIVES:
        raise Refused(ErrorCode.OTHER, f"Plus de {MOST_ARCHIVES} archives dans un même courrier.")
    found: list[Carried] = []
    for archive in mail.archives:
        try:
            package = xdm.read(archive)
        except xdm.UnreadablePackage as error:
            raise Refused(ErrorCode.OTHER, str(error)) from error
        found += [_entry(mail, each) for each in package.entries]
    return found


def loose(mail: Mail) -> list[Carried]:
    """Return the files of a mail without archive that a record may keep, by hand only."""
    found = []
    for rank, each in enumerate(mail.attachments, 1):
        if each.media_type not in _FILES and not each.name.lower().endswith((".pdf", ".xml")):
            continue
        try:
            received = receiving.receive(each.name, io.BytesIO(each.data), len(each.data))
        except UnknownContent:
            continue
        if _is_markup(each.data):
            try:
                found.append(
                    Carried(received, clinical.describe(each.data), Visibility.CIRCLE, True)
                )
            except clinical.UnreadableDocument:
                continue
        else:
            told = _plain(mail, identifier=f"{received.digest[:40]}:{rank}", title=each.name)
            found.append(Carried(received, told, Visibility.CIRCLE, False))
    return found


def person_of(documents: list[Carried]) -> cda.Patient:
    """Return the one person whom all the documents name.

    Raises:
        Doubtful: nobody, or several.
    """
    named = [each.described.person for each in documents if each.is_clinical]
    if not named:
        raise Doubtful(ErrorCode.UNKNOWN, "Aucun document du courrier ne nomme la personne.")
    if len({_identity(each) for each in named}) > 1:
        raise Doubtful(ErrorCode.OTHER, "Ce courrier parle de plusieurs personnes.")
    return named[0]


def complete_ins(person: cda.Patient) -> cda.Identifier:
    """Return the INS of a person as a document tells it, once it is whole.

    Raises:
        Doubtful: absent (903), or without the strict traits that go with it (905).
    """
    ins = person.ins
    if ins is None or not ins.extension.strip():
        raise Doubtful(ErrorCode.NO_INS, "Le document ne porte pas d’INS.")
    missing = [
        label
        for label, value in (
            ("nom de naissance", person.birth_family),
            ("prénoms", person.birth_given or person.first_given),
            ("date de naissance", person.birth_date),
            ("sexe", person.gender if person.gender != "unknown" else ""),
        )
        if not value
    ]
    if missing:
        raise Doubtful(
            ErrorCode.INS_INCOMPLETE, f"L’INS vient sans tous ses traits : {', '.join(missing)}."
        )
    return ins


def traits_text(person: cda.Patient) -> str:
    """Return the traits in a few words, for whoever decides."""
    said = [person.birth_family, person.birth_given or person.first_given]
    if isinstance(person.birth_date, date):
        said.append(f"{person.birth_date:%d/%m/%Y}")
    return " ".join(filter(None, said))


def _entry(mail: Mail, entry: xdm.Entry) -> Carried:
    hidden = set(entry.confidentialities)
    if "MASQUE_PS" in hidden:
        raise Refused(ErrorCode.OTHER, "Document masqué aux professionnels : il n’est pas classé.")
    visibility = (
        Visibility.PROFESSIONALS
        if hidden & {"INVISIBLE_PATIENT", "INVISIBLE_REP_LEGAUX"}
        else Visibility.CIRCLE
    )
    try:
        if _is_markup(entry.data):
            described = clinical.describe(entry.data)
            received = receiving.receive(
                f"{described.title}.xml", _stream(entry.data), len(entry.data)
            )
            if not described.identifier:
                described = replace(described, identifier=f"urn:carbet:mss:{received.digest[:40]}")
            return Carried(received, described, visibility, True)
        received = receiving.receive(
            entry.title or entry.name, _stream(entry.data), len(entry.data)
        )
    except (UnknownContent, clinical.UnreadableDocument) as error:
        raise Refused(ErrorCode.OTHER, str(error)) from error
    told = _plain(mail, identifier=received.digest[:40], title=entry.title, kind=entry.type.code)
    return Carried(received, told, visibility, False)


def _plain(mail: Mail, *, identifier: str, title: str, kind: str = "") -> Described:
    return Described(
        identifier=f"urn:carbet:mss:{identifier}",
        set_identifier="",
        set_version=1,
        replaces="",
        type=document_type(kind),
        title=(title or "Document")[:200],
        made_on=None,
        confidentiality="N",
        author=mail.heading.sender or "Auteur non nommé",
        finess="",
        person=cda.Patient(),
        words="",
    )


def _identity(person: cda.Patient) -> str:
    """Return what tells one person from another within a mail."""
    if person.ins is not None:
        return person.ins.extension.replace(" ", "")
    return json.dumps(
        [
            names.strict_form(person.birth_family),
            names.strict_form((person.first_given or person.birth_given).split(" ")[0]),
            str(person.birth_date),
        ]
    )


def _stream(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)


def _is_markup(data: bytes) -> bool:
    return data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
