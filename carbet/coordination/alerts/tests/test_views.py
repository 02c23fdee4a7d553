"""The pages of alerts: the list, opening, having seen, the bell."""

import re

import pytest
from django.urls import reverse

from carbet.coordination.alerts import forms, queries
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.alerts.models import Alert
from carbet.core import row_security
from carbet.core.actor import internal

pytestmark = pytest.mark.django_db


@pytest.fixture
def gp(sign_in, world):
    return sign_in(world.accounts["gp"], role=world.roles["gp"])


def put(world, *, to="gp", count=1, **fields):
    """Put alerts without going through an operation: the list is what is tested."""
    with row_security.acting_as(internal("test"), now=world.now, operation="test"):
        return [
            Alert.objects.create(
                recipient=world.roles[to].key,
                **(
                    {"kind": AlertKind.NOTE, "raised_by": "Inès", "target": f"notebook:{number}"}
                    | {"raised_at": world.now}
                    | fields
                ),
            )
            for number in range(count)
        ]


def kept(alert):
    with row_security.acting_as(internal("test")):
        alert.refresh_from_db()
    return alert


def section(page):
    return re.search(r'<section id="alerts".*</section>', page.content.decode(), re.DOTALL)[0]


def steady(text):
    """Return markup without its tokens, which change at each answer."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text).strip()


def test_the_list_names_persons_whose_record_is_open_only(gp, world):
    care_team = world.circle()
    put(world, patient_id=care_team.patient_id, kind=AlertKind.URGENT_NOTE, urgent=True)
    other = world.circle(by="other_gp", birth_family="Inconnu", used_family="")
    put(world, patient_id=other.patient_id)
    page = gp.get(reverse("alerts:list"))
    text = page.content.decode()
    assert "Montgénie" in text
    assert "Inconnu" not in text
    assert "Dossier fermé" in text
    title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)[1]
    assert "Montgénie" not in title


def test_nothing_to_read_says_so(gp):
    assert "Rien à lire" in gp.get(reverse("alerts:list")).content.decode()
    assert "Aucune alerte" in gp.get(reverse("alerts:list"), {"vue": "toutes"}).content.decode()


def test_opening_marks_and_leads_to_the_page(gp, world):
    care_team = world.circle()
    [alert] = put(world, patient_id=care_team.patient_id, target="circle")
    response = gp.post(reverse("alerts:open", args=[alert.pk]))
    assert response["Location"] == reverse("care_teams:detail", args=[care_team.patient_id])
    assert kept(alert).read_at is not None


def test_opening_a_closed_record_says_so(gp, world):
    other = world.circle(by="other_gp", birth_family="Inconnu")
    [alert] = put(world, patient_id=other.patient_id, target="circle")
    page = gp.post(reverse("alerts:open", args=[alert.pk]), follow=True)
    assert "plus ouvert" in page.content.decode()
    assert kept(alert).read_at is not None


@pytest.mark.parametrize(
    "target", ["", "circle", "plan", "nowhere", "support:", "support:!", "x:y"]
)
def test_any_target_leads_somewhere(gp, world, target):
    care_team = world.circle()
    [alert] = put(world, patient_id=care_team.patient_id, target=target)
    assert gp.post(reverse("alerts:open", args=[alert.pk])).status_code == 302


@pytest.mark.parametrize("name", ["alerts:open", "alerts:mark_read"])
def test_another_s_alert_does_not_exist(gp, world, name):
    [alert] = put(world, to="nurse")
    assert gp.post(reverse(name, args=[alert.pk])).status_code == 404
    assert gp.get(reverse(name, args=[alert.pk])).status_code == 405
    assert kept(alert).read_at is None


def test_the_swapped_list_equals_the_reloaded_one(gp, world):
    first, _ = put(world, count=2)
    swapped = gp.post(reverse("alerts:mark_read", args=[first.pk]), HTTP_HX_REQUEST="true")
    reloaded = gp.get(reverse("alerts:list"))
    assert steady(swapped.content.decode()) == steady(section(reloaded))


def test_without_javascript_marking_comes_back_to_the_list(gp, world):
    [alert] = put(world)
    response = gp.post(reverse("alerts:mark_read", args=[alert.pk]), {"vue": "toutes"})
    assert response["Location"] == reverse("alerts:list") + "?vue=toutes"
    put(world)
    assert gp.post(reverse("alerts:mark_all_read"))["Location"] == reverse("alerts:list")
    assert "Rien à lire" in gp.get(reverse("alerts:list")).content.decode()


def test_the_bell_counts_and_is_a_fragment(gp, world):
    put(world, count=3)
    fragment = gp.get(reverse("alerts:bell")).content.decode()
    assert "3\N{NO-BREAK SPACE}non lues" in fragment
    assert "<html" not in fragment
    assert fragment.strip() in gp.get(reverse("alerts:list")).content.decode()


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_costs_the_same_whatever_waits(gp, world, count, django_assert_max_num_queries):
    care_team = world.circle()
    put(world, count=count, patient_id=care_team.patient_id)
    # The savepoint of the test's transaction counts for two.
    with django_assert_max_num_queries(4 + 2):
        gp.get(reverse("alerts:list"))
    with django_assert_max_num_queries(3 + 2):
        gp.get(reverse("alerts:bell"))


def test_pages_follow_each_other(gp, world):
    put(world, count=queries.PAGE + 5)
    first = gp.get(reverse("alerts:list")).content.decode()
    following = re.search(r'href="(\?avant=[^"]+)"', first)[1].replace("&amp;", "&")
    second = gp.get(reverse("alerts:list") + following).content.decode()
    assert second.count('class="row-title"') == 5


@pytest.mark.parametrize("place", ["", "x", "2026-01-01~1", "2026-13-45T00:00:00Z~1", "~~", "a~1"])
def test_an_invented_place_is_the_beginning(gp, place):
    assert forms.read_position(place) is None
    assert gp.get(reverse("alerts:list"), {"avant": place}).status_code == 200
