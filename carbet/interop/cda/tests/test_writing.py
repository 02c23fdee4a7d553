"""What is written reads back the same, and breaks no rule of the minimal structure."""

import dataclasses
import uuid
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbet.interop import cda
from carbet.interop.cda.tests import official, schematron
from carbet.interop.cda.tests.factories import CLAIRE, DOCTOR, HOSPITAL, PDF, header, letter


def test_a_letter_breaks_no_rule():
    assert cda.findings(letter()) == []


def test_a_letter_passes_the_official_schema():
    if not official.SCHEMA.exists():
        pytest.skip(f"{official.SCHEMA} manque")
    full = letter(
        recipients=(DOCTOR,),
        attending=DOCTOR,
        version=2,
        set_id=cda.Identifier("2.25.12"),
        replaces=cda.Replaced(cda.Identifier("2.25.11")),
    )
    unknown = letter(
        patient=cda.Patient(
            (cda.Identifier("2.25.1", "5"),),
            "X",
            "Y",
            "Y",
            birth_date=date(1951, 1, 1),
            birth_date_precision="year",
        )
    )
    for data in (letter(), full, unknown):
        assert cda.schema_errors(data, official.SCHEMA) == []
        assert cda.findings(data) == []
    assert cda.schema_errors(letter().replace(b"<realmCode", b"<wrong"), official.SCHEMA)


def test_what_is_written_reads_back():
    written = header(version=3, set_id=cda.Identifier("2.25.12"), attending=DOCTOR)
    read = cda.read(cda.write_level_one(written, PDF)).header
    for name in ("identifier", "set_id", "version", "type", "title", "effective_at", "patient"):
        assert getattr(read, name) == getattr(written, name)
    assert read.authors[0].name == DOCTOR.name
    assert read.attending.rpps == DOCTOR.rpps
    assert read.custodian.identifier == HOSPITAL.identifier


@given(st.text(max_size=300), st.text(min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_text_breaks_what_is_written(title, name):
    data = letter(title=title, patient=dataclasses.replace(CLAIRE, birth_family=name))
    assert cda.read(data).body.data == PDF


@pytest.mark.parametrize(
    "changed",
    [
        {"custodian": None},
        {"custodian": cda.Organization("Sans numéro")},
        {"authors": ()},
        {"authors": (dataclasses.replace(DOCTOR, identifier=None),)},
        {"effective_at": None},
        {"patient": cda.Patient()},
        {"identifier": cda.Identifier("")},
    ],
    ids=str,
)
def test_what_no_rule_could_accept_is_not_written(changed):
    with pytest.raises(ValueError):
        letter(**changed)


def test_only_a_pdf_is_carried():
    with pytest.raises(ValueError):
        letter(b"<html>")


BREACHES = {
    "realmCode/@code": (b'realmCode code="FR"', b'realmCode code="US"'),
    "title": (b"Lettre de sortie", b" "),
    "effectiveTime/@value": (b'e value="20261120113000-0300"/><conf', b'e value="2026"/><conf'),
    "confidentialityCode/@code": (b'ityCode code="N"', b'ityCode code="X"'),
    "languageCode/@code": (b"fr-FR", b"francais"),
    "versionNumber/@value": (b'versionNumber value="1"', b'versionNumber value="0"'),
    "id/@root": (b'<id root="2.25.4000000"/>', b'<id root="not-an-oid"/>'),
    "code": (b'codeSystem="2.16.840.1.113883.6.1"', b'codeSystem="1.2.3"'),
    "templateId": (b'<templateId root="1.3.6.1.4.1.19376.1.2.20"/>', b""),
    "recordTarget/patientRole/id": (b"251039730200722", b"251039730200700"),
    "recordTarget/patientRole/patient/birthplace/place/addr/county": (b"county>", b"state>"),
    "recordTarget/patientRole/patient/name/family[@qualifier='BR']": (b'"BR">R', b'"CL">R'),
    "legalAuthenticator/signatureCode": (b'signatureCode code="S"', b'signatureCode code="I"'),
    "documentationOf/serviceEvent/performer": (b"standardIndustryClassCode", b"other"),
}  # fmt: skip


@pytest.mark.parametrize(("where", "change"), BREACHES.items(), ids=BREACHES)
def test_each_rule_is_held(where, change):
    spoilt = letter().replace(*change)
    assert spoilt != letter()
    assert where in {each.where for each in cda.findings(spoilt)}


def test_two_persons_are_seen():
    data = letter().decode()
    target = data[data.index("<recordTarget>") : data.index("</recordTarget>") + 15]
    twice = data.replace(target, target * 2).encode()
    assert cda.Finding("recordTarget", "présent 2 fois au lieu de 1") in cda.findings(twice)


def test_an_identifier_made_of_a_uuid_is_an_oid():
    made = cda.new_identifier(uuid.UUID("12345678-1234-5678-1234-567812345678"))
    assert made.root == "2.25.24197857161011715162171839636988778104"


LOCAL = cda.Identifier("2.25.77", "A12")
UNNUMBERED = dataclasses.replace(DOCTOR, identifier=LOCAL, organization=cda.Organization("Cabinet"))
VARIANTS = {
    "letter": {},
    "everything": {
        "recipients": (DOCTOR,),
        "attending": DOCTOR,
        "version": 2,
        "set_id": cda.Identifier("2.25.12"),
        "replaces": cda.Replaced(cda.Identifier("2.25.11")),
    },
    "without a title": {"title": ""},
    "without national numbers": {
        "authors": (UNNUMBERED,),
        "recipients": (UNNUMBERED,),
        "attending": UNNUMBERED,
    },
    "local numbers": {
        "authors": (dataclasses.replace(DOCTOR, organization=cda.Organization("Cabinet", LOCAL)),),
        "recipients": (
            dataclasses.replace(UNNUMBERED, organization=cda.Organization("Cabinet", LOCAL)),
        ),
    },
    "no INS, a year of birth": {
        "patient": dataclasses.replace(
            CLAIRE, identifiers=CLAIRE.identifiers[1:], birth_date_precision="year"
        )
    },
    **{
        code: {"type": cda.Code(code, "Document", system)}
        for code, system in (
            ("18776-5", cda.vocabulary.LOINC),
            ("74207-2", cda.vocabulary.LOINC),
            ("96349-6", cda.vocabulary.LOINC),
            ("FICHE-CONTACTS", cda.vocabulary.TA_CDA),
        )
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_written_passes_the_official_rules_and_ours(variant, tmp_path_factory):
    data = letter(**VARIANTS[variant])
    assert cda.findings(data) == []
    schematron.needed()
    assert schematron.faults(data, tmp_path_factory.getbasetemp()) == []


def test_both_refuse_a_local_number_where_a_national_one_is_due(tmp_path_factory):
    data = letter(custodian=cda.Organization("Cabinet", LOCAL))
    assert [each.where for each in cda.findings(data)] == [
        "custodian/assignedCustodian/representedCustodianOrganization/id/@root"
    ]
    schematron.needed()
    assert any(
        "custodian" in each for each in schematron.faults(data, tmp_path_factory.getbasetemp())
    )
