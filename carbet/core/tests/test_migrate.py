"""Migrating draws less and changes nothing else."""

from django.db import models
from django.db.migrations import AddField, CreateModel
from django.db.migrations.state import ProjectState

from carbet.core.management.commands.migrate import Command, drawing_less

STEPS = [
    CreateModel("Person", [("id", models.BigAutoField(primary_key=True))]),
    CreateModel(
        "Visit",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("person", models.ForeignKey("x.Person", on_delete=models.CASCADE)),
        ],
    ),
    AddField("Person", "name", models.TextField(default="")),
]


def drawn():
    """Return the state after the steps, and the class of Visit that it drew in between."""
    state = ProjectState()
    _ = state.apps
    for step in STEPS[:2]:
        step.state_forwards("x", state)
    visit = state.apps.get_model("x", "Visit")
    STEPS[2].state_forwards("x", state)
    return state, visit


def test_only_what_changed_is_drawn_again():
    _, before = drawn()
    with drawing_less():
        state, visit = drawn()
        assert state.apps.get_model("x", "Visit") is visit
        assert "name" in {f.name for f in state.apps.get_model("x", "Person")._meta.fields}
        # Same table and same key: what a foreign key needs of a person drawn before.
        assert visit._meta.get_field("person").related_model._meta.db_table == "x_person"
    state, visit = drawn()
    assert state.apps.get_model("x", "Visit") is not visit
    assert before is not visit


def test_a_step_in_python_sees_everything_drawn_afresh():
    with drawing_less():
        state, _ = drawn()
        state.clear_delayed_apps_cache()
        person = state.apps.get_model("x", "Person")
        assert state.apps.get_model("x", "Visit")._meta.get_field("person").related_model is person


def test_the_command_is_ours():
    from django.core.management import get_commands

    assert get_commands()["migrate"] == "carbet.core"
    assert Command.__module__ == "carbet.core.management.commands.migrate"
