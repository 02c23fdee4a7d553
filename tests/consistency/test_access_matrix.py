"""Who gets what answer at every address: generated from the address list, judged by a plain table.

An address whose parameter nobody knows how to fill, or without a door, fails here: a new page
cannot be forgotten.
"""

import re
import uuid
from itertools import product

import pytest
from django.urls import get_resolver, reverse

from carbet.core import doors
from carbet.core.actor import Level
from carbet.core.converters import ShortId
from carbet.registries.directory import rules as directory
from tests.consistency import rules_of_the_house as house
from tests.consistency import scene as scenes

pytestmark = pytest.mark.django_db

# relation: (account, role, level on the person, kind)
ACTORS = {
    "gp": ("gp", "gp"),
    "secretary": ("secretary", "secretary"),
    "nurse": ("nurse", "nurse"),
    "home_help": ("home_help", "home_help"),
    "coordinator": ("coordinator", "coordinator"),
    "former": ("physio", "physio"),
    "stranger": ("far_nurse", "far_nurse"),
    "glass_expired": ("other_gp", "other_gp"),
    "revoked": ("social_worker", "social_worker"),
    "operator": ("operator", "operator"),
    "agency": ("agency", "agency"),
    "identity_agent": ("identity_agent", "identity_agent"),
    "person": ("claire", None),
    "other_person": ("daughter", None),
    "weak": ("gp", "gp"),
    "anonymous": (None, None),
}

# The table of capabilities, written from the rows of the product, not from the code.
CAN = {
    "gp": {
        "patients.register",
        "patients.find",
        "notebook.write",
        "support.request",
        "care_plan.edit",
        "care_plan.approve",
        "glass.break",
    },
    "secretary": {"patients.register", "patients.find"},
    "nurse": {
        "patients.register",
        "patients.find",
        "notebook.write",
        "support.request",
        "care_plan.edit",
        "care_plan.approve",
        "glass.break",
    },
    "home_help": {"notebook.write"},
    "coordinator": {
        "patients.register",
        "patients.find",
        "notebook.write",
        "support.request",
        "support.triage",
        "questionnaires.edit",
        "activity.read",
        "care_plan.edit",
    },
    "former": {
        "patients.register",
        "patients.find",
        "notebook.write",
        "support.request",
        "care_plan.edit",
        "care_plan.approve",
        "glass.break",
    },
    "stranger": {
        "patients.register",
        "patients.find",
        "notebook.write",
        "support.request",
        "care_plan.edit",
        "care_plan.approve",
        "glass.break",
    },
    "glass_expired": {
        "patients.register",
        "patients.find",
        "notebook.write",
        "support.request",
        "care_plan.edit",
        "care_plan.approve",
        "glass.break",
    },
    "operator": {"operate", "rights.manage"},
    "agency": {"activity.read"},
    "identity_agent": {"identities.manage"},
}
LEVEL = scenes.RELATIONS | {"person": Level.READ, "other_person": None}

# Addresses that answer by more than their door, each with the reason; still never 500.
BEYOND_THE_DOOR = {
    "care_teams:answer_invitation": "an invitation exists for its guest only",
    "care_teams:review": "an exceptional entry is reviewed by those who manage that record",
    "alerts:open": "an alert exists for its recipient only",
    "alerts:mark_read": "an alert exists for its recipient only",
    "alerts:detail": "an alert exists for its recipient only",
    "alerts:take": "an alert exists for its recipient only",
    "alerts:release": "an alert exists for its recipient only",
    "alerts:person": "an alert exists for its recipient only",
    "scheduling:withdraw_slot": "a slot is withdrawn by whoever keeps that agenda",
    "scheduling:cancel_absence": "an absence is taken back by whoever keeps that agenda",
    "scheduling:answer_unnamed": "what a software asks is answered by whom it asks",
    "scheduling:feed": "an address that was closed does not exist any more",
    "offer:corner": "the page of a structure opens for whoever keeps it",
    "offer:beds": "the page of a structure opens for whoever keeps it",
    "offer:install": "the page of a structure opens for whoever keeps it",
    "offer:place": "the page of a structure opens for whoever keeps it",
    "offer:staff": "the page of a structure opens for whoever keeps it",
    "offer:role": "the page of a structure opens for whoever keeps it",
    "offer:keepers": "the page of a structure opens for whoever keeps it",
    "offer:service": "the page of a structure opens for whoever keeps it",
    "offer:hours": "the page of a structure opens for whoever keeps it",
    "offer:closures": "the page of a structure opens for whoever keeps it",
    "offer:add_service": "the page of a structure opens for whoever keeps it",
    "offer:remove_beds": "the page of a structure opens for whoever keeps it",
    "offer:end_service": "the page of a structure opens for whoever keeps it",
    "offer:resume_service": "the page of a structure opens for whoever keeps it",
    "offer:delete_service": "the page of a structure opens for whoever keeps it",
    **dict.fromkeys(
        (
            "secure_mail:mail",
            "secure_mail:file",
            "secure_mail:decide",
            "secure_mail:reconsider",
            "secure_mail:attachment",
            "secure_mail:close",
            "secure_mail:cancel",
            "secure_mail:retry",
        ),
        "a mail exists for whoever holds its mailbox",
    ),
    **dict.fromkeys(
        ("documents:page", "documents:piece", "documents:piece_page"),
        "only a PDF has pages, only a clinical document carries files",
    ),
    "exports:archive": "an archive exists for whoever asked, once it is ready",
    **dict.fromkeys(
        ("exports:whole", "exports:manifest", "exports:lines"),
        "a territory exists for whoever asked, once it is ready",
    ),
    "notebook:withdraw_measure": "a measure is medical: a social member does not see it",
    "mfa_remove_webauthn": "the key of another account does not exist",
    **dict.fromkeys(
        (
            f"messaging:{name}"
            for name in (
                *("thread", "send", "mark_read", "mute", "archive", "leave"),
                *("close", "reopen", "invite", "remove", "attachment", "small_view"),
            )
        ),
        "a thread exists for those who take part in it only",
    ),
    **dict.fromkeys(
        ("portal:request", "portal:complete_request", "portal:withdraw_request"),
        "a request of support exists at the portal for whoever made it",
    ),
    "detection:judge": "a proposal exists for those to whom its category is open",
    "situations:emergency": "medical: a social member does not see it",
    "situations:file_sheet": "medical: a social member does not see it",
    "support:reopen": "a case exists for the team that keeps it",
    "rights:end_delegation": "a delegation exists for those it concerns and who decides on it",
    "rights:right": "a right is seen by whoever decides on it",
    "rights:registration": "a request is seen by whoever decides on it",
    "rights:pro_sante_connect": "no such door where Pro Santé Connect is not registered",
    "rights:pro_sante_connect_answer": "the same",
    "care_teams:break_glass": "whoever stands outside comes here on purpose, by an exact identity",
}


def addresses():
    """Return (name, route, pattern) of every address of the house itself."""
    found = []
    for route, pattern in house.patterns(get_resolver()):
        view = pattern.callback
        module = getattr(getattr(view, "view_class", view), "__module__", "")
        if module.startswith("carbet.") and not route.startswith("fhir"):
            found.append((pattern.name, route, pattern))
    return found


def namespaced(resolver, prefix=()):
    """Yield every (qualified name, pattern) below a resolver."""
    for item in resolver.url_patterns:
        if hasattr(item, "url_patterns"):
            names = (*prefix, item.namespace) if item.namespace else prefix
            yield from namespaced(item, names)
        else:
            yield ":".join((*prefix, item.name or "")), item


def location(pattern, qualified, ids):
    """Return the address filled with the scene's ids, or say which parameter has no filling."""
    wanted = pattern.pattern.converters
    unknown = [name for name in wanted if name not in ids]
    assert not unknown, f"{qualified}: tests/consistency/scene.py must say how to fill {unknown}"
    return reverse(qualified, kwargs={name: ids[name] for name in wanted})


def expected(relation, door, qualified):
    """Return which statuses this relation may get at this door: the oracle."""
    return by_door(relation, door) | ({404} if qualified in BEYOND_THE_DOOR else set())


def by_door(relation, door):
    """Return which statuses the door alone allows this relation."""
    refused_to_sign_in, allowed = {302}, {200, 201, 204, 302, 303, 400, 405, 409, 413, 415, 422}
    audience = door.audience
    if relation == "anonymous":
        return allowed if "anonymous" in audience else refused_to_sign_in
    if "anonymous" in audience:
        return allowed
    if relation == "weak":
        return {302}
    if relation in ("person", "other_person"):
        if "person" not in audience:
            return {404}
        if door.patient is not None and (LEVEL[relation] or 0) < door.patient:
            return {404}
        return allowed
    if relation == "revoked":
        return {302} if door.role_chosen else allowed
    if "professional" not in audience:
        return {404}
    if door.capability and door.capability not in CAN[relation]:
        return {403}
    if door.patient is not None and (LEVEL[relation] or 0) < door.patient:
        return {404}
    return allowed


def everything():
    return [
        (qualified, pattern)
        for qualified, pattern in namespaced(get_resolver())
        if getattr(
            getattr(pattern.callback, "view_class", pattern.callback), "__module__", ""
        ).startswith("carbet.")
        and doors.of(pattern.callback) is not None
        and doors.of(pattern.callback).audience != {"system"}
        and "fhir" not in qualified
    ]


@pytest.fixture
def scene(world):
    return scenes.build(world)


def enter(sign_in, client, world, relation):
    account, role = ACTORS[relation]
    if account is None:
        client.logout()
        return client
    return sign_in(
        world.accounts[account],
        role=world.roles[role] if role else None,
        strong=relation != "weak",
    )


@pytest.mark.parametrize("relation", list(ACTORS))
def test_every_address_answers_each_relation_as_the_table_says(
    scene, sign_in, client, relation, django_capture_on_commit_callbacks
):
    entered = enter(sign_in, client, scene.world, relation)
    entered.raise_request_exception = False
    wrong, cells = [], 0
    for (qualified, pattern), method in product(everything(), ("get", "post")):
        if qualified == "account_logout":
            continue
        door = doors.of(pattern.callback)
        url = location(pattern, qualified, scene.ids)
        data = {} if method == "get" else {"gesture": str(uuid.uuid4())}
        answer = getattr(entered, method)(url, data)
        cells += 1
        if answer.streaming:
            answer.getvalue()  # consumed, its file is closed
        wanted = expected(relation, door, qualified)
        if answer.status_code == 405:
            continue
        if answer.status_code not in wanted:
            wrong.append(
                f"{method.upper()} {qualified}: {answer.status_code}, not in {sorted(wanted)}"
            )
        elif method == "get" and answer.status_code == 200 and relation != "person":
            page = answer.content.decode(errors="replace") if not answer.streaming else ""
            wrong += [
                f"{qualified}: the title names {name}"
                for name in house.names_in_title(page, ["Régis", "Montgénie", "Claire"])
            ]
    assert not wrong, "\n".join(wrong)
    assert cells > 40


@pytest.mark.parametrize(
    "relation", ["former", "stranger", "glass_expired", "other_person", "agency"]
)
def test_a_record_refused_looks_like_a_record_that_does_not_exist(scene, sign_in, client, relation):
    entered = enter(sign_in, client, scene.world, relation)
    entered.raise_request_exception = False
    for qualified, pattern in everything():
        door = doors.of(pattern.callback)
        if door.patient is None or "patient_id" not in pattern.pattern.converters:
            continue
        answers = []
        for patient_id in (scene.patient_id, 987_654_321):
            url = location(pattern, qualified, scene.ids | {"patient_id": patient_id})
            answer = entered.get(url)
            page = re.sub(r'value="[\w-]{20,}"|data-[\w-]+="[^"]*"', "", answer.content.decode())
            page = re.sub(rf"(/|%2F){ShortId().to_url(patient_id)}(?=/|%2F)", "/ID", page)
            answers.append((answer.status_code, page))
        assert answers[0] == answers[1], qualified


def test_a_part_of_another_record_is_not_reached_through_mine(scene, sign_in, client):
    """Ids below a person belong to that person (OpenEMR CVE-2026-25744 and kin)."""
    other = scenes.build_other(scene)
    entered = enter(sign_in, client, scene.world, "gp")
    entered.raise_request_exception = False
    checked = 0
    for qualified, pattern in everything():
        names = set(pattern.pattern.converters)
        below = names - {
            "patient_id", "role_id", "organization_id", "destination", "number", "version",
            "part", "rank", "outline_key",
        }  # fmt: skip
        if "patient_id" not in names or not below:
            continue
        ids = scene.ids | {name: other[name] for name in below if name in other}
        for method in ("get", "post"):
            answer = getattr(entered, method)(
                location(pattern, qualified, ids), {"gesture": str(uuid.uuid4())}
            )
            checked += 1
            assert answer.status_code in (403, 404, 405), (qualified, method, answer.status_code)
    assert checked


def test_the_table_of_capabilities_is_the_code_s(scene):
    for relation, actor in scenes.actors(scene).items():
        assert set(actor.capabilities) == CAN[relation], relation
    assert set().union(*CAN.values()) == directory.ALL_CAPABILITIES
