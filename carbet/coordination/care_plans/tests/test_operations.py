"""Writing, proposing and approving: what holds together, what is refused and leaves nothing."""

import uuid
from datetime import date
from decimal import Decimal

import pytest

from carbet.coordination.alerts.models import Alert
from carbet.coordination.care_plans import operations, queries, rules
from carbet.coordination.care_plans.choices import ActionStatus, PlanStatus
from carbet.coordination.care_plans.models import (
    CarePlan,
    CarePlanVersion,
    Goal,
    Need,
    PlanComment,
    PlannedAction,
    PlanReview,
)
from carbet.coordination.care_plans.operations import (
    ConflictingEdit,
    StalePlan,
    UnableToDecide,
    UnableToEditPlan,
)
from carbet.coordination.care_plans.tests import factories
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.tasks import operations as tasks
from carbet.coordination.tasks.models import Task
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent, LiveEvent
from carbet.core.operation import UnableToAct

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(world):
    return factories.begin(world)


@pytest.fixture
def written(desk):
    desk.entry = desk.add(
        need="Se déplacer", goal="Marcher", action="Kiné", responsible_id=desk.members["physio"]
    )
    return desk


@pytest.fixture
def approved(written):
    written.propose()
    written.approve()
    return written


def rows(model, world, key="gp"):
    with row_security.acting_as(world.actor(key), now=world.now):
        return list(model.objects.order_by("pk"))


def traces(world, operation):
    with row_security.acting_as(internal("test")):
        return AuditEvent.objects.filter(operation=operation).count()


def test_beginning_twice_is_beginning_once(desk, world):
    again = operations.create_plan(
        actor=world.actor("gp"), now=world.now, patient_id=desk.patient_id
    )
    assert [plan.pk for plan in rows(CarePlan, world)] == [again.pk]
    assert again.author_id == world.roles["coordinator"].pk


def test_one_gesture_writes_need_goal_and_action(written, world):
    [need] = written.plan().content.needs
    assert (need.text, need.goals[0].text, need.goals[0].actions[0].text) == (
        "Se déplacer",
        "Marcher",
        "Kiné",
    )
    assert need.goals[0].actions[0].responsible == "Marc Tianon, Kinésithérapeute"
    assert traces(world, "care_plan.entry.add") == 1


def test_the_same_gesture_twice_is_one_entry(desk, world):
    gesture = uuid.uuid4()
    first = desk.add(gesture=gesture, need="Manger", goal="Deux repas", action="Portage")
    # The second click carries the revision of the page, older by now.
    again = desk.add(gesture=gesture, revision=1, need="Manger", goal="Deux repas")
    assert again == first
    assert len(rows(Need, world)) == 1


def test_what_is_left_empty_goes_under_what_is_there(written):
    same_goal = written.add(goal_id=written.entry.goal_id, action="Vélo")
    assert same_goal.goal_id == written.entry.goal_id
    new_goal = written.add(need_id=written.entry.need_id, goal="Sortir", action="Marché")
    assert new_goal.need_id == written.entry.need_id
    assert new_goal.goal_id != written.entry.goal_id
    [need] = written.plan().content.needs
    assert [len(goal.actions) for goal in need.goals] == [2, 1]


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ({}, "need"),
        ({"action": "Kiné"}, "goal"),
        ({"goal": "Marcher"}, "need"),
        ({"need": "Bouger", "action": "Kiné"}, "goal"),
        ({"need": "Bouger", "frequency": "souvent"}, "action"),
        ({"need": "Bouger", "target": "20 m"}, "goal"),
    ],
)
def test_an_entry_that_hangs_nowhere_is_refused_and_leaves_nothing(desk, world, lines, field):
    with pytest.raises(UnableToEditPlan) as refusal:
        desk.add(**lines)
    assert refusal.value.field == field
    assert rows(Need, world) == []
    assert desk.plan().revision == 1


def change(desk, revision, **content):
    return desk.do(
        operations.change_part,
        revision=revision,
        kind=rules.NEED,
        part_id=desk.entry.need_id,
        **content,
    )


def test_what_others_wrote_elsewhere_stops_nobody(written, world):
    written.add(need="Manger", goal="Deux repas")
    change(written, 2, text="Bouger", domain="1.2.1.3")
    plan = written.plan()
    assert [need.text for need in plan.content.needs] == ["Bouger", "Manger"]
    assert (plan.content.needs[0].domain, plan.content.needs[0].serafin) == ("autonomy", "1.2.1.3")
    with row_security.acting_as(world.actor("gp"), now=world.now):
        assert len(queries.changes_since(plan, revision=2)) == 2


def test_the_same_field_changed_twice_is_given_back_to_a_person(written):
    change(written, 2, text="Bouger", domain="health")
    with pytest.raises(ConflictingEdit) as refusal:
        change(written, 2, text="Marcher dehors", domain="autonomy")
    merged = refusal.value.merged
    assert merged.conflicts == {"text": "Bouger"}
    assert merged.values == {"text": "Marcher dehors", "domain": "autonomy"}
    assert written.plan().content.needs[0].text == "Bouger"
    assert written.plan().revision == 3


def test_a_line_changed_meanwhile_is_not_taken_out_unread(written):
    change(written, 2, text="Bouger", domain="health")
    with pytest.raises(StalePlan):
        written.do(
            operations.remove_part, revision=2, kind=rules.NEED, part_id=written.entry.need_id
        )
    written.add(need="Manger")
    # What changed elsewhere is no reason to stop.
    written.do(operations.remove_part, revision=3, kind=rules.NEED, part_id=written.entry.need_id)
    assert [need.text for need in written.plan().content.needs] == ["Manger"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"measure": "29463-7", "comparator": ">=", "amount": None}, "amount"),
        ({"measure": "29463-7", "comparator": "", "amount": Decimal(62)}, "comparator"),
        ({"measure": "29463-7", "comparator": ">=", "amount": Decimal(6200)}, "amount"),
        ({"measure": "", "comparator": "", "amount": Decimal(62)}, "measure"),
        ({"measure": "tension", "comparator": ">=", "amount": Decimal(62)}, "measure"),
    ],
)
def test_a_measured_target_that_says_nothing_is_refused(written, given, field):
    goal = {"kind": rules.GOAL, "part_id": written.entry.goal_id, "text": "Prendre du poids"}
    with pytest.raises(UnableToEditPlan) as refusal:
        written.do(operations.change_part, **goal, target="", target_on=None, **given)
    assert refusal.value.field == field


def test_a_carer_approves_what_another_proposes_never_their_own(written, world):
    nurse = world.roles["nurse"].pk
    with pytest.raises(operations.UnableToProposePlan):
        written.do(operations.propose, by="nurse", approver_id=nurse)
    written.propose(approver_id=nurse)
    version = written.do(operations.approve, by="nurse")
    assert version.number == 1
    assert version.approved_by_id == nurse


def test_a_version_keeps_the_agreement_of_its_own_text_only(written, world):
    agree = {"decision": "given", "given_by": "person"}
    written.do(operations.record_agreement, **agree)
    written.propose()
    assert written.approve().content["agreement"]["decision"] == "given"
    written.add(need="Manger", goal="Deux repas")
    written.propose()
    assert "agreement" not in written.approve().content
    assert traces(world, "care_plan.agreement.record") == 1


def test_a_review_of_a_plan_that_changed_is_refused_and_leaves_nothing(approved, world):
    revision = approved.plan().revision
    approved.add(need="Manger", goal="Deux repas")
    with pytest.raises(StalePlan):
        approved.do(
            operations.review,
            revision=revision,
            gesture=uuid.uuid4(),
            judged={},
            next_review_on=date(2027, 1, 1),
        )
    assert rows(PlanReview, world) == []
    assert traces(world, "care_plan.review") == 0


def test_a_review_closes_the_tasks_of_what_is_over(approved, world):
    approved.do(
        operations.review,
        gesture=uuid.uuid4(),
        judged={approved.entry.goal_id: rules.Judged("reached", "Marche seule")},
    )
    [task] = rows(Task, world)
    assert task.status == "cancelled"
    [row] = rows(PlanReview, world)
    assert row.outcomes[0]["note"] == "Marche seule"
    assert row.number == 1
    assert approved.plan().content.needs == ()
    assert approved.plan().latest.content.needs[0].text == "Se déplacer"


def test_a_removed_part_stays_and_comes_back_where_it_was(written, world):
    written.add(goal_id=written.entry.goal_id, action="Vélo")
    part = {"kind": rules.ACTION, "part_id": written.entry.action_id}
    written.do(operations.remove_part, **part)
    plan = written.plan()
    assert [action.text for action in plan.content.needs[0].goals[0].actions] == ["Vélo"]
    assert [removed.text for removed in plan.removed] == ["Kiné"]
    assert len(rows(PlannedAction, world)) == 2
    with pytest.raises(UnableToEditPlan):
        written.do(operations.remove_part, **part)
    written.do(operations.restore_part, **part)
    actions = written.plan().content.needs[0].goals[0].actions
    assert [action.text for action in actions] == ["Kiné", "Vélo"]


def test_parts_move_up_and_down_and_stop_at_the_edge(written):
    second = written.add(need="Manger", goal="Deux repas")
    move = {"kind": rules.NEED, "part_id": second.need_id}
    written.do(operations.move_part, **move, upwards=True)
    assert [need.text for need in written.plan().content.needs] == ["Manger", "Se déplacer"]
    revision = written.plan().revision
    written.do(operations.move_part, **move, upwards=True)
    assert written.plan().revision == revision


def test_a_proposal_alerts_the_doctor_asked(written, world):
    written.propose()
    plan = written.plan()
    assert (plan.status, plan.approver.name) == (PlanStatus.PROPOSED, "Yann Le Bihan")
    [alert] = [alert for alert in rows(Alert, world) if alert.kind == "plan_proposed"]
    assert (alert.recipient, alert.target) == (world.roles["gp"].key, "plan")
    with row_security.acting_as(world.actor("gp"), now=world.now):
        [waiting] = queries.awaiting_approval(actor=world.actor("gp"))
        assert "plan" in {event.kind for event in LiveEvent.objects.all()}
    assert waiting.patient_id == written.patient_id


@pytest.mark.parametrize("approver", ["coordinator", "other_gp"])
def test_only_a_doctor_or_a_carer_of_the_circle_may_be_asked(written, world, approver):
    with pytest.raises(operations.UnableToProposePlan):
        written.propose(approver_id=world.roles[approver].pk)
    assert written.plan().status == PlanStatus.DRAFT


def test_an_empty_plan_is_not_proposed(desk):
    with pytest.raises(operations.UnableToProposePlan):
        desk.propose()


def test_approval_keeps_the_whole_plan_with_its_names(written, world):
    written.propose()
    version = written.approve(comment="D’accord")
    assert (version.number, written.plan().status) == (1, PlanStatus.ACTIVE)
    kept = rules.from_json(version.content)
    assert kept == written.plan().content
    role = world.roles["gp"].practitioner
    role.family = "Autrement"
    role.save()
    with row_security.acting_as(world.actor("gp"), now=world.now):
        again = queries.get_versions(patient_id=written.patient_id, numbers=[1])[1]
    assert str(again.approved_by) == "Yann Le Bihan, Médecin généraliste"
    [alert] = [alert for alert in rows(Alert, world, "coordinator") if alert.kind == "plan_decided"]
    assert alert.recipient == world.roles["coordinator"].key


@pytest.mark.parametrize("key", ["coordinator", "nurse", "secretary"])
def test_nobody_approves_for_the_doctor_asked(written, world, key):
    written.propose()
    with pytest.raises(UnableToAct):
        written.do(operations.approve, by=key)
    assert rows(CarePlanVersion, world) == []
    assert written.plan().status == PlanStatus.PROPOSED


def test_another_doctor_of_the_circle_does_not_approve_either(world):
    desk = factories.begin(world, "other_gp")
    desk.add(need="Bouger", goal="Marcher", action="Kiné")
    desk.propose()
    with pytest.raises(UnableToAct):
        desk.do(operations.approve, by="other_gp")


def test_what_is_approved_is_what_was_read(written):
    written.propose()
    read = written.plan().revision
    written.add(need="Manger", goal="Deux repas")
    with pytest.raises(UnableToDecide):
        written.approve(revision=read)
    written.propose()
    with pytest.raises(UnableToDecide):
        written.approve(revision=read)
    assert written.approve().number == 1


def test_sending_back_needs_a_reason_and_tells_the_author(written, world):
    written.propose()
    with pytest.raises(UnableToDecide) as refusal:
        written.do(operations.send_back, by="gp", comment=" ")
    assert refusal.value.field == "comment"
    written.do(operations.send_back, by="gp", comment="Ajoutez l’orthophonie.")
    plan = written.plan()
    assert (plan.status, plan.returned_comment) == (PlanStatus.DRAFT, "Ajoutez l’orthophonie.")
    assert "plan_decided" in {alert.kind for alert in rows(Alert, world, "coordinator")}
    written.propose()
    assert written.plan().returned_comment == ""


def say(written, text="Et l’orthophonie ?", *, by="gp", **typed):
    typed.setdefault("gesture", uuid.uuid4())
    return written.do(operations.comment, by=by, text=text, **typed)


def test_a_comment_decides_nothing_tells_the_authors_and_stays_with_the_version(written, world):
    written.propose()
    gesture = uuid.uuid4()
    said = say(written, gesture=gesture)
    # A double click is one comment.
    assert say(written, gesture=gesture).pk == said.pk
    plan = written.plan()
    assert (plan.status, plan.returned_comment) == (PlanStatus.PROPOSED, "")
    told = [a for a in rows(Alert, world, "coordinator") if a.kind == "plan_decided"]
    assert [alert.target for alert in told] == ["plan"]
    assert traces(world, "care_plan.comment") == 2
    assert written.approve().number == 1
    written.add(need="Manger", goal="Deux repas", action="Portage")
    written.propose()
    say(written, "Bien.")
    with row_security.acting_as(world.actor("coordinator"), now=world.now):
        kept = {
            number: [
                each.text for each in queries.comments(patient_id=written.patient_id, number=number)
            ]
            for number in (1, 2)
        }
    assert kept == {1: ["Et l’orthophonie ?"], 2: ["Bien."]}


@pytest.mark.parametrize("key", ["coordinator", "nurse", "physio"])
def test_only_the_one_who_was_asked_comments(written, world, key):
    written.propose()
    with pytest.raises(UnableToAct):
        say(written, by=key)
    assert rows(PlanComment, world) == []


def test_a_comment_on_what_changed_since_or_is_not_proposed_leaves_nothing(written, world):
    # Proposed to nobody, it waits for nobody's word.
    with pytest.raises(UnableToAct):
        say(written)
    written.propose()
    read = written.plan().revision
    with pytest.raises(UnableToDecide) as refusal:
        say(written, "  ")
    assert refusal.value.field == "comment"
    written.add(need="Manger", goal="Deux repas", action="Portage")
    written.propose()
    with pytest.raises(UnableToDecide):
        say(written, revision=read)
    assert rows(PlanComment, world) == []


def test_a_comment_that_may_be_medical_is_read_by_carers_only(world):
    desk = factories.begin(world, "home_help")
    desk.add(need="Bouger", domain="participation", goal="Marcher", action="Canne")
    desk.propose()
    say(desk, "Attention à son INR.")
    assert len(rows(PlanComment, world, "nurse")) == 1
    assert rows(PlanComment, world, "home_help") == []
    assert rows(PlanComment, world, "other_gp") == []


def test_a_change_after_approval_makes_a_draft_and_keeps_the_version(approved, world):
    approved.add(goal_id=approved.entry.goal_id, action="Vélo")
    plan = approved.plan()
    assert plan.status == PlanStatus.DRAFT
    assert [action.text for action in plan.latest.content.needs[0].goals[0].actions] == ["Kiné"]
    [change] = rules.content_changes(plan.latest.content, plan.content)
    assert "Vélo" in change.sentence
    approved.propose()
    assert approved.approve().number == 2
    assert sorted(version.number for version in rows(CarePlanVersion, world)) == [1, 1, 2, 2]
    assert [each.number for each in versions_read_by(world, "gp", approved)] == [2, 1]


def versions_read_by(world, key, desk):
    with row_security.acting_as(world.actor(key), now=world.now):
        return queries.versions(patient_id=desk.patient_id)


def test_a_version_is_read_without_its_medical_needs_where_these_are_closed(world):
    desk = factories.begin(world, "home_help")
    desk.add(need="Sortir", domain="participation", goal="Le marché", action="Accompagner")
    desk.add(need="Détendre le bras", goal="S’habiller", action="Toxine")
    desk.propose()
    desk.approve()
    said = {}
    for key in ("gp", "home_help"):
        with row_security.acting_as(world.actor(key), now=world.now):
            plan = queries.get_plan(patient_id=desk.patient_id)
            said[key] = [need.text for need in plan.latest.content.needs]
            assert rules.compare(plan.latest.content, plan.content) == []
            assert len(queries.versions(patient_id=desk.patient_id)) == 1
    assert said == {"gp": ["Sortir", "Détendre le bras"], "home_help": ["Sortir"]}


def test_parts_follow_the_domain_of_their_need(world):
    desk = factories.begin(world, "home_help")
    entry = desk.add(need="Sortir", domain="participation", goal="Le marché", action="Aller")

    def seen():
        with row_security.acting_as(world.actor("home_help"), now=world.now):
            return [model.objects.count() for model in (Need, Goal, PlannedAction)]

    assert seen() == [1, 1, 1]
    desk.do(
        operations.change_part, kind="need", part_id=entry.need_id, text="Sortir", domain="health"
    )
    assert seen() == [0, 0, 0]


def test_progress_does_not_undo_an_approval(approved):
    approved.world.later(days=1)
    operations.record_progress(
        actor=approved.world.actor("nurse"),
        now=approved.world.now,
        patient_id=approved.patient_id,
        kind=rules.ACTION,
        part_id=approved.entry.action_id,
        status=ActionStatus.COMPLETED,
    )
    plan = approved.plan()
    assert plan.status == PlanStatus.ACTIVE
    assert plan.content.needs[0].goals[0].actions[0].status == ActionStatus.COMPLETED
    with row_security.acting_as(approved.actor, now=approved.world.now):
        [change] = queries.changes_since(plan, at=plan.latest.approved_at)
    assert change.kind == rules.PROGRESS


def test_an_unknown_progress_is_refused(written):
    with pytest.raises(UnableToEditPlan):
        operations.record_progress(
            actor=written.actor,
            now=written.world.now,
            patient_id=written.patient_id,
            kind=rules.GOAL,
            part_id=written.entry.goal_id,
            status="not-started",
        )


def test_a_responsible_who_left_is_named_and_may_not_be_chosen_again(written, world):
    with row_security.acting_as(world.actor("gp"), now=world.now):
        stay = CareTeamParticipant.objects.select_related("care_team").get(
            pk=written.members["physio"]
        )
    care_teams.end_participation(
        actor=world.actor("gp"), now=world.later(hours=1), participant=stay
    )
    world.later(minutes=1)
    plan = written.plan()
    assert plan.content.needs[0].goals[0].actions[0].responsible.startswith("Marc Tianon")
    assert plan.left == {stay.pk}
    with pytest.raises(UnableToEditPlan) as refusal:
        written.add(goal_id=written.entry.goal_id, action="Vélo", responsible_id=stay.pk)
    assert refusal.value.field == "responsible"
    # Mending the words of the action does not force to name somebody else at once.
    written.do(
        operations.change_part,
        kind=rules.ACTION,
        part_id=written.entry.action_id,
        text="Kiné à domicile",
        responsible_id=stay.pk,
        frequency="",
        due_on=None,
    )
    assert written.plan().content.needs[0].goals[0].actions[0].text == "Kiné à domicile"


def test_a_role_that_does_not_write_plans_is_refused(world):
    desk = factories.begin(world, "home_help")
    with pytest.raises(UnableToAct):
        desk.do(operations.add_entry, by="home_help", gesture=uuid.uuid4(), need="Bouger")


def test_a_stranger_finds_no_plan_to_change(written):
    with pytest.raises(UnableToEditPlan):
        written.do(operations.add_entry, by="other_gp", gesture=uuid.uuid4(), need="Bouger")


# --- Each responsible member has the action among their tasks -----------------------------------


def asked(world):
    with row_security.acting_as(internal("test"), now=world.now):
        return list(Task.objects.order_by("pk"))


def progress_of(world):
    return [action.status for action in rows(PlannedAction, world)]


def test_an_approved_plan_asks_each_responsible_member(approved, world):
    [task] = asked(world)
    assert (task.text, task.owner, task.status) == ("Kiné", world.roles["physio"].key, "requested")
    with row_security.acting_as(internal("test")):
        assert Alert.objects.filter(recipient=task.owner, kind="task").count() == 1


def test_the_action_of_a_medical_need_is_a_task_for_whom_it_is_open(approved, world):
    """Its text is that of the action: who does not read the one does not read the other."""
    [task] = asked(world)
    seen = {}
    for key in ("gp", "physio", "home_help"):
        with row_security.acting_as(world.actor(key), now=world.now):
            history = Task.pgh_event_model.objects.filter(pgh_obj_id=task.pk)
            seen[key] = (Task.objects.count(), history.exists())
    assert seen == {"gp": (1, True), "physio": (1, True), "home_help": (0, False)}


def test_a_plan_being_written_asks_nobody(written, world):
    written.propose()
    assert asked(world) == []


@pytest.mark.parametrize(
    ("answer", "words", "progress"),
    [
        (tasks.accept, {}, ActionStatus.IN_PROGRESS),
        (tasks.complete, {}, ActionStatus.COMPLETED),
        (tasks.refuse, {"reason": "Trop loin"}, ActionStatus.NOT_STARTED),
    ],
)
def test_what_the_member_answers_is_the_progress_of_the_action(
    approved, world, answer, words, progress
):
    [task] = asked(world)
    answer(actor=world.actor("physio"), now=world.now, task=task, **words)
    assert progress_of(world) == [progress]
    [plan] = rows(CarePlan, world)
    assert plan.status == PlanStatus.ACTIVE


def test_a_member_who_only_reads_the_record_says_their_own_action_done(desk, world):
    care_teams.add_participant(
        actor=world.actor("gp"),
        now=world.now,
        care_team=desk.care_team,
        practitioner_role=world.roles["agency"],
    )
    with row_security.acting_as(internal("test"), now=world.now):
        [stay] = CareTeamParticipant.objects.filter(practitioner_role=world.roles["agency"])
    desk.add(need="Droits", goal="APA", action="Remplir le dossier", responsible_id=stay.pk)
    desk.propose()
    desk.approve()
    [task] = asked(world)
    reader = world.actor("agency")
    with pytest.raises(UnableToEditPlan):
        operations.record_progress(
            actor=reader,
            now=world.now,
            patient_id=desk.patient_id,
            kind=rules.ACTION,
            part_id=int(task.source.partition(":")[2]),
            status=ActionStatus.COMPLETED,
        )
    tasks.complete(actor=reader, now=world.now, task=task)
    assert progress_of(world) == [ActionStatus.COMPLETED]
    with row_security.acting_as(internal("test")):
        [trace] = AuditEvent.objects.filter(operation="care_plan.progress.answer")
    assert trace.role_id == world.roles["agency"].pk


def test_the_plan_s_own_pages_settle_the_task(approved, world):
    [action] = rows(PlannedAction, world)
    for status, task_status in (("completed", "completed"), ("not-started", "requested")):
        operations.record_progress(
            actor=world.actor("gp"),
            now=world.now,
            patient_id=approved.patient_id,
            kind=rules.ACTION,
            part_id=action.pk,
            status=status,
        )
        assert [task.status for task in asked(world)] == [task_status]
    approved.do(operations.remove_part, kind=rules.ACTION, part_id=action.pk)
    assert [task.status for task in asked(world)] == ["cancelled"]
