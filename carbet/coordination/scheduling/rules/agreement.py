"""Who must agree to a time, and what an appointment becomes once they have answered."""

from collections.abc import Iterable

from carbet.coordination.scheduling.choices import (
    FIRM,
    AppointmentStatus,
    ParticipationStatus,
)

ANSWERS = (ParticipationStatus.ACCEPTED, ParticipationStatus.DECLINED)


def answer_at_once(
    *,
    role_id: int | None,
    organization_id: int,
    actor_roles: Iterable[int],
    actor_place: int | None,
) -> str:
    """Return what a professional is held to have answered when somebody writes in their agenda.

    Oneself, the doctor for whom one works, a colleague of the same structure: it is agreed. Anybody
    else is asked.
    """
    own = role_id is not None and role_id in set(actor_roles)
    same_house = actor_place is not None and organization_id == actor_place
    return ParticipationStatus.ACCEPTED if own or same_house else ParticipationStatus.NEEDS_ACTION


def status_after(answers: Iterable[str], *, awaits_author: bool) -> str:
    """Return the status of an appointment asked for, from what its professionals answered.

    | everyone accepts | somebody is still asked | everyone declines |
    | booked           | proposed                | cancelled         |
    """
    given = list(answers)
    if given and all(answer == ParticipationStatus.DECLINED for answer in given):
        return AppointmentStatus.CANCELLED
    waiting = [
        answer
        for answer in given
        if answer in (ParticipationStatus.NEEDS_ACTION, ParticipationStatus.TENTATIVE)
    ]
    if waiting or awaits_author:
        return AppointmentStatus.PROPOSED
    return AppointmentStatus.BOOKED


def status_declared(said: str, answers: Iterable[str]) -> str:
    """Return the status of an appointment that another software declares.

    What it says is agreed is agreed only if every professional is held to have accepted: who may
    not speak for them asks them. The rest is as it says.
    """
    agreed = (*FIRM, AppointmentStatus.FULFILLED, AppointmentStatus.NOSHOW)
    if said in agreed and any(answer not in ANSWERS for answer in answers):
        return AppointmentStatus.PROPOSED
    return said
