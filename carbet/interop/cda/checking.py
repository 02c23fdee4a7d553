"""What is wrong with a document: our checks of the minimal structure, and the official XSD.

Source: CI-SIS, "Structuration minimale des documents de santé" (ASIP-STRUCT-MIN-StrucMin).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lxml import etree

from carbet.core.identifiers import INS_OIDS, is_ins
from carbet.interop.cda import vocabulary as v
from carbet.interop.cda.header import moment
from carbet.interop.cda.reading import clinical_document
from carbet.interop.cda.safety import parse

_OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+")
_UUID = re.compile(r"[A-Fa-f\d]{8}(-[A-Fa-f\d]{4}){3}-[A-Fa-f\d]{12}")
_LANGUAGE = re.compile(r"[a-z]{2}-[A-Z]{2}")
_MOST = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where (a path in the document), and why, in French."""

    where: str
    why: str


# (path, least, most): how many times an element stands there.
_COUNTS = (
    ("realmCode", 1, 1),
    ("typeId", 1, 1),
    ("id", 1, 1),
    ("code", 1, 1),
    ("title", 1, 1),
    ("effectiveTime", 1, 1),
    ("confidentialityCode", 1, 1),
    ("languageCode", 1, 1),
    ("setId", 1, 1),
    ("versionNumber", 1, 1),
    ("recordTarget", 1, 1),
    ("author", 1, None),
    ("custodian", 1, 1),
    ("legalAuthenticator", 1, 1),
    ("documentationOf", 1, None),
    ("componentOf", 1, 1),
    ("component", 1, 1),
    ("recordTarget/patientRole/patient", 1, 1),
    ("componentOf/encompassingEncounter/effectiveTime", 1, 1),
    ("componentOf/encompassingEncounter/location/healthCareFacility/code", 1, 1),
)
# With an INS: the strict traits (RNIV).
_TRAITS = (
    ("patient/name/family[@qualifier='BR']", "le nom de naissance (family, qualifier BR)"),
    ("patient/name/given[@qualifier='BR']", "le premier prénom (given, qualifier BR)"),
    ("patient/name/given[not(@qualifier)]", "la liste des prénoms (given sans qualifier)"),
    ("patient/administrativeGenderCode[@code]", "le sexe"),
    ("patient/birthTime[@value]", "la date de naissance"),
    ("patient/birthplace/place/addr/county", "le code INSEE du lieu de naissance"),
)


def findings(data: bytes) -> list[Finding]:
    """Return what is wrong with the minimal structure of a document, at most 100 findings.

    Raises:
        UnreadableDocument: it cannot be read at all.
    """
    root = clinical_document(parse(data))
    found: list[Finding] = []
    _counts(root, found)
    _templates(root, found)
    _codes(root, found)
    _person(root, found)
    _people(root, found)
    _numbers(root, found)
    return found[:_MOST]


def schema_errors(data: bytes, schema: Path) -> list[Finding]:
    """Return where a document breaks the official schema, at most 100 findings.

    Args:
        schema: a copy of `CDA_extended.xsd`, with the files that it includes beside it.

    Raises:
        UnreadableDocument: the document cannot be read at all.
        etree.XMLSchemaParseError, OSError: the schema cannot.
    """
    root = clinical_document(parse(data))
    validator = _schema(str(schema), schema.stat().st_mtime_ns)
    # A document that presents itself stands inside another one: it is judged alone.
    alone = root if root.getparent() is None else etree.fromstring(etree.tostring(root))
    if validator.validate(alone):
        return []
    return [
        Finding(f"ligne {each.line}", each.message[:500])
        for each in list(validator.error_log)[:_MOST]
    ]


@lru_cache(maxsize=4)
def _schema(path: str, modified: int) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(path, etree.XMLParser(no_network=True, load_dtd=False)))


def _path(said: str) -> str:
    return "/".join(f"h:{part}" for part in said.split("/"))


def _all(element: etree._Element, said: str) -> list[etree._Element]:
    return element.xpath(_path(said), namespaces=v.NS)


def _counts(root: etree._Element, found: list[Finding]) -> None:
    for path, least, most in _COUNTS:
        count = len(_all(root, path))
        if count < least:
            found.append(Finding(path, "élément obligatoire absent"))
        elif most is not None and count > most:
            found.append(Finding(path, f"présent {count} fois au lieu de {most}"))
    replaced = root.xpath("h:relatedDocument[@typeCode='RPLC']", namespaces=v.NS)
    if len(replaced) > 1:
        found.append(Finding("relatedDocument", "un document n’en remplace qu’un autre"))


def _templates(root: etree._Element, found: list[Finding]) -> None:
    roots = [each.get("root") for each in _all(root, "templateId")]
    for wanted, name in ((v.HL7_FRANCE, "HL7 France"), (v.CI_SIS, "CI-SIS")):
        if roots.count(wanted) != 1:
            found.append(Finding("templateId", f"conformité {name} ({wanted}) à déclarer une fois"))
    if not set(roots) - {v.HL7_FRANCE, v.CI_SIS}:
        found.append(Finding("templateId", "conformité au modèle du document non déclarée"))
    unstructured = bool(_all(root, "component/nonXMLBody"))
    if unstructured and sorted(filter(None, roots)) != sorted((v.HL7_FRANCE, v.CI_SIS, v.XDS_SD)):
        found.append(
            Finding("templateId", "un corps non structuré déclare HL7 France, CI-SIS et XDS-SD")
        )


def _codes(root: etree._Element, found: list[Finding]) -> None:
    _equals(root, "realmCode", "code", "FR", found)
    _equals(root, "typeId", "root", v.TYPE_ID[0], found)
    _equals(root, "typeId", "extension", v.TYPE_ID[1], found)
    for path in ("id", "setId"):
        for each in _all(root, path):
            said = each.get("root", "")
            if not (_OID.fullmatch(said) or _UUID.fullmatch(said)):
                found.append(Finding(f"{path}/@root", "ni OID ni UUID"))
    for each in _all(root, "code"):
        if each.get("codeSystem") not in v.DOCUMENT_TYPES or not each.get("code"):
            found.append(Finding("code", "type de document hors de LOINC et de TA_CDA (J07)"))
        if not each.get("displayName"):
            found.append(Finding("code/@displayName", "libellé absent"))
    if any(not "".join(each.itertext()).strip() for each in _all(root, "title")):
        found.append(Finding("title", "titre vide"))
    for each in _all(root, "effectiveTime"):
        said = each.get("value", "")
        if moment(said) is None or not re.search(r"[+-]\d{4}$", said):
            found.append(Finding("effectiveTime/@value", "date et heure avec fuseau attendues"))
    for each in _all(root, "confidentialityCode"):
        if each.get("code") not in v.CONFIDENTIALITIES:
            found.append(Finding("confidentialityCode/@code", "N, R ou V attendu (J08)"))
    for each in _all(root, "languageCode"):
        if not _LANGUAGE.fullmatch(each.get("code", "")):
            found.append(Finding("languageCode/@code", "langue attendue, par exemple fr-FR"))
    for each in _all(root, "versionNumber"):
        said = each.get("value", "")
        if not (said.isascii() and said.isdigit() and int(said) > 0):
            found.append(Finding("versionNumber/@value", "entier positif attendu"))


def _person(root: etree._Element, found: list[Finding]) -> None:
    for role in _all(root, "recordTarget/patientRole"):
        held = [each for each in _all(role, "id") if each.get("root")]
        if not held:
            found.append(Finding("recordTarget/patientRole/id", "aucun identifiant"))
        national = [each for each in held if each.get("root") in INS_OIDS]
        for each in national:
            if not is_ins(each.get("extension", "")):
                found.append(Finding("recordTarget/patientRole/id", "INS mal formé, ou clé fausse"))
        if national:
            for path, said in _TRAITS:
                if not role.xpath(_path(path), namespaces=v.NS):
                    found.append(
                        Finding(f"recordTarget/patientRole/{path}", f"avec un INS : {said}")
                    )
        for each in role.xpath("h:patient/h:name/*[@qualifier]", namespaces=v.NS):
            if not set(each.get("qualifier", "").split()) <= {"BR", "CL", "SP"}:
                found.append(
                    Finding("recordTarget/patientRole/patient/name", "qualifier BR ou CL attendu")
                )


def _people(root: etree._Element, found: list[Finding]) -> None:
    for author in _all(root, "author"):
        if not author.xpath("h:time[@value or @nullFlavor]", namespaces=v.NS):
            found.append(Finding("author/time", "date absente"))
        if not author.xpath("h:assignedAuthor/h:id", namespaces=v.NS):
            found.append(Finding("author/assignedAuthor/id", "identifiant de l’auteur absent"))
    for each in _all(root, "legalAuthenticator/signatureCode"):
        if each.get("code") != "S":
            found.append(Finding("legalAuthenticator/signatureCode", "code S attendu"))
    first = next(iter(_all(root, "documentationOf/serviceEvent")), None)
    if first is None:
        return
    if len(_all(first, "effectiveTime")) != 1:
        found.append(Finding("documentationOf/serviceEvent/effectiveTime", "période attendue"))
    performers = _all(first, "performer")
    if len(performers) != 1:
        found.append(Finding("documentationOf/serviceEvent/performer", "un exécutant attendu"))
    elif not _all(
        first, "performer/assignedEntity/representedOrganization/standardIndustryClassCode"
    ):
        found.append(
            Finding("documentationOf/serviceEvent/performer", "cadre d’exercice absent (J04)")
        )


# Where a structure or a professional is named by a national number or by none.
_NATIONAL = (
    ("author/assignedAuthor/representedOrganization/id", (v.STRUCTURE,)),
    ("legalAuthenticator/assignedEntity/representedOrganization/id", (v.STRUCTURE,)),
    ("informationRecipient/intendedRecipient/id", (v.PROFESSIONAL,)),
    ("informationRecipient/intendedRecipient/receivedOrganization/id", (v.STRUCTURE,)),
    (
        "custodian/assignedCustodian/representedCustodianOrganization/id",
        (v.STRUCTURE, v.PATIENT_HOST),
    ),
)


def _numbers(root: etree._Element, found: list[Finding]) -> None:
    for path, wanted in _NATIONAL:
        for each in _all(root, path):
            if each.get("root") not in wanted and not each.get("nullFlavor"):
                found.append(Finding(f"{path}/@root", f"numéro national attendu ({wanted[0]})"))


def _equals(
    root: etree._Element, path: str, attribute: str, wanted: str, found: list[Finding]
) -> None:
    for each in _all(root, path):
        if each.get(attribute) != wanted:
            found.append(Finding(f"{path}/@{attribute}", f"« {wanted} » attendu"))
