"""Documents of hospitals: filed, replaced and cancelled in whatever order, by identity only."""

import base64
import dataclasses
from uuid import UUID

import pytest

from carbet.coordination.alerts.models import Alert
from carbet.coordination.documents.models import Document, File
from carbet.coordination.documents.tests.factories import PDF
from carbet.core.models import AuditEvent
from carbet.interop import cda
from carbet.interop.cda.tests.factories import CLAIRE, letter
from carbet.interop.hospital_feed.tests.messages import msh, official, pid

pytestmark = pytest.mark.django_db


def mdm(event, data, *, control, txa="1.2.3.901", replaces="", order="", code="N", **person):
    said = {
        "ins": CLAIRE.ins.extension,
        "number": "",
        "family": CLAIRE.birth_family,
        "given": CLAIRE.birth_given,
        "birth": f"{CLAIRE.birth_date:%Y%m%d}",
        "sex": "F" if CLAIRE.gender == "female" else "M",
    }
    order = order or {"T02": "NW", "T10": "RO", "T04": "CA"}.get(event, "")
    carried = data if isinstance(data, str) else base64.b64encode(data).decode()
    lines = [
        msh(f"MDM^{event}^MDM_T02", control=control),
        "EVN||20261122110000",
        pid(**(said | person)),
        "PV1|1|N",
        f"ORC|{order}|",
        "OBR|1|||11490-0^Lettre de sortie^LN|",
        f"TXA|1|11490-0|TEXT|202611221100||||||||{txa}|{replaces}||||AU",
        f"OBX|1|ED|11490-0^Lettre de sortie^LN||^text^XML^Base64^{carried}||||||F|",
        "PRT||UC||SB^^participation|801234564895^Eric^Thomas|||Hôpital du Larivot",
        f"OBX|2|CWE|INVISIBLE_PATIENT^x^MetaDMPMSS||{code}^^expandedYes-NoIndicator||||||F|",
        "OBX|3|ED|CORPSMAIL_PS^Corps^MetaDMPMSS||^text^^Base64^Q2hlciBjb25m6||||||F|",
    ]
    return ("\r".join(lines) + "\r").encode()


def papers(feed):
    with feed.as_house():
        return list(Document.objects.order_by("pk"))


def replacing(seed, former, version=2):
    return letter(
        seed=seed,
        version=version,
        replaces=cda.Replaced(cda.new_identifier(UUID(int=former))),
    )


def test_a_discharge_letter_reaches_the_record_and_alerts_the_circle(claire):
    [row] = claire.send(mdm("T02", letter(seed=901), control="1"))
    assert (row.status, row.reason, row.patient_id) == (
        "done", "Document classé.", claire.patient.pk,
    )  # fmt: skip
    [document] = papers(claire)
    assert (document.type, document.origin, document.status) == ("11490-0", "hospital", "current")
    assert document.visibility == "circle"
    with claire.as_house():
        told = set(Alert.objects.filter(kind="document").values_list("recipient", flat=True))
        trace = AuditEvent.objects.get(operation="document.receive")
    assert told == {claire.world.roles[each].key for each in ("gp", "nurse")}
    assert (trace.patient_id, trace.agent_name) == (claire.patient.pk, "Hôpital du Larivot")


def test_what_the_person_must_not_see_is_for_professionals(claire):
    claire.send(mdm("T02", letter(seed=901), control="1", code="Y"))
    assert [each.visibility for each in papers(claire)] == ["professionals"]
    claire.send(mdm("T10", replacing(902, 901), control="2", code="N"))
    assert [(each.visibility, each.version) for each in papers(claire)] == [("circle", 2)]


def test_a_document_is_replaced_then_cancelled(claire):
    rows = claire.send(
        mdm("T02", letter(seed=901), control="1"),
        mdm("T10", replacing(902, 901), control="2"),
        mdm("T04", replacing(902, 901), control="3"),
    )
    assert [row.reason for row in rows] == [
        "Document classé.", "Document remplacé.", "Document retiré.",
    ]  # fmt: skip
    [document] = papers(claire)
    assert (document.status, document.version) == ("entered-in-error", 2)


def test_the_former_version_sent_again_changes_nothing(claire):
    claire.send(
        mdm("T02", letter(seed=901), control="1"), mdm("T10", replacing(902, 901), control="2")
    )
    for event in ("T02", "T04"):
        [row] = claire.send(mdm(event, letter(seed=901), control=event))
        assert (row.status, row.reason) == ("ignored", "Document déjà connu.")
    assert [(each.status, each.version) for each in papers(claire)] == [("current", 2)]


def test_what_comes_in_the_reverse_order_ends_the_same(claire):
    claire.send(mdm("T10", replacing(902, 901), control="2"))
    claire.send(mdm("T02", letter(seed=901), control="1"))
    assert [each.status for each in papers(claire)] == ["current", "superseded"]
    claire.send(mdm("T04", letter(seed=903), control="3"))
    [row] = claire.send(mdm("T02", letter(seed=903), control="4"))
    assert row.status == "ignored"
    assert [each.status for each in papers(claire)][2:] == ["entered-in-error"]


def test_one_number_under_two_oids_is_two_documents(claire):
    """TXA-12 may hold an identifier in parts (EI): "58132^^1.2.250.9^ISO"."""
    sent = [
        mdm("T02", data, control=control, txa=f"58132^^1.2.250.{control}^ISO")
        for control, data in (("8", PDF), ("9", PDF + b"%"))
    ]
    assert [row.reason for row in claire.send(*sent)] == ["Document classé."] * 2
    [row] = claire.send(mdm("T04", PDF, control="10", txa="58132^^1.2.250.8^ISO"))
    assert row.reason == "Document retiré."
    assert {each.identifier_value: each.status for each in papers(claire)} == {
        "urn:oid:1.2.250.8.58132": "entered-in-error",
        "urn:oid:1.2.250.9.58132": "current",
    }


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]>'
    '<ClinicalDocument xmlns="urn:hl7-org:v3">&b;</ClinicalDocument>'
)
# What is carried, what becomes of it, and the place said.
WRONG = [
    (mdm("T02", "Pendggfbubzbdy12gggvt", control="1"), "dead", "OBX-5"),
    (mdm("T02", "", control="1"), "dead", "OBX-5"),
    (mdm("T02", BOMB.encode(), control="1"), "dead", "OBX-5"),
    (mdm("T02", b"<html><script>x</script></html>", control="1"), "dead", "OBX-5"),
    (mdm("T02", letter(seed=901), control="1", order="CA"), "dead", "ORC-1"),
    (mdm("T02", letter(seed=901), control="1").replace(b"OBX|1|ED", b"OBX|1|ST"), "dead", "OBX"),
    (mdm("T02", letter(seed=901), control="1").replace(b"TXA|", b"TXB|"), "dead", "TXA"),
    (mdm("T02", letter(seed=901), control="1", family="AUTRE"), "held", "PID-3"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "status", "place"), WRONG)
def test_what_is_wrong_waits_with_its_place_and_files_nothing(claire, data, status, place):
    [row] = claire.send(data)
    assert (row.status, row.error_place) == (status, place)
    assert row.reason
    assert papers(claire) == []


def test_one_identifier_for_two_contents_waits(claire):
    claire.send(mdm("T02", letter(seed=901), control="1"))
    [row] = claire.send(mdm("T02", letter(seed=901, title="Autre lettre"), control="2"))
    assert (row.status, row.error_code) == ("dead", "205")
    with claire.as_house():
        assert File.objects.count() == 1


def test_a_document_that_speaks_of_somebody_else_is_held(claire):
    # The message names the person known here; the letter in it is another's.
    other = letter(seed=901, patient=dataclasses.replace(CLAIRE, birth_family="AUTRE"))
    [row] = claire.send(mdm("T02", other, control="1"))
    assert (row.status, row.error_place) == ("held", "PID-3")
    assert "n’est pas" in row.reason
    assert papers(claire) == []


@pytest.mark.parametrize(
    ("path", "filed"),
    [
        ("mdm-doc/MDM_T02_CR_Radio_INIT_N1.er7", 1),
        ("mdm-mss/MDM_T02_LPS_MSS_INIT_N1.er7", 1),
        ("mdm-mss/MDM_T02_LPS_MSS_INIT_N1_Base64.er7", 1),
        ("oru/ORU_R01_CR_Bio_INIT_N1_N3.hl7", 2),
    ],
)
def test_official_documents_are_filed_once(official_feed, path, filed):
    data = official(path)
    [row] = official_feed.send(data)
    assert row.status == "done", row.reason
    assert len(papers(official_feed)) == filed
    [again] = official_feed.send(data.replace(b"|015|", b"|016|", 1))
    assert again.status == "ignored"
    assert len(papers(official_feed)) == filed
