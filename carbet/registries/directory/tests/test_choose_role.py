"""Under which role one works: chosen among one's own, kept in the session, traced."""

import pytest
from django.urls import reverse

from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from carbet.registries.directory.access import CHOSEN_ROLE, actor_of_role
from carbet.registries.directory.models import PractitionerRole

pytestmark = pytest.mark.django_db


def opened(world, **fields):
    """Make a role that a right opens."""
    role = PractitionerRole.objects.create(**fields)
    world.let_in(role)
    return role


@pytest.fixture
def second_role(world):
    """Give the doctor a second place of work."""
    first = world.roles["gp"]
    return opened(
        world,
        practitioner=first.practitioner,
        organization=world.places["far_office"],
        profession=first.profession,
        profession_label="Médecin remplaçant",
        category=first.category,
    )


def test_with_two_roles_the_house_asks_which(sign_in, world, second_role):
    client = sign_in(world.accounts["gp"])
    page = client.get(reverse("directory:choose_role"), {"next": "/patients"})
    text = page.content.decode()
    assert world.roles["gp"].label in text
    assert second_role.label in text
    response = client.post(
        reverse("directory:choose_role"), {"role": second_role.pk, "next": "/patients"}
    )
    assert response["Location"] == "/patients"
    assert client.session[CHOSEN_ROLE] == second_role.pk
    with row_security.acting_as(internal("test")):
        assert AuditEvent.objects.filter(operation="role.choose").count() == 1


@pytest.mark.parametrize("chosen", ["", "abc", "0", "9" * 30, "other"])
def test_only_one_s_own_roles_can_be_chosen(sign_in, world, second_role, chosen):
    client = sign_in(world.accounts["gp"])
    role = str(world.roles["nurse"].pk) if chosen == "other" else chosen
    response = client.post(reverse("directory:choose_role"), {"role": role})
    assert response.status_code == 422
    assert "plus le vôtre" in response.content.decode()
    assert CHOSEN_ROLE not in client.session


def test_a_role_that_no_right_opens_is_a_fact_of_the_directory_only(sign_in, world, second_role):
    second_role.rights.update(ended_at=world.now)
    client = sign_in(world.accounts["gp"], role=second_role)
    response = client.post(reverse("directory:choose_role"), {"role": second_role.pk})
    assert response.status_code == 422
    assert actor_of_role(world.roles["gp"].pk, now=world.now).role_count == 1


def test_an_ended_role_is_gone(sign_in, world, second_role):
    second_role.ended_at = world.now
    second_role.save()
    client = sign_in(world.accounts["gp"])
    response = client.post(reverse("directory:choose_role"), {"role": second_role.pk})
    assert response.status_code == 422


@pytest.mark.parametrize("elsewhere", ["https://ailleurs.example/", "//ailleurs.example"])
def test_the_next_page_is_one_of_ours(sign_in, world, second_role, elsewhere):
    client = sign_in(world.accounts["gp"])
    response = client.post(
        reverse("directory:choose_role"), {"role": second_role.pk, "next": elsewhere}
    )
    assert response["Location"] == "/"


def test_the_page_costs_the_same_with_many_roles(
    sign_in, world, second_role, django_assert_max_num_queries
):
    for number in range(30):
        opened(
            world,
            practitioner=second_role.practitioner,
            organization=world.places["office"],
            profession="10",
            profession_label=f"Vacation {number}",
            category=second_role.category,
        )
    client = sign_in(world.accounts["gp"])
    with django_assert_max_num_queries(5):
        client.get(reverse("directory:choose_role"))
