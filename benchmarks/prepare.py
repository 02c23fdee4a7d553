"""Sign bench users in and write the requests to replay, as one JSON line on standard output."""

import json
import random
import sys
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import django

django.setup()

from django.db import connection, connections  # noqa: E402 - Django comes first
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks import fhir_client, floor  # noqa: E402
from carbet.core.actor import organization_key, role_key  # noqa: E402
from carbet.core.identifiers import short_id  # noqa: E402
from carbet.registries.accounts.choices import AccountKind  # noqa: E402
from carbet.registries.accounts.models import Account  # noqa: E402
from carbet.registries.accounts.sessions import SessionStore  # noqa: E402
from carbet.registries.directory.models import PractitionerRole, Right  # noqa: E402
from carbet.registries.patients.queries import PAGE  # noqa: E402

USERS = 40
# A full first page for each, at every size: the growth compares like with like.
FEWEST, MOST = 27, 300
TOKEN = "b" * 32  # the CSRF cookie and header only have to agree


@dataclass
class User:
    """A bench user under one role, with (id, birth name, first given name) of some persons."""

    role_id: int
    organization_id: int
    persons: list[tuple[int, str, str]]
    cookie: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"cookie": f"carbet={self.cookie}; csrftoken={TOKEN}", "x-csrftoken": TOKEN}

    @property
    def form_headers(self) -> dict[str, str]:
        return self.headers | {"content-type": "application/x-www-form-urlencoded"}


def main(count: int) -> None:
    choose = random.Random(973)  # noqa: S311 - repeatable
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT to_regclass('floor_person') IS NOT NULL")
        if not cursor.fetchone()[0]:
            cursor.execute(floor.SCHEMA)
    carers = _carers(choose)
    hospital = fhir_client.open_hospital([user.organization_id for user in carers])
    staff = _staff(hospital)
    for user in (*carers, *staff):
        user.cookie = _session(user.role_id)
    points = [
        *_pages(carers, count, choose),
        *_hospital_pages(staff, count, choose),
        *_fhir(hospital, count, choose),
        *_floor(count),
    ]
    print(json.dumps(points))


def _carers(choose: random.Random) -> list[User]:
    """Return forty carers (fewer in a small territory) who write in the records of their persons.

    They follow from 27 to 300 persons each.
    """
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT r.id, r.organization_id FROM directory_practitionerrole r"
            " WHERE r.category IN ('medical', 'paramedical') AND r.ended_at IS NULL"
            " AND (SELECT count(DISTINCT g.patient_id) FROM core_accessgrant g"
            "      WHERE g.grantee = 'role:' || r.id AND g.level >= 30 AND g.valid_until IS NULL)"
            "     BETWEEN %s AND %s ORDER BY r.id LIMIT 4000",
            [FEWEST, MOST],
        )
        found = cursor.fetchall()
    chosen = choose.sample(found, min(USERS, len(found)))
    return [User(role, place, _persons(role_key(role))) for role, place in chosen]


def _staff(hospital: int) -> list[User]:
    """Return ten of those who work at the hospital."""
    roles = PractitionerRole.objects.filter(
        organization_id=hospital, ended_at=None, category__in=("medical", "paramedical")
    ).order_by("pk")
    return [
        User(role.pk, hospital, _persons(organization_key(hospital), 3000)) for role in roles[:10]
    ]


def _persons(grantee: str, most: int = MOST) -> list[tuple[int, str, str]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT g.patient_id, p.birth_family, p.birth_given[1] FROM core_accessgrant g"
            " JOIN patients_patient p ON p.id = g.patient_id"
            " WHERE g.grantee = %s AND g.level >= 30 AND g.valid_until IS NULL"
            " ORDER BY g.patient_id * 7919 %% 1009, 1 LIMIT %s",
            [grantee, most],
        )
        return cursor.fetchall()


def _pages(users: list[User], count: int, choose: random.Random) -> list[dict[str, Any]]:
    """Return the points of the pages, each replayed by the carers on their own persons."""
    made: dict[str, list[str]] = {
        "sign-in page": [],
        "my patients": [],
        "name search, one wrong letter": [],
        "record page": [],
        "add note": [],
    }
    for _ in range(count):
        user = choose.choice(users)
        patient, family, given = choose.choice(user.persons)
        made["sign-in page"].append(_line("GET", reverse("account_login"), {}))
        made["my patients"].append(_line("GET", reverse("patients:list"), user.headers))
        made["name search, one wrong letter"].append(_search(user, family, given, choose))
        made["record page"].append(
            _line("GET", reverse("charts:detail", kwargs={"patient_id": patient}), user.headers)
        )
        made["add note"].append(
            _line(
                "POST",
                reverse("notebook:write", kwargs={"patient_id": patient}),
                user.form_headers,
                urlencode({"kind": "OBS", "text": NOTE}) + "&gesture={uuid}",
            )
        )
    return [_point(name, lines) for name, lines in made.items()]


NOTE = "A bien mangé, marche avec sa canne, pas de douleur ce matin."


def _hospital_pages(users: list[User], count: int, choose: random.Random) -> list[dict[str, Any]]:
    """Return the points of whoever may enter one record in five of the whole territory."""
    deep, searched = [], []
    last = _last_of(organization_key(users[0].organization_id))
    for _ in range(count):
        user = choose.choice(users)
        _, family, given = choose.choice(user.persons)
        # A last page is short, which is one page in eight of a small territory.
        before = choose.choice([one for one, *_ in user.persons if one not in last])
        address = f"{reverse('patients:list')}?apres={short_id(before)}"
        deep.append(_line("GET", address, user.headers))
        searched.append(_search(user, family, given, choose))
    return [
        _point("hospital list, any depth", deep),
        _point("hospital name search, one wrong letter", searched),
    ]


def _last_of(grantee: str) -> set[int]:
    """Return the persons after whom the list of a grantee has no full page."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT s.patient_id FROM patients_patientsearch s JOIN core_accessgrant g"
            " ON g.patient_id = s.patient_id AND g.grantee = %s"
            " ORDER BY s.sort_key DESC, s.patient_id DESC LIMIT %s",
            [grantee, PAGE + 1],
        )
        return {row[0] for row in cursor.fetchall()}


def _fhir(hospital: int, count: int, choose: random.Random) -> list[dict[str, Any]]:
    """Return the points of the FHIR door, asked by the hospital's software."""
    headers, patients, identifiers = fhir_client.open_client(hospital)
    reads, searches = [], []
    for _ in range(count):
        said = quote("|".join(choose.choice(identifiers)))
        reads.append(_line("GET", f"/fhir/Patient/{choose.choice(patients)}", headers))
        searches.append(_line("GET", f"/fhir/Patient?identifier={said}", headers))
    asked = headers | {"content-type": "application/fhir+json"}
    matches = [_line("POST", "/fhir/Patient/$match", asked, body) for body in _asked(count, choose)]
    return [
        _point("fhir read", reads),
        _point("fhir identifier search", searches),
        _point("fhir $match, two mistakes", matches),
    ]


def _asked(count: int, choose: random.Random) -> list[str]:
    """Return whom a system asks about: anybody of the territory, a name and a day mistaken."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT max(id) FROM patients_patient")
        last = cursor.fetchone()[0]
        cursor.execute(
            "SELECT birth_family, birth_given, birth_date, gender FROM patients_patient"
            " WHERE id = ANY(%s) AND birth_date_precision = 'day'",
            [[choose.randint(1, last) for _ in range(2 * count)]],
        )
        rows = cursor.fetchall()[:count]
    return [
        json.dumps(_match_parameters(family, given, born, gender, choose))
        for family, given, born, gender in rows
    ]


def _match_parameters(
    family: str, given: list[str], born: date, gender: str, choose: random.Random
) -> dict[str, Any]:
    name = {"use": "official", "family": _mistyped(family, choose), "given": given}
    said = {
        "resourceType": "Patient",
        "name": [name],
        "gender": gender,
        "birthDate": str(born.replace(day=1 + born.day % 28)),
    }
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "resource", "resource": said}, {"name": "count", "valueInteger": 5}],
    }


def _floor(count: int) -> list[dict[str, Any]]:
    """Return the points of the floor."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT id, birth_family FROM patients_patient WHERE id %% 20 = 1"
            " ORDER BY id * 7919 %% 1009 LIMIT %s",
            [count],
        )
        rows = cursor.fetchall()
    headers = {"x-token": "floor"}
    return [
        {"name": name, "requests": [_line(method, path.format(*row), headers) for row in rows]}
        for name, method, path in (
            ("floor read", "GET", "/read/{0}"),
            ("floor list", "GET", "/list?after={1}"),
            ("floor create", "POST", "/create/{0}"),
        )
    ]


def _session(role_id: int) -> str:
    """Return the session key of a bench user under this role, second factor given."""
    practitioner = (
        PractitionerRole.objects.select_related("practitioner").get(pk=role_id).practitioner
    )
    account = Account.objects.filter(pk=practitioner.account_id).first()
    if account is None:
        account = Account.objects.db_manager("owner").create_user(
            f"bench-{role_id}@carbet.test",
            kind=AccountKind.PROFESSIONAL,
            given=practitioner.given,
            family=practitioner.family,
        )
        practitioner.account_id = account.pk
        practitioner.save(using="owner", update_fields=["account"])
    now = timezone.now()
    if not Right.objects.filter(practitioner_role_id=role_id, ended_at__gt=now).exists():
        Right.objects.using("owner").create(
            practitioner_role_id=role_id,
            started_at=now,
            ended_at=now + timedelta(days=365),
            granted_by_name="bench",
        )
    store = SessionStore()
    store["_auth_user_id"] = str(account.pk)
    store["_auth_user_backend"] = "allauth.account.auth_backends.AuthenticationBackend"
    store["_auth_user_hash"] = account.get_session_auth_hash()
    store["account_authentication_methods"] = [
        {"method": "mfa", "type": "totp", "at": timezone.now().timestamp()}
    ]
    store["practitioner_role_id"] = role_id
    store.create()
    return str(store.session_key)


def _search(user: User, family: str, given: str, choose: random.Random) -> str:
    body = urlencode({"q": f"{_mistyped(family, choose)} {given}"})
    return _line("POST", reverse("patients:search"), user.form_headers, body)


def _mistyped(word: str, choose: random.Random) -> str:
    """Return the word with one letter changed, not the first."""
    if len(word) < 4:
        return word
    place = choose.randrange(1, len(word))
    return word[:place] + choose.choice("aeiourst") + word[place + 1 :]


def _line(method: str, path: str, headers: dict[str, str], body: str = "") -> str:
    path = quote(path, safe="/?=&|%")
    joined = "|".join(f"{name}={value}" for name, value in headers.items())
    return f"{method}\t{path}\t{joined}\t{body}"


def _point(name: str, lines: list[str]) -> dict[str, Any]:
    return {"name": name, "requests": lines, "queries": max(map(_queries, lines[:10]))}


def _queries(line: str) -> int:
    """Count the SQL statements of one request, transaction control and its settings aside."""
    method, path, joined, body = line.split("\t")
    headers = dict(pair.split("=", 1) for pair in joined.split("|") if pair)
    body = body.replace("{uuid}", str(uuid.uuid4()))
    client = Client(
        headers={name: value for name, value in headers.items() if name != "content-type"},
        SERVER_NAME="localhost",
    )
    with CaptureQueriesContext(connection) as captured:
        answer = client.generic(
            method, path, body, content_type=headers.get("content-type", "text/plain")
        )
    turned_away = answer.status_code == 302 and answer.url.startswith(("/role/", "/compte/"))
    if answer.status_code >= 400 or turned_away:
        sys.exit(f"{method} {path}: {answer.status_code} {answer.content[:500]!r}")
    control = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SELECT set_config(")
    return sum(not query["sql"].startswith(control) for query in captured.captured_queries)


if __name__ == "__main__":
    main(int(sys.argv[1]))
