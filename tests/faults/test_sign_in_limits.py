"""Attempts to sign in are counted by all the processes of the page server together."""

import contextlib
import http.cookiejar
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connections

from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from tests import world

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def address():
    """Run the page server with two processes on the test's database; return its address."""
    place = connections["default"].settings_dict
    url = (
        f"postgresql://{place['USER']}:{quote(place['PASSWORD'], safe='')}@/{place['NAME']}"
        f"?host={quote(place['HOST'], safe='')}"
    )
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "carbet.config.wsgi:application"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "2", "--log-level", "warning"),
    ]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "carbet.config.settings",
        "DATABASE_URL": url,
        "DATABASE_APP_URL": url,
        "CARBET_SECRET_KEY": settings.SECRET_KEY,
        "CARBET_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "CARBET_TEST": "1",
    }
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def attempt(address, email, password):
    """Try to sign in as a new browser would; return the page."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    where = f"{address}/compte/connexion/"
    with browser.open(where, timeout=60) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())[1]
    form = urllib.parse.urlencode(
        {"login": email, "password": password, "csrfmiddlewaretoken": token}
    )
    asked = urllib.request.Request(where, form.encode(), {"Referer": where})  # noqa: S310 - ours
    with browser.open(asked, timeout=60) as page:
        return page.read().decode()


def test_two_processes_count_together_and_the_trace_stays_bounded(address):
    account = world.build().accounts["gp"]
    answers = [attempt(address, account.email, f"mauvais {number}") for number in range(9)]
    refused = [answer for answer in answers if "incorrect" in answer]
    stopped = [answer for answer in answers if "Trop d’essais" in answer]
    assert (len(refused), len(stopped)) == (5, 4)
    assert "Trop d’essais" in attempt(address, account.email, world.PASSWORD)
    with row_security.acting_as(internal("test")):
        assert AuditEvent.objects.filter(operation="account.sign_in.refuse").count() == 5
