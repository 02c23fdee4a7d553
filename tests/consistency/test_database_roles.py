"""The tests, like the application, work under a role that owns nothing and obeys row security."""

import pytest
from django.db import connections

from carbet.config import environment

ROLE = "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"


@pytest.mark.django_db
def test_the_application_obeys_row_security():
    with connections["default"].cursor() as cursor:
        cursor.execute(ROLE)
        assert cursor.fetchone() == (environment.APPLICATION_ROLE, False, False)


@pytest.mark.django_db
def test_the_application_owns_nothing():
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = current_user"
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT has_schema_privilege(current_user, 'public', 'CREATE')")
        assert cursor.fetchone() == (False,)


@pytest.mark.django_db(databases=["default", "owner"])
def test_the_owner_is_at_hand_and_is_no_superuser():
    with connections["owner"].cursor() as cursor:
        cursor.execute(ROLE)
        assert cursor.fetchone() == (environment.OWNER_ROLE, False, False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_what_a_test_commits_is_gone_for_the_next(turn):
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_content_type WHERE app_label = 'left-over'")
        assert cursor.fetchone() == (0,)
        cursor.execute(
            "INSERT INTO django_content_type (app_label, model) VALUES ('left-over', 'row')"
        )
