"""A stand-in for the INSi teleservice: for demonstrations and tests, with test matricules only.

It reads and writes the messages of the two calls. Whom it knows is whoever is asked about, under a
test INS made from the traits; a family name INCONNU is nobody, PLUSIEURS several, AUTRE somebody
whose official traits differ. It confirms the INS that it would give.
"""

import zlib
from xml.sax.saxutils import escape

from lxml import etree

from carbet.core.identifiers import make_ins

TEST_OID = "1.2.250.1.213.1.4.10"
_ASKED = "{http://www.cnamts.fr/INSiRecSans}"
_TO_VERIFY = "{http://www.cnamts.fr/INSiLot2/REQUnitaire}"
_FOUND = "http://www.cnamts.fr/INSiResultat"
_VERIFIED = "http://www.cnamts.fr/INSiLot2/REPUnitaire"


def answer(asked: bytes) -> bytes:
    """Return what the teleservice would answer to this message."""
    root = etree.fromstring(asked, etree.XMLParser(resolve_entities=False, no_network=True))
    verified = root.find(f".//{_TO_VERIFY}IndividuVerifie")
    if verified is not None:
        return _verify(verified)
    body = root.find(f".//{_ASKED}RECSANSVITALE")
    said = {
        each.tag.removeprefix(_ASKED): (each.text or "")
        for each in (body if body is not None else ())
    }
    family = said.get("NomNaissance", "").upper()
    if not family or family.startswith("INCONNU") or not said.get("DateNaissance"):
        return _result("01", "Aucune identite trouvee")
    if family.startswith("PLUSIEURS"):
        return _result("02", "Plusieurs identites trouvees")
    gender, born = said.get("Sexe", "F"), said["DateNaissance"]
    given = said.get("Prenom", "").upper()
    if family.startswith("AUTRE"):
        given, born = "TOUT AUTRE", "1930-01-02"
    place = said.get("LieuNaissance") or "97302"
    ins = _ins_of(family, given, gender, born, place)
    person = (
        f"<INDIVIDU><INSACTIF><IdIndividu><NumIdentifiant>{ins[:13]}</NumIdentifiant>"
        f"<Cle>{ins[13:]}</Cle></IdIndividu><OID>{TEST_OID}</OID></INSACTIF>"
        f"<TIQ><NomNaissance>{escape(family)}</NomNaissance>"
        f"<ListePrenom>{escape(given)}</ListePrenom><Sexe>{escape(gender)}</Sexe>"
        f"<DateNaissance>{escape(born)}</DateNaissance>"
        f"<LieuNaissance>{escape(place)}</LieuNaissance></TIQ></INDIVIDU>"
    )
    return _result("00", "OK", person)


def _verify(verified: "etree._Element") -> bytes:
    said = {each.tag.removeprefix(_TO_VERIFY): (each.text or "") for each in verified.iter("{*}*")}
    family = said["NomNaissance"].upper()
    ins = _ins_of(
        family,
        said["Prenom"].upper(),
        said.get("Sexe", "F"),
        said["DateNaissance"],
        said.get("LieuNaissance") or "97302",
    )
    right = said["NumIdentifiant"] + said["Cle"] == ins and said["OID"] == TEST_OID
    if right and not family.startswith(("INCONNU", "AUTRE")):
        return _result("00", "OK", space=_VERIFIED)
    return _result("01", "KO", space=_VERIFIED)


def _ins_of(family: str, given: str, gender: str, born: str, place: str) -> str:
    return make_ins(
        gender="male" if gender == "M" else "female",
        year=int(born[:4]),
        month=int(born[5:7]) or 1,
        birth_place=place,
        order=zlib.crc32(f"{family} {given} {born}".encode()) % 998 + 1,
    )


def _result(report: str, words: str, person: str = "", *, space: str = _FOUND) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        f'<RESULTAT xmlns="{space}">'
        f"<CR><CodeCR>{report}</CodeCR><LibelleCR>{words}</LibelleCR></CR>{person}"
        "</RESULTAT></s:Body></s:Envelope>"
    ).encode()
