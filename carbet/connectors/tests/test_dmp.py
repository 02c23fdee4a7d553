"""The shared record: what is deposited is found and fetched, once, under a signed assertion."""

import ssl
import threading
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from lxml import etree

from carbet.connectors import dmp
from carbet.connectors.dmp import messages, stand_in, vihf
from carbet.interop import cda
from carbet.interop.cda.tests.factories import CLAIRE, INS, letter
from carbet.interop.xdm import Packed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEARER = dmp.Bearer("899900000011", "Anne SOULIER", "1970300026", "Centre hospitalier", role="10")
PERSON = f"{INS}^^^&1.2.250.1.213.1.4.10&ISO^NH"


@pytest.fixture(autouse=True)
def empty(settings, tmp_path):
    settings.DMP_SANDBOX = tmp_path / "dmp"


def packed(**changed):
    data = letter(**changed)
    return Packed(data, cda.read(data).header)


def deposit(given=None, uses_stand_in=True):
    return dmp.provide(
        given or packed(), bearer=BEARER, now=NOW, at=NOW, uses_stand_in=uses_stand_in
    )


def found(uses_stand_in=True):
    return dmp.find(PERSON, bearer=BEARER, now=NOW, uses_stand_in=uses_stand_in)


def test_what_is_deposited_is_found_and_fetched_as_it_was():
    given = packed()
    assert deposit(given) == "bac à sable"
    [entry] = found()
    assert (entry.title, entry.patient_identifier) == ("Lettre de sortie", PERSON)
    assert (entry.author, entry.place) == ("Anne SOULIER", "Centre hospitalier de Cayenne")
    assert entry.made_at == datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    assert "Lettre de liaison" in entry.type
    assert entry.confidentialities == ("N",)
    assert dmp.fetch(entry, bearer=BEARER, now=NOW, uses_stand_in=True) == given.data


@pytest.mark.parametrize(
    "said", ["", "2026", "20261332", "99999999999999", "<script>", "2026112212"]
)
def test_a_moment_that_is_none_is_left_out(said):
    deposit()
    [metadata] = stand_in.kept.all()
    for slot in metadata.iter(f"{{{messages.RIM}}}Slot"):
        if slot.get("name") == "creationTime":
            slot.find(f".//{{{messages.RIM}}}Value").text = said
    entry = messages.entry_of(metadata)
    assert entry.made_at is None or said.startswith(f"{entry.made_at:%Y%m%d}")


def test_an_emergency_and_its_reason_are_in_the_assertion():
    key, certificate = stand_in.identity()
    bearer = replace(BEARER, purpose="bris_de_glace", reason="Inconsciente")
    said = vihf.assertion(bearer, resource=PERSON, now=NOW, key=key, certificate=certificate)
    held = {
        each.get("Name"): each.findtext(f"{{{vihf.SAML}}}AttributeValue")
        for each in etree.fromstring(said).iter(f"{{{vihf.SAML}}}Attribute")
    }
    assert held["urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"] == "bris_de_glace"
    assert held["Mode_Acces_Raison"] == "Inconsciente"


def test_the_oldest_leave_the_sandbox(monkeypatch):
    monkeypatch.setattr(stand_in, "_MOST", 2)
    for seed in (1, 2, 3):
        deposit(packed(seed=seed))
    kept = [messages.entry_of(each).unique_id for each in stand_in.kept.all()]
    assert kept == [str(packed(seed=seed).header.identifier) for seed in (2, 3)]
    assert stand_in.kept.get(str(packed(seed=1).header.identifier)) is None


def test_the_same_document_twice_is_one():
    deposit()
    deposit()
    assert len(found()) == 1


def test_a_document_without_ins_is_not_sent():
    anonymous = packed(patient=cda.Patient((cda.Identifier("2.25.77", "1"),), "X", "Y", "Y",
                                           birth_date=CLAIRE.birth_date))  # fmt: skip
    with pytest.raises(dmp.Refused):
        deposit(anonymous)
    assert list(stand_in.kept.all()) == []


def test_an_assertion_changed_since_is_refused():
    key, certificate = stand_in.identity()
    said = vihf.assertion(BEARER, resource=PERSON, now=NOW, key=key, certificate=certificate)
    assert vihf.verified(etree.fromstring(said))
    for wrong in (said.replace(INS.encode(), b"1" * 15), said.replace(b"SOULIER", b"AUTRE")):
        message = messages.find(PERSON, security=wrong)
        with pytest.raises(messages.Refused):
            messages.read_entries(stand_in.answer(*message))


def test_an_assertion_about_somebody_else_opens_nothing():
    deposit()
    key, certificate = stand_in.identity()
    other = vihf.assertion(
        BEARER, resource="1^^^&2&ISO^NH", now=NOW, key=key, certificate=certificate
    )
    with pytest.raises(messages.Refused) as refusal:
        messages.read_entries(stand_in.answer(*messages.find(PERSON, security=other)))
    assert refusal.value.codes == ["XDSUnknownPatientId"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html/>",
        b"\xff\xfe",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"/>',
    ],
)
@pytest.mark.parametrize("kind", ["text/xml", 'multipart/related; boundary="b"', ""])
def test_what_is_no_answer_is_said_so(body, kind):
    with pytest.raises((messages.Unreadable, messages.Refused)):
        messages.read_outcome((kind, body))


def test_bytes_that_are_not_those_told_are_refused():
    deposit()
    [entry] = found()
    element, data = stand_in.kept.get(entry.unique_id)
    stand_in.kept.put(entry.unique_id, element, data + b" ")
    with pytest.raises(messages.Unreadable):
        dmp.fetch(entry, bearer=BEARER, now=NOW, uses_stand_in=True)


def test_without_an_address_nothing_leaves(settings):
    settings.DMP_URL = ""
    with pytest.raises(dmp.NotConnected):
        deposit(uses_stand_in=False)


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind, answer = stand_in.answer(self.headers["Content-Type"], body)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *said):
        pass


@pytest.fixture
def server(tmp_path, settings):
    """Run a server that asks for a certificate, on loopback."""
    from carbet.connectors.tests.certificates import authority

    house = authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*house["server"])
    context.load_verify_locations(house["authority"])
    context.verify_mode = ssl.CERT_REQUIRED
    held = HTTPServer(("127.0.0.1", 0), Server)
    held.socket = context.wrap_socket(held.socket, server_side=True)
    thread = threading.Thread(target=held.serve_forever, daemon=True)
    thread.start()
    settings.DMP_URL = f"https://localhost:{held.server_port}/xds"
    settings.DMP_CERTIFICATE, settings.DMP_KEY = house["client"]
    settings.DMP_AUTHORITIES = house["authority"]
    yield house
    held.shutdown()
    thread.join(5)
    held.server_close()


def test_the_real_client_speaks_over_mutual_tls(server):
    given = packed()
    assert deposit(given, uses_stand_in=False) == "DMP"
    [entry] = found(uses_stand_in=False)
    assert dmp.fetch(entry, bearer=BEARER, now=NOW, uses_stand_in=False) == given.data


def test_a_server_of_another_authority_is_not_spoken_to(server, settings):
    settings.DMP_AUTHORITIES = server["stranger"]
    with pytest.raises(ConnectionError):
        deposit(uses_stand_in=False)
    assert list(stand_in.kept.all()) == []
