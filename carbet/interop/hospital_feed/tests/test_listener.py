"""The listener as `carbet` runs it, a process of its own: what goes in over its socket, and out."""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from carbet.connectors.mllp import Client, NoAnswer, enveloped
from carbet.core import clock
from carbet.interop.hospital_feed import operations
from carbet.interop.hospital_feed.models import Encounter, HospitalMessage
from carbet.interop.hospital_feed.tests.messages import OFFICIAL, adt
from tests import database, mail_server

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[4]
PATIENCE = 40
GOOD = adt("A01", control="77")


def free_port():
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


@contextlib.contextmanager
def listening(**more):
    """Run the listener on the test's database; yield its port."""
    place = connections["default"].settings_dict
    url = (
        f"postgresql://{place['USER']}:{quote(place['PASSWORD'], safe='')}@/{place['NAME']}"
        f"?host={quote(place['HOST'], safe='')}"
    )
    port = free_port()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "carbet.config.settings",
        "DATABASE_URL": url,
        "DATABASE_APP_URL": url,
        "CARBET_SECRET_KEY": settings.SECRET_KEY,
        "CARBET_MLLP_PORT": str(port),
    }
    command = [sys.executable, "-m", "carbet.config.mllp"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment | more)
    try:
        limit = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.05)
        yield port
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(20) == 0


@pytest.fixture(scope="module")
def port(django_db_setup):
    """Return the port of a plain listener, that outlives every test: the copy is replaced."""
    with listening() as number:
        yield number


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    mail_server.write_certificate(folder)
    return folder


def acknowledged(port, data=GOOD, *, tls=None, timeout=PATIENCE):
    """Return the segments of the answer, each as its fields."""
    with Client("127.0.0.1", port, timeout=timeout, tls=tls) as line:
        return segments(line.send(data))


def segments(answer):
    return [each.split("|") for each in answer.decode().split("\r") if each]


def rows(feed):
    with feed.as_house():
        return list(HospitalMessage.objects.order_by("pk"))


def carried_out(feed):
    feed.world.now = clock.now()
    feed.work()
    return rows(feed)


# Each official example: what is answered, what becomes of it, and where it is wrong.
EXAMPLES = {
    "pam/ADT_A01_SGL_admission.er7": ("AA", "done", ""),
    "pam/ADT_A01_Consentement_NonOpposition.er7": ("AA", "done", ""),
    "pam/ADT_A01_NonConsentement_Opposition.er7": ("AA", "done", ""),
    "mdm-doc/MDM_T02_CR_Radio_INIT_N1.er7": ("AA", "done", ""),
    # What the one before brought already.
    "mdm-mss/MDM_T02_LPS_MSS_INIT_N1.er7": ("AA", "ignored", ""),
    "mdm-mss/ACK_T02.er7": ("", "refused", "MSH-9.1"),
    "oru/ORU_R01_CR_Bio_INIT_N1_N3.hl7": ("AA", "done", ""),
    "oru/ACK_R01.hl7": ("", "refused", "MSH-9.1"),
    "oru/ZAM_Z0x_accuse_metier_lecture_MSS.hl7": ("AA", "done", ""),
    "teleradiologie/ORM_O01_flux1_demande.er7": ("AR", "refused", "MSH-9.1"),
    # The same number as two others, for another content.
    "mdm-mss/MDM_T02_LPS_MSS_INIT_N1_Base64.er7": ("AA", "dead", "TXA-12"),
    # Its Base64 is cut.
    "teleradiologie/ORU_R01_flux3_reponse.er7": ("AA", "dead", "OBX-5"),
}


def test_every_official_example_ends_in_a_record_a_tray_or_a_named_refusal(port, official_feed):
    if not OFFICIAL.exists():
        pytest.skip(f"official examples absent here: {OFFICIAL}")
    found = {str(each.relative_to(OFFICIAL)) for each in OFFICIAL.glob("*/*")}
    assert found == set(EXAMPLES)
    said = []
    with Client("127.0.0.1", port, timeout=PATIENCE) as line:
        for path, (code, _, _) in EXAMPLES.items():
            line.post(enveloped((OFFICIAL / path).read_bytes()))
            # An acknowledgement is never acknowledged.
            said.append(segments(line.answer())[1][1] if code else "")
    stopped = next(row for row in carried_out(official_feed) if row.status == "dead")
    assert rows(official_feed)[-1].behind_id == stopped.pk
    became = {stopped.pk: (stopped.status, stopped.error_place)}
    operations.abandon(
        actor=official_feed.world.actor("operator"),
        now=clock.now(),
        message_id=stopped.pk,
        reason="deux contenus sous un numéro",
    )
    for row in carried_out(official_feed):
        became.setdefault(row.pk, (row.status, row.error_place))
    states = [became[number] for number in sorted(became)]
    assert {
        path: (code, *state) for path, code, state in zip(EXAMPLES, said, states, strict=True)
    } == EXAMPLES
    assert all(row.reason for row in rows(official_feed))
    with official_feed.as_house():
        assert Encounter.objects.filter(patient=official_feed.patient).count() == 2


LATIN = adt("A02", control="9", movement="M9", unit="Hôpital de jour œuvre").decode()
CUT = adt("A01", control="8", number="008", ins="")[:230]
WRONG_MSH_2 = GOOD.replace(b"|^~\\&|", b"|~^\\&|")
# What arrives, what is answered (MSA-1), where (ERR-2) and why (ERR-3), what becomes of it.
ARRIVALS = {
    "no envelope": (b"GET / HTTP/1.1\r\n\r\n", "AR", "MSH", "100", "refused"),
    "noise": (enveloped(bytes(range(32, 256)) * 9), "AR", "MSH^1^1", "100", "refused"),
    "nothing": (enveloped(b""), "AR", "MSH^1^1", "100", "refused"),
    "cut in its header": (enveloped(GOOD[:12]), "AR", "MSH^1^9", "101", "refused"),
    "begun twice": (b"\x0b" + GOOD[:90] + enveloped(GOOD), "AR", "MSH", "100", "refused"),
    "cut in its body": (enveloped(CUT), "AA", "", "", "dead"),
    "wrong MSH-2": (enveloped(WRONG_MSH_2), "AR", "MSH^1^2", "102", "refused"),
    "unknown event": (
        enveloped(GOOD.replace(b"ADT^A01", b"ADT^A98")), "AR", "MSH^1^9^1^2", "201", "refused",
    ),
    "Latin-9 that says so": (
        enveloped(LATIN.replace("UNICODE UTF-8", "8859/15").encode("iso8859-15")),
        "AA", "", "", "done",
    ),
    "Latin-9 that says UTF-8": (enveloped(LATIN.encode("iso8859-15")), "AA", "", "", "dead"),
    "32 MB and one byte": (
        enveloped(GOOD + b"x" * (32 * 1024 * 1024 + 1 - len(GOOD))), "AR", "MSH", "102", "refused",
    ),
}  # fmt: skip


def test_whatever_arrives_is_answered_with_its_place_and_the_listener_lives(port, feed):
    for rank, (name, (data, code, place, why, _)) in enumerate(ARRIVALS.items()):
        with Client("127.0.0.1", port, timeout=PATIENCE) as line:
            line.post(data)
            answer = segments(line.answer())
        assert answer[1][:2] == ["MSA", code], name
        errors = [(each[2], each[3].split("^")[0]) for each in answer[2:]]
        assert errors == ([(place, why)] if code != "AA" else []), name
        # Another line, meanwhile or after, is served as ever.
        after = adt("A28", control=f"after-{rank}", number=f"{rank}9", ins="", family="AUTRE")
        assert acknowledged(port, after)[1] == ["MSA", "AA", f"after-{rank}"], name
    found = [row for row in carried_out(feed) if not row.control_id.startswith("after-")]
    found = [row.status for row in found if row.size != len(GOOD) or row.status == "refused"]
    assert found == [state for *_, state in ARRIVALS.values()]


def test_a_message_cut_by_the_end_of_its_line_is_answered_and_kept_as_cut(port, feed):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        line.sendall(b"\x0b" + GOOD[:200])
        line.shutdown(socket.SHUT_WR)
        assert b"MSA|AR|77\rERR||MSH|100^" in line.recv(65536)
    assert [(row.status, row.control_id) for row in rows(feed)] == [("refused", "77")]
    assert acknowledged(port)[1] == ["MSA", "AA", "77"]


def test_an_address_that_is_not_allowed_is_hung_up_on_and_nothing_is_kept(port, feed):
    with socket.create_connection(
        ("127.0.0.1", port), timeout=PATIENCE, source_address=("127.0.0.2", 0)
    ) as line:
        with contextlib.suppress(OSError):
            line.sendall(enveloped(GOOD))
        with contextlib.suppress(ConnectionResetError):
            assert line.recv(1024) == b""
    assert rows(feed) == []
    assert acknowledged(port)[1][1] == "AA"


def test_nothing_is_acknowledged_before_it_is_committed(port, feed):
    heard = []
    with psycopg.connect(
        database.administrator(), dbname=connections["default"].settings_dict["NAME"]
    ) as other:
        # Somebody holds the table: what arrives can be written, and not committed.
        other.execute("LOCK TABLE hospital_feed_rawmessage IN SHARE MODE")
        sender = threading.Thread(target=lambda: heard.append(acknowledged(port)))
        sender.start()
        sender.join(1.5)
        assert sender.is_alive()
        assert heard == []
        other.rollback()
        sender.join(PATIENCE)
    assert heard[0][1] == ["MSA", "AA", "77"]
    assert len(rows(feed)) == 1


def test_lines_may_be_sealed_and_senders_known_by_their_certificate(authority, feed):
    pem = str(authority / "certificate.pem")
    sealed = {
        "CARBET_MLLP_TLS_CERTIFICATE": pem,
        "CARBET_MLLP_TLS_KEY": str(authority / "key.pem"),
        "CARBET_MLLP_TLS_SENDERS": pem,
    }
    ours = ssl.create_default_context(cafile=pem)
    ours.load_cert_chain(pem, str(authority / "key.pem"))
    stranger = ssl.create_default_context(cafile=pem)
    with listening(**sealed) as port:
        assert acknowledged(port, tls=ours)[1] == ["MSA", "AA", "77"]
        # Without a certificate, or without TLS: no answer, and the listener lives.
        with pytest.raises((NoAnswer, ssl.SSLError, ConnectionResetError)):
            acknowledged(port, GOOD.replace(b"|77|", b"|78|"), tls=stranger)
        with pytest.raises((NoAnswer, ConnectionResetError)):
            acknowledged(port, GOOD.replace(b"|77|", b"|79|"))
        again = GOOD.replace(b"|77|", b"|80|")
        assert acknowledged(port, again, tls=ours)[1] == ["MSA", "AA", "80"]
    assert [row.control_id for row in rows(feed)] == ["77", "80"]
