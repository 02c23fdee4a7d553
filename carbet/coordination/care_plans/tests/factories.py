"""Plans for tests, written through the real operations."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from carbet.coordination.care_plans import operations, queries
from carbet.coordination.care_plans.queries import Plan
from carbet.coordination.care_teams.models import CareTeam
from carbet.core import row_security
from carbet.core.actor import Actor
from tests.world import World


@dataclass
class Desk:
    """Someone who writes the plan of one person, always on its present revision."""

    world: World
    care_team: CareTeam
    by: str = "coordinator"
    members: dict[str, int] = field(default_factory=dict)

    @property
    def patient_id(self) -> int:
        return self.care_team.patient_id

    @property
    def actor(self) -> Actor:
        return self.world.actor(self.by)

    def plan(self, key: str = "gp") -> Plan:
        """Return the plan as this member reads it."""
        actor = self.world.actor(key)
        with row_security.acting_as(actor, now=self.world.now):
            return queries.get_plan(patient_id=self.patient_id, actor=actor, now=self.world.now)

    def do(self, operation: Any, *, by: str = "", **typed: Any) -> Any:
        """Act on the present revision."""
        typed.setdefault("revision", self.plan().revision)
        return operation(
            actor=self.world.actor(by or self.by),
            now=self.world.now,
            patient_id=self.patient_id,
            **typed,
        )

    def add(self, **lines: Any) -> operations.Entry:
        """Type one entry."""
        lines.setdefault("gesture", uuid.uuid4())
        return self.do(operations.add_entry, **lines)

    def propose(self, **typed: Any) -> Any:
        """Propose the plan to the attending doctor."""
        typed.setdefault("approver_id", self.world.roles["gp"].pk)
        return self.do(operations.propose, **typed)

    def approve(self, **typed: Any) -> Any:
        """Have the attending doctor approve."""
        return self.do(operations.approve, by="gp", **typed)

    def fill(self, needs: int) -> None:
        """Write this many needs, each with a goal and two actions."""
        for number in range(needs):
            entry = self.add(
                need=f"Besoin {number}",
                goal=f"Objectif {number}",
                action=f"Action {number}",
                responsible_id=self.members["nurse"],
            )
            self.add(goal_id=entry.goal_id, action=f"Suite {number}")


def begin(world: World, *members: str, by: str = "coordinator", **traits: Any) -> Desk:
    """Open a circle and begin the plan of its person."""
    care_team = world.circle("coordinator", "nurse", "physio", *members, **traits)
    desk = Desk(world, care_team, by)
    with row_security.acting_as(world.actor("gp"), now=world.now):
        present = queries.members(patient_id=desk.patient_id, now=world.now)
    by_role = {member.practitioner_role_id: member.pk for member in present}
    desk.members = {
        key: by_role[role.pk] for key, role in world.roles.items() if role.pk in by_role
    }
    operations.create_plan(actor=desk.actor, now=world.now, patient_id=desk.patient_id)
    return desk
