"""What hospitals ask of persons, over a real line: answered at once, to whom it is open, traced."""

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from carbet.connectors.mllp import Arrival, Client, Frame, enveloped
from carbet.connectors.tests.test_mllp import serving
from carbet.core import grants
from carbet.core.actor import Level, organization_key
from carbet.core.models import AuditEvent
from carbet.interop.hospital_feed.models import HospitalMessage, RawMessage
from carbet.interop.hospital_feed.operations import answering, receiving
from carbet.interop.hospital_feed.queries import asking as queries
from carbet.interop.hospital_feed.rules import asking
from carbet.interop.hospital_feed.tests.messages import INS, adt, msh
from carbet.registries.identity import operations as identity
from carbet.registries.identity.models import LocalIdentity
from carbet.registries.identity.tests.factories import claire, domain, told
from carbet.registries.patients.choices import INS_TEST
from tests.world import NOW

pytestmark = pytest.mark.django_db

HER = ("@PID.5.1.1^Régis", "@PID.7.1^19510314")
BLUE = "1.3.6.1.4.1.21367.13.20.3000"
RCP = "RCP|I|10^RD"
UNKNOWN = "204"


def query(
    event,
    criteria,
    *,
    tag="T1",
    name="",
    domains="",
    rcp=RCP,
    pointer="",
    control="1",
    facility="CHC",
    charset="UNICODE UTF-8",
):
    """Return a question as IHE writes it: PDQ (Q22) or PIX (Q23)."""
    name = name or ("IHE PDQ Query" if event == "Q22" else "IHE PIX Query")
    wanted = ("|||||" if event == "Q22" else "|") + domains if domains else ""
    kind = f"QBP^{event}^QBP_Q21"
    lines = [
        msh(kind, control=control, facility=facility, charset=charset),
        f"QPD|{name}|{tag}|{'~'.join(criteria)}{wanted}",
        *filter(None, (rcp, f"DSC|{pointer}" if pointer else "")),
    ]
    encoding = "iso8859-15" if charset == "8859/15" else "utf-8"
    return ("\r".join(lines) + "\r").encode(encoding)


def pdq(*criteria, **said):
    return query("Q22", criteria or HER, **said)


def pix(number, **said):
    return query("Q23", (number,), **said)


class Answered:
    """An answer as its segments."""

    def __init__(self, data, encoding="utf-8"):
        self.lines = [line.split("|") for line in data.decode(encoding).split("\r") if line]

    def all(self, name):
        return [line for line in self.lines if line[0] == name]

    @property
    def kind(self):
        return self.lines[0][8]

    @property
    def codes(self):
        """MSA-1 and QAK-2."""
        return self.all("MSA")[0][1], self.all("QAK")[0][2]

    @property
    def counts(self):
        return [int(each) for each in self.all("QAK")[0][4:7]]

    @property
    def errors(self):
        """The place and code of each ERR."""
        return [(line[2], line[3].split("^")[0]) for line in self.all("ERR")]

    @property
    def numbers(self):
        """PID-3 of each person."""
        return [line[3].split("~") for line in self.all("PID")]

    @property
    def names(self):
        return [line[5].split("^")[0] for line in self.all("PID")]

    @property
    def pointer(self):
        found = self.all("DSC")
        return found[0][1] if found else ""


@pytest.fixture
def line(feed):
    """Return a line to the listener itself, which works on this test's own connection."""
    shared = connections["default"]
    shared.inc_thread_sharing()

    async def keep(arrivals):
        connections["default"] = shared
        return answering.respond(arrivals, now=feed.world.now)

    with serving(keep) as port, Client("127.0.0.1", port, timeout=8) as client:
        yield client
    shared.dec_thread_sharing()


@pytest.fixture
def ask(line):
    return lambda data, **said: Answered(line.send(data), **said)


@pytest.fixture
def opened(feed):
    """Return a function that opens the record of a person to the hospital."""

    def open_record(patient):
        with feed.as_house():
            grants.grant(
                organization_key(feed.hospital.pk),
                patient_id=patient.pk,
                level=Level.IDENTITY,
                source="test",
                now=NOW,
            )
        return patient

    return open_record


@pytest.fixture
def her(feed, opened):
    """Claire, open to the hospital, which calls her 000451; BL-9 elsewhere."""
    feed.send(
        adt("A28", control="0", movement="M0").replace(b"ADT^A28^ADT_A28", b"ADT^A28^ADT_A05")
    )
    blue = domain("blue", oid=BLUE)
    told(blue, "BL-9", claire(mother_name="ROSE LAMA"), ins=INS, ins_system=INS_TEST)
    return opened(feed.patient)


def test_a_person_is_found_by_name_and_date_and_told_as_pam_fr_does(feed, her, ask):
    answer = ask(pdq())
    assert answer.kind == "RSP^K22^RSP_K21"
    assert [line[0] for line in answer.lines] == ["MSH", "MSA", "QAK", "QPD", "PID"]
    assert (answer.codes, answer.counts) == (("AA", "OK"), [1, 1, 0])
    assert answer.all("QAK")[0][1] == "T1"
    assert answer.all("QPD")[0][1:] == ["IHE PDQ Query", "T1", "~".join(HER)]
    [pid] = answer.all("PID")
    assert pid[1] == "1"
    assert f"{her.pk}^^^CARBET^PI" in pid[3].split("~")
    assert pid[5].split("~")[0] == "Régis^Claire^Claire Marie^^^^L"
    assert pid[5].split("~")[1].startswith("Montgénie^Claire^")
    assert (pid[7], pid[8]) == ("19510314", "F")
    assert "Matoury" in pid[11]
    assert f"{INS}^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS" in pid[3].split("~")


def test_what_the_cell_says_of_an_identity_is_told_and_its_doubt_stops_the_ins(feed, her, ask):
    [pid] = ask(pdq()).all("PID")
    assert pid[32] == "VALI"
    with feed.as_house():
        row = LocalIdentity.objects.get(patient=her)
    for attribute in ("HOMA", "DOUT"):
        identity.mark_identity(
            actor=feed.world.actor("identity_agent"),
            now=NOW,
            identity_id=row.pk,
            attribute=attribute,
            reason="Deux femmes du même nom",
        )
    [pid] = ask(pdq()).all("PID")
    assert pid[32] == "PROV~DOUT~HOMA"
    assert "INS" not in pid[3]


# What is asked beside her name and date, and whether she is found.
CRITERIA = [
    ((*HER, "@PID.5.2^Claire"), True),
    ((*HER, "@PID.5.2^Cl*"), True),
    ((*HER, "@PID.5.2^Cl"), False),
    ((*HER, "@PID.8^F"), True),
    ((*HER, "@PID.8^M"), False),
    ((*HER, "@PID.11.3^matoury"), True),
    ((*HER, "@PID.11.3^Kourou"), False),
    ((*HER, "@PID.11.5^973*"), True),
    ((*HER, "@PID.13.1^0594000000"), False),
    ((*HER, "@PID.18.1^26001"), False),
    ((*HER, "@PID.6.1^Lama", "@PID.6.2^ROSE"), True),
    ((*HER, "@PID.6.1^LAM*"), True),
    ((*HER, "@PID.6.1^JONES"), False),
    (("@PID.5.1^REGIS", "@PID.7.1^19510314"), True),
    (("@PID.5.1.1^reg*", "@PID.7^19510314"), True),
    (("@PID.5.1^MONTGENIE", "@PID.7.1^19510314"), True),
    (("@PID.5.1^REGI", "@PID.7.1^19510314"), False),
    (("@PID.5.1^REGIS", "@PID.7.1^19510315"), False),
    (("@PID.3.1^000451", "@PID.3.4^CHC"), True),
    (("@PID.3.1^000451", "@PID.3.4.2^970300026", "@PID.3.4.3^N"), True),
    (("@PID.3.1^000452", "@PID.3.4^CHC"), False),
    (("@PID.3.1^000451", "@PID.3.4^CHC", "@PID.5.1^KWASI"), False),
    ((f"@PID.3.1^{INS}", "@PID.3.4.2^1.2.250.1.213.1.4.10"), True),
    (("@PID.3.1^BL-9", f"@PID.3.4.2^{BLUE}", "@PID.3.4.3^ISO"), True),
    (("@PID.3.1^000451", "@PID.3.4.2^1.2.3.4"), False),
]


@pytest.mark.parametrize(("criteria", "found"), CRITERIA)
def test_every_criterion_narrows(feed, her, ask, criteria, found):
    answer = ask(pdq(*criteria))
    assert answer.codes == ("AA", "OK" if found else "NF"), answer.lines
    assert answer.names == (["Régis"] if found else [])
    assert answer.counts == ([1, 1, 0] if found else [0, 0, 0])


def test_a_person_who_is_not_open_is_nobody_by_any_question(feed, ask):
    for data in (pdq(), pdq(f"@PID.3.1^{INS}", "@PID.3.4.2^1.2.250.1.213.1.4.10")):
        assert ask(data).codes == ("AA", "NF")
    assert ask(pix(f"{INS}^^^&1.2.250.1.213.1.4.10&ISO^INS")).codes == ("AE", "AE")


@pytest.mark.parametrize(
    ("question", "name"),
    [
        (pdq, "Q22^Find Candidates^HL7"),
        (pdq, "QRY_PDQ_1001^Query By Name^IHEDEMO"),
    ],
)
def test_a_question_by_its_older_names(feed, her, ask, question, name):
    assert ask(question(name=name)).codes == ("AA", "OK")


@pytest.mark.parametrize(
    "name",
    ["Q23^Get Corresponding IDs^HL7nnnn", "QRY_1001^Query for Corresponding Identifiers^IHEDEMO"],
)
def test_numbers_by_their_older_names(feed, her, ask, name):
    assert ask(pix("000451^^^CHC&970300026&N^PI", name=name)).codes == ("AA", "OK")


# What would browse the territory: refused, as by PDQm.
BROWSING = [
    ("@PID.5.1^REGIS",),
    ("@PID.7.1^19510314",),
    ("@PID.5.1^REGIS", "@PID.7.1^1951"),
    ("@PID.5.1^*", "@PID.7.1^19510314"),
    ("@PID.5.1^R*", "@PID.7.1^19510314"),
    ("@PID.5.2^CLAIRE", "@PID.7.1^19510314"),
    ("@PID.8^F",),
    ("@PID.11.3^Matoury", "@PID.8^F"),
    ("@PID.3.4^CHC",),
]


@pytest.mark.parametrize("criteria", BROWSING)
def test_there_is_no_list_to_browse(feed, her, ask, criteria):
    answer = ask(pdq(*criteria))
    assert answer.codes == ("AE", "AE")
    assert answer.errors == [("QPD^1^3", "101")]
    assert answer.names == []


LONG = "N" * 300
# What is wrong with a question, and every place that its answer says.
WRONG = [
    (pdq(name="IHE Bed Query"), [("QPD^1^1", "103")]),
    (pdq(name="IHE PIX Query"), [("QPD^1^1", "103")]),
    (pdq(tag=""), [("QPD^1^2", "101")]),
    (pdq(tag="T" * 33), [("QPD^1^2", "102")]),
    (pdq(""), [("QPD^1^3", "101")]),
    (pdq("@PID.99.1^X", *HER), [("QPD^1^3^1^1", "103")]),
    (pdq("n’importe quoi", *HER), [("QPD^1^3^1^1", "103")]),
    (pdq(*HER, "@PID.5.1^KWASI"), [("QPD^1^3^3", "102")]),
    (pdq(*HER, "@PID.8^X", "@PID.5.2"), [("QPD^1^3^3^2", "103"), ("QPD^1^3^4^2", "101")]),
    (pdq(f"@PID.5.1^{LONG}", HER[1]), [("QPD^1^3^1^2", "102")]),
    (pdq(HER[0], "@PID.7.1^14 mars 1951"), [("QPD^1^3^2^2", "102")]),
    (pdq(*(f"@PID.{n}.1^X" for n in range(30, 60))), [("QPD^1^3", "102")]),
    (pdq(rcp=""), [("RCP", "100")]),
    (pdq(rcp="RCP|D|10^RD"), [("RCP^1^1", "103")]),
    (pdq(rcp="RCP|I|dix^RD"), [("RCP^1^2^1^1", "102")]),
    (pdq(rcp="RCP|I|0^RD"), [("RCP^1^2^1^1", "102")]),
    (pdq(rcp="RCP|I|10^ZZ"), [("RCP^1^2^1^2", "103")]),
    (pdq(pointer="deviné"), [("DSC^1^1", UNKNOWN)]),
    (pdq().split(b"QPD|")[0], [("QPD", "100")]),
    (pdq()[: pdq().index(b"1951")], [("RCP", "100")]),
    (pdq().replace(b"QPD|", b"QP\r"), [("MSH", "100")]),
    (pdq(domains="^^^&1.2.3&ISO~^^^CHC~^^^NULLEPART"),
     [("QPD^1^8^1", UNKNOWN), ("QPD^1^8^3", UNKNOWN)]),
    (pdq().replace("Régis".encode(), "R\xe9gis".encode("latin-1")), [("MSH^1^18", "102")]),
    (pix("000451"), [("QPD^1^3^1^4", UNKNOWN)]),
    (pix("000451^^^NULLEPART"), [("QPD^1^3^1^4", UNKNOWN)]),
    (pix("999^^^CHC"), [("QPD^1^3^1^1", UNKNOWN)]),
    (pix("000451^^^CHC~7^^^CHC"), [("QPD^1^3^2", "102")]),
    (pix("^^^CHC"), [("QPD^1^3^1^1", "101")]),
    (pix(f"{LONG}^^^CHC"), [("QPD^1^3^1^1", "102")]),
    (pix("000451^^^CHC", domains="^^^&1.2.3&ISO"), [("QPD^1^4^1", UNKNOWN)]),
    (pix("000451^^^CHC", name="IHE PDQ Query"), [("QPD^1^1", "103")]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "errors"), WRONG)
def test_what_cannot_be_asked_is_said_at_its_place_and_traced(feed, her, ask, data, errors):
    if errors == [("QPD^1^3^1^4", UNKNOWN)] and b"|000451" in data and b"^^^" not in data:
        # Two domains of its own: a bare number is of neither.
        with feed.as_house():
            domain("own", organization_id=feed.hospital.pk)
    answer = ask(data)
    assert answer.codes == ("AE", "AE"), answer.lines
    assert answer.errors == errors
    assert answer.names == []
    with feed.as_house():
        trace = AuditEvent.objects.filter(operation__in=["feed.pdq", "feed.pix"]).latest("pk")
        assert trace.outcome == AuditEvent.Outcome.REFUSED
        assert "KWASI" not in trace.reason
        assert trace.client_id == "mllp:CHC"


def test_nothing_of_a_question_is_kept_but_its_trace(feed, her, ask):
    with feed.as_house():
        before = HospitalMessage.objects.count(), RawMessage.objects.count()
    ask(pdq())
    ask(pdq(f"@PID.5.1^{LONG}", HER[1]))
    with feed.as_house():
        assert (HospitalMessage.objects.count(), RawMessage.objects.count()) == before
        [trace] = AuditEvent.objects.filter(operation="feed.pdq", outcome=0)
        assert (trace.patient_id, trace.organization_id) == (her.pk, feed.hospital.pk)


def test_a_sender_without_a_route_is_refused_and_traced(feed, her, ask):
    answer = ask(pdq(facility="INCONNU"))
    assert answer.codes == ("AR", "AR")
    assert answer.errors == [("MSH^1^4", "103")]
    with feed.as_house():
        trace = AuditEvent.objects.filter(operation="feed.pdq").latest("pk")
        assert (trace.client_id, trace.outcome) == ("mllp:INCONNU", AuditEvent.Outcome.REFUSED)


def test_what_is_no_question_is_still_kept_on_the_same_line_in_order(feed, her, line):
    movement = adt("A01", control="50", movement="M50")
    line.post(enveloped(movement) + enveloped(pdq(control="51")) + enveloped(movement))
    kinds = [Answered(line.answer()).kind for _ in range(3)]
    assert kinds == ["ACK^A01^ACK", "RSP^K22^RSP_K21", "ACK^A01^ACK"]
    assert Answered(line.send(pdq().replace(b"Q22", b"Q99"))).errors == [("MSH^1^9^1^2", "201")]


def test_latin_9_is_read_and_answered_in_latin_9(feed, her, ask):
    answer = ask(pdq(charset="8859/15"), encoding="iso8859-15")
    assert answer.names == ["Régis"]
    assert answer.lines[0][17] == "8859/15"


@pytest.fixture
def five(feed, opened):
    return [
        opened(feed.world.register(birth_family="Régis", birth_given=[name], used_family=""))
        for name in ("Ana", "Béa", "Cléo", "Dora", "Elsa")
    ]


def test_a_long_answer_is_told_page_by_page(feed, five, ask):
    def page(pointer=""):
        return ask(pdq(rcp="RCP|I|2^RD", pointer=pointer))

    first = page()
    assert (first.counts, len(first.names)) == ([5, 2, 3], 2)
    second = page(first.pointer)
    assert second.counts == [5, 2, 1]
    third = page(second.pointer)
    assert (third.counts, third.pointer) == ([5, 1, 0], "")
    told = [line[5].split("^")[1] for each in (first, second, third) for line in each.all("PID")]
    assert told == ["Ana", "Béa", "Cléo", "Dora", "Elsa"]
    # An old pointer leads nowhere, nor does one under another question or another sender.
    assert page(first.pointer).errors == [("DSC^1^1", UNKNOWN)]


def test_a_pointer_is_of_its_question_and_of_its_sender(feed, five, ask):
    pointer = ask(pdq(rcp="RCP|I|2^RD")).pointer
    for data in (
        pdq(*HER, "@PID.8^F", rcp="RCP|I|2^RD", pointer=pointer),
        pdq(rcp="RCP|I|2^RD", pointer=pointer, tag="T2"),
    ):
        assert ask(data).errors == [("DSC^1^1", UNKNOWN)]
    assert ask(pdq(rcp="RCP|I|2^RD", pointer=pointer)).counts == [5, 2, 1]


def cancel(tag="T1", name="IHE PDQ Query"):
    return f"{msh('QCN^J01^QCN_J01', control='9')}\rQID|{tag}|{name}\r".encode()


def test_a_cancelled_question_goes_on_no_more(feed, five, ask):
    pointer = ask(pdq(rcp="RCP|I|2^RD")).pointer
    assert ask(cancel(tag="T7")).all("MSA")[0][1] == "AA"
    answer = ask(cancel())
    assert (answer.kind, answer.all("MSA")[0][1:3]) == ("ACK^J01^ACK", ["AA", "9"])
    assert ask(pdq(rcp="RCP|I|2^RD", pointer=pointer)).errors == [("DSC^1^1", UNKNOWN)]
    assert ask(cancel(tag="")).errors == [("QID^1^1", "101")]


def test_one_page_never_holds_more_than_fifty(feed, five, ask, monkeypatch):
    monkeypatch.setattr(asking, "LARGEST_PAGE", 3)
    assert ask(pdq(rcp="RCP|I|999999^RD")).counts == [5, 3, 2]


def test_the_numbers_of_a_person_are_crossed(feed, her, ask):
    answer = ask(pix("000451^^^CHC&970300026&N^PI"))
    assert answer.kind == "RSP^K23^RSP_K23"
    assert answer.codes == ("AA", "OK")
    [pid] = answer.all("PID")
    assert pid[5] == "~^^^^^^S"
    assert set(pid[3].split("~")) == {
        f"BL-9^^^&{BLUE}&ISO^PI",
        f"{INS}^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS",
        f"{her.pk}^^^CARBET^PI",
    }
    with feed.as_house():
        [trace] = AuditEvent.objects.filter(operation="feed.pix")
        assert trace.patient_id == her.pk


def test_only_the_domains_wanted_are_told(feed, her, ask):
    assert ask(pix("000451^^^CHC", domains=f"^^^&{BLUE}&ISO")).numbers == [
        [f"BL-9^^^&{BLUE}&ISO^PI"]
    ]
    assert ask(pix(f"BL-9^^^&{BLUE}&ISO", domains="^^^CARBET~^^^CHC")).numbers == [
        ["000451^^^CHC&970300026&N^PI", f"{her.pk}^^^CARBET^PI"]
    ]
    # Known here, but she has no number in it.
    domain("green", oid="1.2.3.9")
    assert ask(pix("000451^^^CHC", domains="^^^&1.2.3.9&ISO")).codes == ("AA", "NF")
    assert ask(pdq(domains=f"^^^&{BLUE}&ISO")).numbers == [[f"BL-9^^^&{BLUE}&ISO^PI"]]
    assert ask(pdq(domains="^^^&1.2.3.9&ISO")).codes == ("AA", "NF")


def test_the_same_statements_for_one_and_for_five(feed, five, opened, line):
    def count(size):
        data = pdq(rcp=f"RCP|I|{size}^RD")
        header = receiving.header_of(Arrival("127.0.0.1", Frame(data)))
        with CaptureQueriesContext(connection) as caught:
            answering.answer(data, header, now=NOW)
        # One trace is written for each person told.
        return len([each for each in caught if "core_auditevent" not in each["sql"]])

    assert count(1) == count(4)


def test_what_goes_wrong_here_is_answered(feed, ask, monkeypatch):
    def broken(**_):
        raise LookupError("une personne")

    monkeypatch.setattr(queries, "persons", broken)
    answer = ask(pdq())
    assert (answer.codes, answer.errors) == (("AE", "AE"), [("MSH", "207")])


def test_the_listener_stops_waiting_when_the_line_is_cut_in_a_question(feed, line):
    line.post(b"\x0b" + pdq()[:80])
    line._socket.shutdown(1)
    answer = Answered(line.answer())
    assert answer.all("MSA")[0][1] == "AR"
