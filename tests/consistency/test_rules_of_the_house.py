"""The house obeys its own rules, and a breach of each is caught."""

import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import pytest
from django.apps import apps
from django.db import models
from django.http import HttpResponse
from django.urls import get_resolver, path

from carbet.core import doors, row_security
from tests.consistency import rules_of_the_house as rules

# Called inside an operation, in its transaction; or arranging a demonstration.
HELPERS = {
    "carbet.coordination.alerts.operations": {"raise_alert"},
    "carbet.coordination.subscriptions.operations": {"check", "told"},
    "carbet.registries.patients.operations": {
        *("index", "sort_key", "write_traits", "forget_traits"),
    },
}


def test_every_address_declares_its_door():
    assert rules.views_without_door(rules.patterns(get_resolver())) == []


def test_an_address_without_door_is_caught():
    def view(request):
        return HttpResponse()

    assert rules.views_without_door([("x", path("x", view))])
    doors.public()(view)
    assert not rules.views_without_door([("x", path("x", view))])


@pytest.mark.django_db
def test_every_table_of_a_person_is_held_by_row_security():
    assert rules.models_without_policy(rules.house_models() + rules.history_models()) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "declared", [None, row_security.Open("no"), row_security.Protected()], ids=str
)
def test_a_model_without_policy_is_caught(declared):
    name = f"Breach{abs(hash(str(declared)))}"
    attributes = {
        "__module__": "carbet.core.models",
        "patient_id": models.BigIntegerField(),
        "ROW_SECURITY": declared,
    }
    breach = type(name, (models.Model,), attributes)
    try:
        assert rules.models_without_policy([breach])
    finally:
        del apps.all_models["core"][name.lower()]
        apps.clear_cache()


def test_every_history_table_follows_a_model_of_the_house():
    assert len(rules.history_models()) >= 10


def test_no_foreign_key_points_up():
    assert rules.upward_foreign_keys(rules.house_models()) == []


def test_an_upward_foreign_key_is_caught(monkeypatch):
    from carbet.coordination.care_plans.models import PlannedAction

    assert not rules.upward_foreign_keys([PlannedAction])
    monkeypatch.setattr(rules, "storeys", lambda: list(reversed(_storeys)))
    assert rules.upward_foreign_keys([PlannedAction])


_storeys = rules.storeys()


def test_every_room_stands_in_a_storey():
    assert [room for room in rules.rooms() if rules.storey_of(room) is None] == []


def test_every_operation_is_audited():
    wrong = []
    for room in rules.rooms():
        name = f"{room}.operations"
        if find_spec(name) is not None:
            module = import_module(name)
            wrong += rules.unaudited_operations(module, helpers=HELPERS.get(name, ()))
    assert wrong == []


def test_a_function_that_acts_without_audit_is_caught():
    module = ModuleType("carbet.somewhere.operations")

    def change(*, actor, now): ...

    change.__module__ = module.__name__
    module.change = change
    assert rules.unaudited_operations(module)


def test_every_model_is_in_the_glossary():
    glossary = (rules.ROOT / "docs" / "glossary.md").read_text()
    assert rules.missing_from_glossary(rules.house_models(), glossary) == []
    assert rules.missing_from_glossary(rules.house_models(), "")


def test_a_name_in_a_title_is_caught():
    page = "<html><head><title>Dossier de Claire Régis</title></head></html>"
    assert rules.names_in_title(page, ["Régis"]) == ["Régis"]
    assert not rules.names_in_title(page.replace("Claire Régis", "soins"), ["Régis"])


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (
            "carbet/registries/patients/queries.py",
            "from carbet.coordination.care_teams import rules as up",
        ),
        (
            "carbet/coordination/notebook/queries.py",
            "from carbet.coordination.notebook import operations as up",
        ),
        ("carbet/core/clock.py", "from carbet.registries.directory import rules as up"),
        ("carbet/coordination/support/loose.py", "x = 1"),
        (
            "carbet/coordination/care_teams/views.py",
            "from carbet.coordination.care_teams import models as m",
        ),
    ],
)
def test_an_import_against_the_storeys_breaks_the_build(tmp_path, module, line):
    shutil.copytree(
        rules.ROOT / "carbet",
        tmp_path / "carbet",
        ignore=shutil.ignore_patterns("__pycache__", "static", "templates", "data"),
    )
    shutil.copy(rules.ROOT / ".importlinter", tmp_path)
    breached = tmp_path / module
    before = breached.read_text() if breached.exists() else ""
    breached.write_text(before + f"\n{line}\n")
    check = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as c; c()",
            "--no-cache",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert check.returncode != 0, check.stdout
    assert "BROKEN" in check.stdout
