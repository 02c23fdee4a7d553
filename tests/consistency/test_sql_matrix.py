"""What each actor sees of a person in SQL, as the application: every table and relation."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from carbet.core import row_security
from carbet.core.actor import ANONYMOUS_ACTOR, Actor, Level
from tests.consistency import rules_of_the_house as house
from tests.consistency import scene as scenes

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(world):
    return scenes.build(world)


def protected_tables():
    """Yield (table, column that holds the person, what opens it) of every protected model."""
    for model in house.house_models() + house.history_models():
        declared = getattr(getattr(model, "pgh_tracked_model", model), "ROW_SECURITY", None)
        if isinstance(declared, row_security.Protected):
            yield model._meta.db_table, declared.column, declared


def visible(actor: Actor, table: str, column: str, declared, patient_id: int, now) -> dict:
    """Return how many rows of each category the actor sees; 0 is the category of the others."""
    asked = declared.category
    category = asked if isinstance(asked, str) else int(asked or 0)
    with row_security.acting_as(actor, now=now), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {category}, count(*) FROM {table} WHERE {column} = %s GROUP BY 1", [patient_id]
        )
        return dict(cursor.fetchall())


def test_every_relation_sees_exactly_what_its_level_opens(scene):
    wrong, cells = [], 0
    everything = dict(scenes.actors(scene)) | {"nobody": ANONYMOUS_ACTOR}
    for table, column, declared in protected_tables():
        asked = (table, column, declared, scene.patient_id, scene.world.now)
        kept = visible(scenes.INTERNAL, *asked)
        for relation, actor in everything.items():
            held = scenes.RELATIONS.get(relation)
            enters = held is not None and held >= declared.read
            opened = scenes.CATEGORIES.get(relation, 0) if enters else 0
            seen = visible(actor, *asked)
            expected = {
                category: rows
                for category, rows in kept.items()
                if enters and category & opened == category
            }
            cells += 1
            if seen != expected:
                wrong.append(f"{relation} sees {seen} rows of {table}, not {expected}")
        if isinstance(declared.category, str):
            assert len(kept) > 1, f"{table}: the scene has rows of one category only"
    assert wrong == []
    assert cells > 250


def test_no_one_sees_another_person_s_rows_without_naming_them(scene):
    other = scene.world.circle(by="other_gp", birth_family="Autre")
    actor = scene.world.actor("nurse")
    with row_security.acting_as(actor, now=scene.world.now), connection.cursor() as cursor:
        for table, column, _ in protected_tables():
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} <> %s", [scene.patient_id])
            assert cursor.fetchone()[0] == 0, table
    assert other.patient_id != scene.patient_id


@pytest.mark.parametrize("relation", ["stranger", "former", "glass_expired", "operator"])
def test_no_one_outside_writes_even_inside_an_operation(scene, relation):
    actor = scenes.actors(scene)[relation]
    statements = {
        "INSERT": "INSERT INTO notebook_note (patient_id, kind, text, urgent, author_name,"
        " occurred_at, recorded_at, gesture, correction_reason)"
        " VALUES (%s, 'OBS', 'x', false, 'x', now(), now(), gen_random_uuid(), '')",
        "GRANT": "INSERT INTO core_accessgrant (patient_id, grantee, level, source, valid_from)"
        f" VALUES (%s, 'role:{actor.role_id}', 40, 'participant', now())",
    }
    for statement in statements.values():
        with (
            pytest.raises(DatabaseError, match="row-level security"),
            row_security.acting_as(actor, now=scene.world.now, operation="test.write"),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, [scene.patient_id])
    with (
        row_security.acting_as(actor, now=scene.world.now, operation="test.write"),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE notebook_note SET text = 'x' WHERE patient_id = %s", [scene.patient_id]
        )
        assert cursor.rowcount == 0


def test_a_member_writes_nothing_outside_an_operation(scene):
    with (
        pytest.raises(DatabaseError, match="row-level security"),
        row_security.acting_as(scene.world.actor("nurse"), now=scene.world.now),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE notebook_note SET text = 'x' WHERE patient_id = %s", [scene.patient_id]
        )


def test_no_person_s_row_is_ever_deleted(scene):
    for table, _, _ in protected_tables():
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            row_security.acting_as(scene.world.actor("gp"), operation="test.delete"),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"DELETE FROM {table}")


def test_history_cannot_be_rewritten(scene):
    for model in house.history_models():
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            row_security.acting_as(scene.world.actor("gp"), operation="test.rewrite"),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE {model._meta.db_table} SET pgh_label = 'x'")


@pytest.mark.parametrize(
    ("operation", "source", "level", "hours", "allowed"),
    [
        ("glass.break", "glass", Level.WRITE, 4, True),
        ("glass.break", "glass", Level.WRITE, 48, False),
        ("glass.break", "glass", Level.MANAGE, 4, False),
        ("glass.break", "participant", Level.WRITE, 4, False),
        ("note.write", "glass", Level.WRITE, 4, False),
        ("support.accept", "support_case", Level.MANAGE, 4, False),
    ],
)
def test_a_stranger_s_only_way_in_is_glass_for_a_day_at_most(
    scene, operation, source, level, hours, allowed
):
    from carbet.core import grants

    actor, now = scenes.actors(scene)["stranger"], scene.world.now

    def attempt():
        with row_security.acting_as(actor, now=now, operation=operation):
            grants.grant(
                f"role:{actor.role_id}",
                patient_id=scene.patient_id,
                level=level,
                source=source,
                now=now,
                valid_until=now + timedelta(hours=hours),
            )

    if allowed:
        attempt()
    else:
        with pytest.raises(DatabaseError, match="row-level security"):
            attempt()


def test_a_grant_for_somebody_else_is_not_a_stranger_s_to_give(scene):
    from carbet.core import grants

    actor, now = scenes.actors(scene)["stranger"], scene.world.now
    with (
        pytest.raises(DatabaseError, match="row-level security"),
        row_security.acting_as(actor, now=now, operation="glass.break"),
    ):
        grants.grant(
            "role:1",
            patient_id=scene.patient_id,
            level=Level.READ,
            source="glass",
            now=now,
            valid_until=now + timedelta(hours=1),
        )


def test_security_definer_functions_are_known_and_not_open_to_all():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, has_function_privilege('public', oid, 'EXECUTE'), proconfig"
            " FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        )
        found = {name: (public, config) for name, public, config in cursor.fetchall()}
    # The index of orientation is kept by triggers on public facts: they speak of no person.
    assert {name for name in found if not name.startswith("orientation_")} == {
        "activity_behind",
        "activity_changed",
        "activity_forget",
        "activity_refresh",
        "carbet_holds",
        "carbet_is_known",
        "carbet_opened",
        "carbet_grantees_of",
        "carbet_is_peopled",
        "carbet_participates",
        "directory_analyze",
        *("identity_is_cell", "identity_of_domain", "identity_no_loop", "identity_groups_hold"),
        "identity_apart_hold",
        *("identity_candidates", "identity_named", "identity_dependents", "identity_entries"),
        *("identity_cross_references", "identity_record_links"),
        *("identity_absorbed", "identity_survivor_of", "identity_survivor_opens"),
        *("identity_move_record", "identity_carry_row", "identity_restore"),
        "messaging_search",
        "notebook_search",
        "patients_alike_known",
        "patients_candidates",
        "patients_mine",
        "patients_search",
        "patients_search_traits",
        "patients_version_authors",
        "scheduling_busy",
    }
    for name, (public, config) in found.items():
        assert (config or [""])[0].startswith("search_path="), name
        # The policies call these two for whoever asks; each of them answers for the caller only.
        assert not public or name.startswith("carbet_"), name
