"""What every test stands on: the application's database role, a copy of the schema, no network."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker, testrun_uid: str, worker_id: str
) -> Iterator[None]:
    """Give this worker its own copy of the migrated template, on a server that we start."""
    from django.test import TransactionTestCase

    from tests import database

    # Django would empty the tables one by one, which the application's role may not do.
    TransactionTestCase._fixture_teardown = lambda self: database.restore_copy()
    with django_db_blocker.unblock(), database.running():
        with database.copy_of_template(f"carbet_test_{testrun_uid[:12]}_{worker_id}"):
            with django_db_blocker.block():
                yield


@pytest.fixture
def world(db):
    """Return a small synthetic territory: places, roles, accounts (see tests/world.py)."""
    from tests import world

    return world.build()


@pytest.fixture
def sign_in(client):
    """Return a function that signs the test client in as an account, second factor included."""

    def sign_in(account, *, role=None, strong=True):
        client.force_login(account, backend="allauth.account.auth_backends.AuthenticationBackend")
        session = client.session
        if strong:
            session["account_authentication_methods"] = [{"method": "mfa", "at": 0}]
        if role is not None:
            session["practitioner_role_id"] = role.pk
        session.save()
        return client

    return sign_in


@pytest.fixture(scope="session")
def mail_server() -> Iterator[Any]:
    """Run Debian's Dovecot on loopback, or skip where it is not installed, saying so.

    Not in the folder of pytest, that each other run closes again to the users of the server.
    """
    from tests import mail_server

    lacking = mail_server.missing()
    if lacking:
        pytest.skip(lacking)
    with (
        tempfile.TemporaryDirectory(prefix="carbet-mail-", ignore_cleanup_errors=True) as folder,
        mail_server.running(Path(folder)) as server,
    ):
        yield server


@pytest.fixture
def mss(mail_server, settings):
    """Let this house speak to the test mail server, and trust its certificate."""
    settings.MSS_SERVERS = [mail_server.described]
    settings.MSS_AUTHORITIES = mail_server.authorities
    return mail_server
