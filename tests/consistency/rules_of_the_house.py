"""The rules that hold the house together, as functions that say what is wrong: nothing when right.

Each is proved twice: the house passes, and a deliberate breach is caught.
"""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from configparser import ConfigParser
from pathlib import Path
from types import ModuleType
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.urls import URLPattern, URLResolver

from carbet.core import doors, row_security

ROOT = Path(__file__).resolve().parents[2]


def patterns(resolver: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yield every (route, pattern) below a resolver."""
    for item in resolver.url_patterns:
        route = prefix + str(item.pattern)
        if isinstance(item, URLResolver):
            yield from patterns(item, route)
        else:
            yield route, item


def views_without_door(found: Iterable[tuple[str, URLPattern]]) -> list[str]:
    """Say which addresses nobody declared a door for."""
    return [
        f"/{route}: declare its door with carbet.core.doors"
        for route, pattern in found
        if doors.of(pattern.callback) is None
    ]


def house_models() -> list[type[models.Model]]:
    """Return the models of the house, without the history tables."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model.__module__.startswith("carbet.") and not hasattr(model, "pgh_tracked_model")
    ]


def history_models() -> list[type[models.Model]]:
    """Return the history tables of the house."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model.__module__.startswith("carbet.") and hasattr(model, "pgh_tracked_model")
    ]


def models_without_policy(found: Iterable[type[models.Model]]) -> list[str]:
    """Say which tables should be held by row security and are not, asked of PostgreSQL itself."""
    wrong = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, relrowsecurity AND relforcerowsecurity,"
            " (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid)"
            " FROM pg_class c WHERE relkind = 'r'"
        )
        held = {name: forced and policies > 0 for name, forced, policies in cursor.fetchall()}
    for model in found:
        table = model._meta.db_table
        tracked = getattr(model, "pgh_tracked_model", None)
        declared = getattr(tracked or model, "ROW_SECURITY", None)
        speaks_of_a_person = any(
            getattr(field, "attname", "") == "patient_id" for field in model._meta.get_fields()
        )
        if declared is None:
            wrong.append(f"{table}: the model declares no ROW_SECURITY")
        elif isinstance(declared, row_security.Open):
            if speaks_of_a_person:
                wrong.append(f"{table}: speaks of a person and is declared open")
        elif not held.get(table):
            wrong.append(f"{table}: no forced row security (row_security.protect in a migration)")
    return wrong


def storeys() -> list[list[str]]:
    """Return the storeys of .importlinter, highest first."""
    config = ConfigParser()
    config.read(ROOT / ".importlinter")
    lines = config["importlinter:contract:storeys"]["layers"].split("\n")
    return [[name.strip(" ()") for name in line.split("|")] for line in lines if line.strip()]


def storey_of(module: str) -> int | None:
    """Return the rank of a module's storey, 0 the highest, or None outside of them."""
    for rank, names in enumerate(storeys()):
        if any(module == name or module.startswith(name + ".") for name in names):
            return rank
    return None


def upward_foreign_keys(found: Iterable[type[models.Model]]) -> list[str]:
    """Say which foreign keys point to a higher storey."""
    wrong = []
    for model in found:
        here = storey_of(model.__module__)
        for field in model._meta.get_fields():
            target = field.related_model if getattr(field, "many_to_one", False) else None
            if not isinstance(target, type) or not target.__module__.startswith("carbet."):
                continue
            there = storey_of(target.__module__)
            if here is not None and there is not None and there < here:
                wrong.append(f"{model.__name__}.{field.name} points up to {target.__name__}")
    return wrong


def unaudited_operations(module: ModuleType, *, helpers: Iterable[str] = ()) -> list[str]:
    """Say which public functions of an `operations` drawer act without being operations.

    `helpers` are functions called inside an operation only.
    """
    wrong = []
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if name.startswith("_") or function.__module__ != module.__name__ or name in helpers:
            continue
        if not hasattr(function, "operation_name"):
            wrong.append(f"{module.__name__}.{name} is not an @operation")
    return wrong


def rooms() -> list[str]:
    """Return the module names of the rooms installed."""
    return [
        config.name
        for config in apps.get_app_configs()
        if config.name.startswith("carbet.") and config.name != "carbet.core"
    ]


def missing_from_glossary(found: Iterable[type[models.Model]], glossary: str) -> list[str]:
    """Say which models the glossary does not pair with a French word."""
    words = set(re.findall(r"`(\w+)`", glossary))
    return [
        f"{model.__name__}: add it to docs/glossary.md"
        for model in found
        if model.__name__ not in words
    ]


def names_in_title(page: str, names: Iterable[str]) -> list[str]:
    """Say which of the names stand in the title of a page: browsers keep titles in clear."""
    title = re.search(r"<title>(.*?)</title>", page, re.DOTALL | re.IGNORECASE)
    text = title.group(1).lower() if title else ""
    return [name for name in names if name.lower() in text]


def model_imports_in_views(source: str) -> list[str]:
    """Say which imports of a `views` drawer reach for tables."""
    return [
        f"line {node.lineno}: from {node.module} import …"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module.endswith(".models")
        and node.module.startswith("carbet.")
    ]
