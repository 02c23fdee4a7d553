"""What is said to have changed is what changed, no more and no less."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbet.coordination.care_plans import rules
from carbet.coordination.care_plans.choices import ActionStatus, GoalStatus, NeedDomain
from carbet.coordination.care_plans.rules import (
    ActionContent,
    Content,
    GoalContent,
    NeedContent,
)

# A busy machine draws slowly: time is judged by the benchmarks, not here.
at_ease = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
words = st.sampled_from(["Marcher", "Manger", "Dormir", "Voir sa fille"])
days = st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 3))


@st.composite
def contents(draw):
    """Draw a plan whose goals and actions each stand in one place only."""
    action_ids = iter(draw(st.permutations(range(100, 109))))
    goal_ids = iter(draw(st.permutations(range(10, 16))))
    needs = []
    for need_id in draw(st.lists(st.sampled_from([1, 2, 3]), max_size=3, unique=True)):
        goals = []
        for _ in range(draw(st.integers(0, 2))):
            actions = tuple(
                ActionContent(
                    id=next(action_ids),
                    text=draw(words),
                    responsible_id=(who := draw(st.sampled_from([None, 7, 8]))),
                    responsible=f"Membre {who}" if who else "",
                    frequency=draw(st.sampled_from(["", "1 fois par jour"])),
                    due_on=draw(days),
                    status=draw(st.sampled_from(ActionStatus.values)),
                )
                for _ in range(draw(st.integers(0, 1)))
            )
            goals.append(
                GoalContent(
                    id=next(goal_ids),
                    text=draw(words),
                    target=draw(st.sampled_from(["", "500 m"])),
                    target_on=draw(days),
                    status=draw(st.sampled_from(GoalStatus.values)),
                    actions=actions,
                )
            )
        needs.append(
            NeedContent(
                id=need_id,
                text=draw(words),
                domain=draw(st.sampled_from(NeedDomain.values)),
                goals=tuple(goals),
            )
        )
    return Content(draw(st.sampled_from(["", "Rester chez moi."])), draw(days), tuple(needs))


@at_ease
@given(contents())
def test_a_plan_does_not_differ_from_itself(content):
    assert rules.compare(content, content) == []


@at_ease
@given(contents(), contents())
def test_changes_are_said_if_and_only_if_the_approved_part_differs(before, after):
    said = rules.content_changes(before, after)
    assert bool(said) == (rules.without_progress(before) != rules.without_progress(after))


@at_ease
@given(contents(), contents())
def test_what_is_added_one_way_is_removed_the_other(before, after):
    def needs(changes, kind):
        return sum(change.kind == kind and change.what == rules.NEED for change in changes)

    there, back = rules.compare(before, after), rules.compare(after, before)
    assert needs(there, rules.ADDED) == needs(back, rules.REMOVED)
    assert needs(there, rules.ADDED) == len(
        {need.id for need in after.needs} - {need.id for need in before.needs}
    )


@at_ease
@given(contents())
def test_a_kept_version_reads_back_the_same(content):
    assert rules.from_json(rules.as_json(content)) == content


WALK = ActionContent(100, "Kiné à domicile", 7, "Marc Tianon", "2 fois par semaine", None)
GARDEN = GoalContent(10, "Marcher jusqu’au jardin", "20 m", None, GoalStatus.ACTIVE, (WALK,))
MOVE = NeedContent(1, "Se déplacer seule", NeedDomain.AUTONOMY, (GARDEN,))
BEFORE = Content("Rester chez moi.", None, (MOVE,))


def with_action(**changes):
    goal = replace(GARDEN, actions=(replace(WALK, **changes),))
    return replace(BEFORE, needs=(replace(MOVE, goals=(goal,)),))


@pytest.mark.parametrize(
    ("after", "kind", "sentence"),
    [
        (
            replace(BEFORE, needs=(MOVE, replace(MOVE, id=2, text="Souffler", goals=()))),
            rules.ADDED,
            "Besoin ajouté : « Souffler ».",
        ),
        (
            replace(BEFORE, needs=()),
            rules.REMOVED,
            "Besoin retiré : « Se déplacer seule » (1 objectif, 1 action).",
        ),
        (
            replace(BEFORE, needs=(replace(MOVE, goals=(replace(GARDEN, actions=()),)),)),
            rules.REMOVED,
            "Action retirée : « Kiné à domicile ».",
        ),
        (
            with_action(responsible_id=8, responsible="Inès Robeiri"),
            rules.MODIFIED,
            "Action « Kiné à domicile » : confiée à Inès Robeiri au lieu de Marc Tianon.",
        ),
        (
            with_action(due_on=date(2027, 1, 31)),
            rules.MODIFIED,
            "Action « Kiné à domicile » : échéance : 31/01/2027.",
        ),
        (
            with_action(status=ActionStatus.COMPLETED),
            rules.PROGRESS,
            "Action faite : « Kiné à domicile ».",
        ),
        (
            replace(BEFORE, person_words=""),
            rules.REMOVED,
            "Les mots de la personne ont été retirés.",
        ),
    ],
)
def test_each_change_is_said_in_words(after, kind, sentence):
    [change] = rules.compare(BEFORE, after)
    assert (change.kind, change.sentence.replace("\N{NO-BREAK SPACE}", " ")) == (kind, sentence)


@pytest.mark.parametrize(
    ("due_on", "status", "late"),
    [
        (date(2026, 11, 21), ActionStatus.NOT_STARTED, True),
        (date(2026, 11, 21), ActionStatus.IN_PROGRESS, True),
        (date(2026, 11, 21), ActionStatus.COMPLETED, False),
        (date(2026, 11, 21), ActionStatus.CANCELLED, False),
        (date(2026, 11, 22), ActionStatus.NOT_STARTED, False),
        (None, ActionStatus.NOT_STARTED, False),
    ],
)
def test_an_action_is_late_the_day_after_its_due_date(due_on, status, late):
    assert rules.is_late(due_on, status, on=date(2026, 11, 22)) is late


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (Content(), "Écrivez au moins un besoin"),
        (Content(needs=(replace(MOVE, goals=()),)), "n’a pas encore d’objectif"),
        (
            Content(needs=(replace(MOVE, goals=(replace(GARDEN, actions=()),)),)),
            "n’a pas encore d’action",
        ),
        (BEFORE, ""),
    ],
)
def test_what_a_plan_lacks_before_it_is_proposed(content, said):
    missing = rules.missing_for_proposal(content)
    assert said in missing if said else not missing


@pytest.mark.parametrize(
    ("due_on", "approved_on", "proposed"),
    [
        (date(2027, 5, 21), date(2026, 11, 22), date(2027, 5, 21)),
        (date(2026, 11, 20), date(2026, 10, 21), date(2026, 12, 22)),
        (date(2026, 10, 1), date(2026, 10, 21), None),
        (None, date(2026, 10, 21), None),
        (date(2027, 5, 21), None, None),
    ],
)
def test_the_next_review_is_proposed_as_far_as_the_last_one(due_on, approved_on, proposed):
    today = date(2026, 11, 22)
    assert rules.next_review(due_on, approved_on=approved_on, today=today) == proposed
