"""The floor: the least that Django and PostgreSQL can do with row security and an access log.

One table of persons with the house's own policy shape, a bearer token, one audit row in the same
transaction. No template, no form, no history. It bounds what our stack can reach; it is no product.
"""

import os
import uuid

import orjson
from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.http import HttpResponse
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.floor_settings")

SCHEMA = """
DROP TABLE IF EXISTS floor_person, floor_audit, floor_token;
CREATE TABLE floor_person (
  id bigint PRIMARY KEY, family text, given text, born date, city text, org int);
INSERT INTO floor_person
  SELECT id, birth_family, birth_given[1], birth_date, city, id % 20 FROM patients_patient;
CREATE INDEX ON floor_person (org, family, id);
CREATE TABLE floor_audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz
  DEFAULT now(), org int, person bigint, what text);
CREATE TABLE floor_token (token text PRIMARY KEY, org int);
INSERT INTO floor_token VALUES ('floor', 1);
ALTER TABLE floor_person ENABLE ROW LEVEL SECURITY;
ALTER TABLE floor_person FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON floor_person USING
  (org = NULLIF(current_setting('floor.org', true), '')::int);
GRANT SELECT ON floor_person TO carbet_app;
GRANT SELECT ON floor_token TO carbet_app;
GRANT INSERT ON floor_audit TO carbet_app;
ANALYZE floor_person;
"""


def _answer(request, sql, values, what, person=None):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT org FROM floor_token WHERE token = %s", [request.headers["x-token"]])
        org = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('floor.org', %s, true)", [str(org)])
        cursor.execute(sql, values)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        cursor.execute(
            "INSERT INTO floor_audit (org, person, what) VALUES (%s, %s, %s)", [org, person, what]
        )
    return HttpResponse(orjson.dumps(rows), content_type="application/json")


def read(request, pk):
    return _answer(request, "SELECT * FROM floor_person WHERE id = %s", [pk], "read", pk)


def listing(request):
    after = request.GET.get("after", "")
    sql = "SELECT * FROM floor_person WHERE family > %s ORDER BY family, id LIMIT 25"
    return _answer(request, sql, [after], "list")


def create(request, pk):
    sql = "INSERT INTO floor_audit (org, person, what) VALUES (1, %s, %s)"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT org FROM floor_token WHERE token = %s", [request.headers["x-token"]])
        cursor.execute("SELECT set_config('floor.org', '1', true)")
        cursor.execute(sql, [pk, str(uuid.uuid4())])
        cursor.execute(sql, [pk, "create"])
    return HttpResponse(status=201)


urlpatterns = [path("read/<int:pk>", read), path("list", listing), path("create/<int:pk>", create)]
application = get_wsgi_application()
