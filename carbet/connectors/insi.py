"""The INSi teleservice of the health insurance: whose INS is it, and is it still theirs (SOAP 1.2).

`rechercherInsAvecTraitsIdentite` of ServiceIdentiteCertifiee 1.0: a report (00 found, 01 nobody, 02
several) and, when found, the matricule with its OID, the former ones, and the official traits.
`verifierInsAvecTraitsIdentite` is given a matricule with the traits, and says yes (00) or no (01).
Its message was written from its type names alone, its schema being reserved to editors: compare it
with theirs before the first production call. The operator is known by the certificate of the
structure. What comes back is read without entities.
"""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from xml.sax.saxutils import escape

import requests
from django.conf import settings
from lxml import etree

from carbet.connectors import insi_stand_in

_SERVICE = "urn:ServiceIdentiteCertifiee:1.0.0:"
ACTION = f"{_SERVICE}rechercherInsAvecTraitsIdentite"
VERIFY_ACTION = f"{_SERVICE}verifierInsAvecTraitsIdentite"
FOUND, NOBODY, SEVERAL = "00", "01", "02"
CONFIRMED, DENIED = "00", "01"
_RESULT = "{http://www.cnamts.fr/INSiResultat}"
_VERIFIED = "{http://www.cnamts.fr/INSiLot2/REPUnitaire}"
_TIMEOUT_SECONDS = (5, 10)
_LARGEST_ANSWER = 256 * 1024


class NotConnected(Exception):
    """No teleservice is set up here."""


class Unreadable(Exception):
    """The teleservice answered what cannot be read."""


@dataclass(frozen=True)
class Question:
    """The traits by which somebody is sought: one given name, the place when it is known."""

    family: str
    given: str
    gender: str
    birth_date: date
    birth_place_code: str = ""
    # "day", "month" or "year": how far the date is known.
    birth_date_precision: str = "day"

    @property
    def born(self) -> str:
        """The date as the teleservice takes it: what is unknown of it is 00 (lunar date)."""
        known = {"year": 4, "month": 7}.get(self.birth_date_precision, 10)
        return self.birth_date.isoformat()[:known] + "-00-00"[: 10 - known]


@dataclass(frozen=True)
class Answer:
    """What the teleservice says; without a person unless the report is 00."""

    report: str
    words: str
    ins: str = ""
    oid: str = ""
    # Former matricules with their OID.
    former: tuple[tuple[str, str], ...] = ()
    family: str = ""
    given: tuple[str, ...] = ()
    gender: str = ""
    birth_date: date | None = None
    # "day", "month" or "year": how far the date is known.
    birth_date_precision: str = "day"
    birth_place_code: str = ""

    @property
    def system(self) -> str:
        """The OID as a URN."""
        return f"urn:oid:{self.oid}" if self.oid else ""


def recover(question: Question, *, now: datetime, stand_in: bool) -> Answer:
    """Ask for the INS of somebody by their traits.

    Raises:
        NotConnected: nothing is set up, and this is no demonstration.
        ConnectionError: no answer now.
        Unreadable: the answer is not one.
    """
    asked = envelope(question, now=now)
    return read(insi_stand_in.answer(asked) if stand_in else _post(asked, ACTION))


def verify(question: Question, *, ins: str, oid: str, now: datetime, stand_in: bool) -> bool:
    """Ask whether a matricule still is that of whoever bears these traits, in one call.

    Raises:
        NotConnected: nothing is set up, and this is no demonstration.
        ConnectionError: no answer now.
        Unreadable: the answer is neither yes nor no.
    """
    asked = verification(question, ins=ins, oid=oid, now=now)
    content = insi_stand_in.answer(asked) if stand_in else _post(asked, VERIFY_ACTION)
    report = _text(_root(content).find(f".//{_VERIFIED}RESULTAT"), "CR/CodeCR", space=_VERIFIED)
    if report not in (CONFIRMED, DENIED):
        raise Unreadable("réponse illisible du téléservice INSi à une vérification")
    return report == CONFIRMED


def _post(asked: bytes, action: str) -> bytes:
    if not settings.INSI_URL:
        raise NotConnected("le téléservice INSi n’est pas configuré (CARBET_INSI_URL)")
    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.post(
                settings.INSI_URL,
                data=asked,
                headers={"Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"'},
                cert=(settings.INSI_CERTIFICATE, settings.INSI_KEY),
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            ) as reply:
                content = next(reply.iter_content(_LARGEST_ANSWER), b"")
        except requests.RequestException as error:
            raise ConnectionError(type(error).__name__) from error
    if reply.status_code != 200:
        raise ConnectionError(f"statut {reply.status_code}")
    return content


def envelope(question: Question, *, now: datetime) -> bytes:
    """Return the SOAP message of a search by traits."""
    body = f"<r:RECSANSVITALE>{_traits(question)}</r:RECSANSVITALE>"
    return _message(body, space="http://www.cnamts.fr/INSiRecSans", action=ACTION, now=now)


def verification(question: Question, *, ins: str, oid: str, now: datetime) -> bytes:
    """Return the SOAP message that asks whether an INS still is that of these traits."""
    body = (
        "<r:VERIFICATION><r:IndividuVerifie><r:INSFourni><r:IdIndividu>"
        f"<r:NumIdentifiant>{escape(ins[:13])}</r:NumIdentifiant>"
        f"<r:Cle>{escape(ins[13:])}</r:Cle></r:IdIndividu><r:OID>{escape(oid)}</r:OID>"
        f"</r:INSFourni><r:TraitsIdentiteIndividu>{_traits(question)}</r:TraitsIdentiteIndividu>"
        "</r:IndividuVerifie></r:VERIFICATION>"
    )
    space = "http://www.cnamts.fr/INSiLot2/REQUnitaire"
    return _message(body, space=space, action=VERIFY_ACTION, now=now)


def _traits(question: Question) -> str:
    said = {
        "NomNaissance": question.family,
        "Prenom": question.given,
        "Sexe": {"male": "M", "female": "F"}.get(question.gender, ""),
        "DateNaissance": question.born,
        "LieuNaissance": question.birth_place_code,
    }
    return "".join(f"<r:{name}>{escape(value)}</r:{name}>" for name, value in said.items() if value)


def _message(body: str, *, space: str, action: str, now: datetime) -> bytes:
    message = str(uuid.uuid4())
    emitter, at = escape(settings.INSI_EMITTER), now.isoformat()
    context = f"<{{0}}:Id>{message}</{{0}}:Id><{{0}}:Temps>{at}</{{0}}:Temps>"
    context += f"<{{0}}:Emetteur>{emitter}</{{0}}:Emetteur>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:b="urn:siram:bam:ctxbam"'
        f' xmlns:l="urn:siram:lps:ctxlps" xmlns:r="{space}"><s:Header>'
        f"<a:Action>{action}</a:Action><a:MessageID>uuid:{message}</a:MessageID>"
        f'<b:ContexteBAM Version="01_02">{context.format("b")}<b:COUVERTURE/></b:ContexteBAM>'
        f'<l:ContexteLPS Nature="CTXLPS" Version="01_00">{context.format("l")}<l:LPS>'
        f'<l:IDAM R="4">{escape(settings.INSI_IDAM)}</l:IDAM><l:Version>1.0</l:Version>'
        f"<l:Instance>{message}</l:Instance><l:Nom>urn:lps:carbet:1.0</l:Nom></l:LPS>"
        f"</l:ContexteLPS></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def read(content: bytes) -> Answer:
    """Read an answer of the teleservice.

    Raises:
        Unreadable: it is not XML, declares a document type, or holds no report.
    """
    result = _root(content).find(f".//{_RESULT}RESULTAT")
    report = _text(result, "CR/CodeCR")
    if result is None or not report:
        raise Unreadable("réponse sans compte rendu du téléservice INSi")
    if report != FOUND:
        return Answer(report, _text(result, "CR/LibelleCR"))
    born = _text(result, "INDIVIDU/TIQ/DateNaissance")
    try:
        # A lunar date (month or day 00) is kept as its first day, with how far it is known.
        birth_date = date.fromisoformat(born.replace("-00", "-01")) if born else None
    except ValueError as error:
        raise Unreadable("date de naissance illisible du téléservice INSi") from error
    given = _text(result, "INDIVIDU/TIQ/ListePrenom") or _text(result, "INDIVIDU/TIQ/Prenom")
    return Answer(
        report,
        _text(result, "CR/LibelleCR"),
        ins=_matricule(result.find(_path("INDIVIDU/INSACTIF"))),
        oid=_text(result, "INDIVIDU/INSACTIF/OID"),
        former=tuple(
            (_matricule(each), _text(each, "OID"))
            for each in result.findall(_path("INDIVIDU/INSHISTO"))[:20]
        ),
        family=_text(result, "INDIVIDU/TIQ/NomNaissance"),
        given=tuple(given.split()),
        gender={"M": "male", "F": "female"}.get(_text(result, "INDIVIDU/TIQ/Sexe"), "unknown"),
        birth_date=birth_date,
        birth_date_precision=_precision(born),
        birth_place_code=_text(result, "INDIVIDU/TIQ/LieuNaissance"),
    )


def _root(content: bytes) -> "etree._Element":
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable("réponse illisible du téléservice INSi") from error
    if root.getroottree().docinfo.doctype:
        raise Unreadable("réponse refusée : elle déclare un type de document")
    return root


def _precision(born: str) -> str:
    if born[4:7] == "-00":
        return "year"
    return "month" if born[7:10] == "-00" else "day"


def _path(steps: str, space: str = _RESULT) -> str:
    return "/".join(f"{space}{step}" for step in steps.split("/"))


def _text(element: "etree._Element | None", steps: str, space: str = _RESULT) -> str:
    found = element.findtext(_path(steps, space)) if element is not None else ""
    return (found or "").strip()[:200]


def _matricule(element: "etree._Element | None") -> str:
    return _text(element, "IdIndividu/NumIdentifiant") + _text(element, "IdIndividu/Cle")
