"""What arrives is kept before it is answered; what is no message is refused, and kept too."""

import pytest

from carbet.connectors.mllp import Arrival, Fault, Frame
from carbet.core.models import AuditEvent
from carbet.interop.hospital_feed import access
from carbet.interop.hospital_feed.models import HospitalMessage, RawMessage
from carbet.interop.hospital_feed.operations import receiving
from carbet.interop.hospital_feed.tests.messages import adt, official

pytestmark = pytest.mark.django_db

GOOD = adt("A01", control="77")


def said(feed, data, *, fault=Fault.NONE):
    [taken] = receiving.receive(
        actor=access.HOUSE,
        now=feed.world.now,
        arrivals=[Arrival("10.0.0.1", Frame(data, fault))],
    )
    answer = receiving.answer(taken, now=feed.world.now)
    return taken, answer.decode().split("\r")


def test_a_message_is_kept_whole_and_acknowledged(feed):
    taken, [msh, msa, end] = said(feed, GOOD)
    assert msa == "MSA|AA|77"
    assert end == ""
    fields = msh.split("|")
    assert fields[2:6] == ["CARBET", "DAC", "GAM", "CHC"]
    assert (fields[8], fields[10], fields[17]) == ("ACK^A01^ACK", "D", "UNICODE UTF-8")
    assert 0 < len(fields[9]) <= 20
    with feed.as_house():
        row = HospitalMessage.objects.get(pk=taken.number)
        text = RawMessage.objects.get(message=row)
        assert bytes(text.data) == GOOD
    assert (row.status, row.facility, row.event, len(row.keys)) == ("waiting", "CHC", "A01", 2)
    assert AuditEvent.objects.filter(operation="feed.receive").exists() is False  # not one's own


# What arrives, the code of HL7 table 0357 that refuses it, and where.
REFUSED = [
    (b"", "100", "MSH"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n", "100", "MSH"),
    (GOOD[4:], "100", "MSH"),
    (GOOD[:12], "101", "MSH"),
    (GOOD.replace(b"|^~\\&|", b"|~^\\&|"), "102", "MSH"),
    (GOOD.replace(b"|^~\\&|", b"|^~|"), "102", "MSH"),
    (GOOD.replace(b"MSH|", b"MSH#"), "102", "MSH"),
    (GOOD.replace(b"ADT^A01^ADT_A01", b""), "101", "MSH"),
    (GOOD.replace(b"|77|", b"||"), "101", "MSH"),
    (GOOD.replace(b"|77|", b"|" + b"7" * 300 + b"|"), "102", "MSH"),
    (GOOD.replace(b"ADT^A01", b"ORM^O01"), "200", "MSH"),
    (GOOD.replace(b"ADT^A01", b"ADT^A98"), "201", "MSH"),
    (GOOD.replace(b"ADT^A01^ADT_A01", b"ADT"), "201", "MSH"),
    (GOOD.replace(b"|2.5^FRA", b"|3.0^FRA"), "203", "MSH"),
    (GOOD.replace(b"|D|2.5", b"|Q|2.5"), "103", "MSH"),
    (GOOD.replace(b"UNICODE UTF-8", b"EBCDIC"), "103", "MSH"),
    (GOOD.replace(b"|GAM|", b"|G\x00M|"), "102", "MSH"),
    (bytes(range(1, 256)) * 4, "100", "MSH"),
]


@pytest.mark.parametrize(("data", "code", "segment"), REFUSED)
def test_what_is_no_message_is_refused_and_kept_with_its_reason(feed, data, code, segment):
    taken, lines = said(feed, data)
    assert lines[1].startswith("MSA|AR")
    error = lines[2].split("|")
    assert (error[2].split("^")[0], error[3].split("^")[0], error[4]) == (segment, code, "E")
    row = feed.row(taken.number)
    assert (row.status, row.error_code) == ("refused", code)
    assert row.reason


@pytest.mark.parametrize("fault", [Fault.GARBAGE, Fault.TOO_LONG, Fault.CUT])
def test_what_was_no_envelope_is_refused_too(feed, fault):
    taken, lines = said(feed, GOOD[:60], fault=fault)
    assert lines[1].startswith("MSA|AR")
    assert feed.row(taken.number).status == "refused"


def test_test_messages_are_refused_in_production(feed, settings):
    settings.DEMONSTRATION = False
    _, lines = said(feed, GOOD)
    assert lines[1] == "MSA|AR|77"
    assert "|202^" in lines[2]


def test_an_acknowledgement_is_never_acknowledged(feed):
    [taken] = feed.take(GOOD.replace(b"ADT^A01^ADT_A01", b"ACK^A01^ACK"))
    assert receiving.answer(taken, now=feed.world.now) is None


def test_a_batch_holds_the_same_message_once(feed):
    taken = feed.take(GOOD, GOOD, adt("A01", control="78"))
    assert len({each.number for each in taken}) == 2
    with feed.as_house():
        assert HospitalMessage.objects.count() == 2
        assert RawMessage.objects.count() == 2


def test_latin_9_is_read_when_it_is_said(feed):
    text = adt("A01", control="1", unit="Hôpital de jour œuvre").decode()
    data = text.replace("UNICODE UTF-8", "8859/15").encode("iso8859-15")
    [row] = feed.send(data)
    assert (row.status, row.charset) == ("done", "8859/15")
    [taken] = feed.take(data)
    assert receiving.answer(taken, now=feed.world.now).decode("iso8859-15").count("8859/15") == 1


def test_latin_9_that_says_utf_8_waits_to_be_mended(feed):
    [row] = feed.send(adt("A01", control="1").decode().encode("iso8859-15"))
    assert (row.status, row.error_place, row.error_code) == ("dead", "MSH-18", "102")


@pytest.mark.parametrize(
    "path",
    [
        "pam/ADT_A01_SGL_admission.er7",
        "pam/ADT_A01_Consentement_NonOpposition.er7",
        "pam/ADT_A01_NonConsentement_Opposition.er7",
        "mdm-doc/MDM_T02_CR_Radio_INIT_N1.er7",
        "mdm-mss/MDM_T02_LPS_MSS_INIT_N1.er7",
        "oru/ORU_R01_CR_Bio_INIT_N1_N3.hl7",
        "oru/ZAM_Z0x_accuse_metier_lecture_MSS.hl7",
    ],
)
@pytest.mark.parametrize("ends", [b"\n", b"\r", b"\r\n"])
def test_official_examples_are_taken_whatever_ends_their_lines(feed, path, ends):
    data = official(path).replace(b"\r\n", b"\n").replace(b"\n", ends)
    _, lines = said(feed, data)
    assert lines[1].startswith("MSA|AA|")
