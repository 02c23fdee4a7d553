"""The owner's corner: who may enter, what is kept, what is found at once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from carbet.registries.directory import fhir
from carbet.registries.directory.fhir import vocabulary
from carbet.registries.directory.fhir.reading import address_fingerprint
from carbet.registries.directory.models import (
    Capacity,
    Closure,
    HealthcareService,
    Location,
    OpeningHours,
    Organization,
    PractitionerRole,
    SecureMailbox,
    Term,
)
from carbet.registries.offer import operations, tasks
from carbet.registries.offer.models import Completeness, Keeper

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(world, monkeypatch):
    """The home help's structure, with a service, its places, and Rosa who keeps the page."""
    monkeypatch.setattr(clock, "now", lambda: world.now)
    place = world.places["home_help"]
    Keeper.objects.create(
        practitioner_role=world.roles["home_help"], organization=place, started_at=world.now
    )
    service = HealthcareService.objects.create(organization=place, name="Accueil de jour")
    for status, number in (("01", 12), ("02", 3)):
        Capacity.objects.create(
            organization=place,
            service=service,
            activity="Accueil de jour",
            status=status,
            number=number,
            source="Import",
            updated_at=world.now - timedelta(days=3),
        )
    return place


@pytest.fixture
def service(place):
    return HealthcareService.objects.get(organization=place)


@pytest.fixture
def rosa(world, place, sign_in):
    return sign_in(world.accounts["home_help"], role=world.roles["home_help"])


def to(name, place, *rest):
    return reverse(f"offer:{name}", args=[place.pk, *rest])


def traced():
    with row_security.acting_as(internal("test")):
        return list(AuditEvent.objects.values_list("operation", flat=True))


def free(place):
    return Capacity.objects.get(organization=place, status="02")


def test_beds_are_counted_in_one_page_and_one_press(world, place, rosa):
    key = f"libres-{Capacity.objects.filter(organization=place).order_by('pk')[0].pk}"
    page = rosa.get(to("beds", place)).content.decode()
    assert 'value="3"' in page
    assert 'inputmode="numeric"' in page
    assert rosa.post(to("beds", place), {key: "5"}).status_code == 302
    row = free(place)
    assert (row.number, row.updated_at) == (5, world.now)
    assert "offer.count_beds" in traced()
    shown = rosa.get(reverse("directory:organization", args=[place.pk])).content.decode()
    assert ">5 libres sur 12<" in shown


def test_beds_counted_here_are_told_to_other_systems_with_their_seven_parts(
    world, place, service, rosa
):
    key = f"libres-{Capacity.objects.filter(organization=place).order_by('pk')[0].pk}"
    rosa.post(to("beds", place), {key: "5"})
    service.refresh_from_db()
    assert service.location.name == service.name
    assert service.location.commune_id == place.commune_id
    [told] = fhir.locations(Location.objects.filter(pk=service.location_id))
    [free] = [each for each in told["extension"] if each["url"].endswith("supported-capacity")]
    parts = {each["url"] for each in free["extension"]}
    assert set(vocabulary.MANDATORY_CAPACITY_PARTS) <= parts
    # The same place the next day, and it follows the address of the structure.
    rosa.post(to("beds", place), {key: "6"})
    rosa.post(to("place", place), {"address_line": "2 rue du Port", "postal_code": "97320"})
    assert Location.objects.get(organization=place).address_line == "2 rue du Port"
    sent = {"service": service.pk, "activity": "Lits", "installed": "2", "available": "2"}
    rosa.post(to("install", place), sent)
    assert Location.objects.filter(organization=place).count() == 1
    assert service.location.capacities.count() == 3


def test_beds_of_no_service_have_the_place_of_the_structure(world, place, rosa):
    Capacity.objects.update(service=None)
    key = f"libres-{Capacity.objects.filter(organization=place).order_by('pk')[0].pk}"
    for number in ("5", "6"):
        rosa.post(to("beds", place), {key: number})
    assert Location.objects.get(organization=place).name == place.name
    assert free(place).location.organization_id == place.pk


def test_what_did_not_change_is_dated_again(world, place, rosa):
    key = f"libres-{Capacity.objects.filter(organization=place).order_by('pk')[0].pk}"
    rosa.post(to("beds", place), {key: "3"})
    assert free(place).updated_at == world.now


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("13", "13 libres pour 12 installés"),
        ("-1", "0 au moins"),
        ("deux", "Un nombre entier"),
        ("", "Donnez un nombre"),
        ("9" * 40, ""),
    ],
)
def test_a_wrong_count_is_said_at_its_line_and_changes_nothing(place, rosa, typed, said):
    key = f"libres-{Capacity.objects.filter(organization=place).order_by('pk')[0].pk}"
    before = free(place).updated_at
    answer = rosa.post(to("beds", place), {key: typed})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert (free(place).number, free(place).updated_at) == (3, before)


def test_beds_counted_apart_are_one_line_and_one_count(world, place, rosa):
    """The ROR tells men's and women's beds apart, and those of a crisis."""
    service = HealthcareService.objects.get(organization=place)
    row = {
        "organization": place, "service": service, "activity": "Accueil de jour", "status": "02",
        "source": "ROR national", "updated_at": world.now,
    }  # fmt: skip
    Capacity.objects.filter(status="02").update(number=2, gender="01")
    Capacity.objects.create(**row, number=4, gender="02")
    crisis = Capacity.objects.create(**row, number=50, crisis_type="02")
    page = rosa.get(to("beds", place)).content.decode()
    assert 'value="6"' in page
    key = f"libres-{Capacity.objects.filter(organization=place).order_by('pk')[0].pk}"
    assert rosa.post(to("beds", place), {key: "5"}).status_code == 302
    counts = Capacity.objects.filter(organization=place, status="02").exclude(pk=crisis.pk)
    assert [(each.number, each.gender) for each in counts] == [(5, "")]
    assert Capacity.objects.filter(pk=crisis.pk).exists()


def test_a_line_never_counted_gets_its_first_count(world, place, rosa):
    free(place).delete()
    installed = Capacity.objects.get(organization=place)
    rosa.post(to("beds", place), {f"libres-{installed.pk}": "4"})
    assert free(place).number == 4
    assert Capacity.objects.get(pk=installed.pk).number == 12


def test_an_address_of_the_red_list_cannot_be_written_here(world, place, service, rosa):
    hidden = "cachee@secret.mssante.fr"
    SecureMailbox.objects.create(
        source="annuaire", address="", fingerprint=address_fingerprint(hidden), red_list=True
    )
    role = PractitionerRole.objects.filter(organization=place).first()
    forms = {
        to("place", place): {"address_line": "", "postal_code": "", "phone": ""},
        to("role", place, role.pk): {"phone": "", "home_visits": ""},
        to("service", place, service.pk): {
            "name": service.name, "seen_at": service.updated_at.isoformat(),
        },
    }  # fmt: skip
    for address, said in forms.items():
        answer = rosa.post(address, said | {"secure_email": hidden.upper()})
        assert answer.status_code == 422, address
        assert "liste rouge" in answer.content.decode(), address
    for model in (Organization, PractitionerRole, HealthcareService):
        assert not model.objects.filter(secure_email__icontains="cachee").exists()


def test_nobody_else_enters_nor_learns_that_it_exists(world, place, service, sign_in):
    nurse = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    one = [service.pk]
    for name, rest in (
        ("corner", []), ("beds", []), ("staff", []), ("service", one), ("add_service", []),
        ("remove_beds", []), ("end_service", one), ("resume_service", one), ("delete_service", one),
    ):  # fmt: skip
        if name != "resume_service":
            assert nurse.get(to(name, place, *rest)).status_code == 404
        assert nurse.post(to(name, place, *rest)).status_code == (405 if name == "corner" else 404)


def test_a_keeper_who_was_dismissed_is_out_at_once(world, place, rosa):
    Keeper.objects.update(ended_at=world.now)
    assert rosa.get(to("beds", place)).status_code == 404


def test_an_operation_checks_who_acts_even_without_a_page(world, place):
    with pytest.raises(operations.UnableToAct):
        operations.count_beds(
            actor=world.actor("nurse"), now=world.now, organization=place, counts={"x": 1}
        )


def test_liberals_keep_their_own_surgery_and_salaried_do_not(world, place, sign_in):
    office = world.places["office"]
    gp = sign_in(world.accounts["gp"], role=world.roles["gp"])
    assert gp.get(to("corner", office)).status_code == 200
    PractitionerRole.objects.filter(pk=world.roles["gp"].pk).update(mode="S")
    assert gp.get(to("corner", office)).status_code == 404


def test_what_is_missing_is_said_and_mended_in_place(world, place, service, rosa):
    for nomenclature, code, label in (
        ("TRE_R227-X", "02", "Médico-social"),
        ("TRE_R211-X", "011", "Accueil de jour"),
        ("TRE_R213-X", "46", "Accueil de jour"),
        ("TRE_R239-X", "03", "Personnes âgées"),
    ):
        Term.objects.create(nomenclature=nomenclature, code=code, label=label)
    page = rosa.get(to("corner", place)).content.decode()
    assert "Il manque : champ d’activité, activité opérationnelle" in page
    form = rosa.get(to("service", place, service.pk)).context["form"]
    sent = {
        "name": "Accueil de jour",
        "field": "02",
        "activities": ["011"],
        "care_mode": "46",
        "publics": ["03"],
        "phone": "0594000000",
        "seen_at": form.initial["seen_at"],
    }
    assert rosa.post(to("service", place, service.pk), sent).status_code == 302
    said = {"address_line": "Bourg", "postal_code": "97320", "phone": "0594000000"}
    rosa.post(to("place", place), said)
    page = rosa.get(to("corner", place)).content.decode()
    assert "Tout est dit" in page
    assert "Finalisé" in page


def test_two_tabs_do_not_overwrite_each_other(place, service, rosa):
    sent = {"name": "Un nom", "seen_at": service.updated_at.isoformat()}
    assert rosa.post(to("service", place, service.pk), sent).status_code == 302
    late = rosa.post(to("service", place, service.pk), sent | {"name": "Un autre"})
    assert late.status_code == 422
    assert "modifié entre-temps" in late.content.decode()
    assert HealthcareService.objects.get(pk=service.pk).name == "Un nom"


def found(reader, text):
    """What the page of the search answers to whoever reads it, by kind and row."""
    page = reader.get("/orienter/", {"q": text})
    return {(each.kind, each.target): each for each in page.context["found"].results}


def test_a_service_is_added_with_its_name_and_found_at_once(world, place, rosa):
    url = to("add_service", place)
    assert rosa.get(url).status_code == 200
    for wrong in ("", "   ", "accueil DE jour"):
        answer = rosa.post(url, {"name": wrong})
        assert answer.status_code == 422
        assert answer.context["form"].errors["name"]
    bad = rosa.post(url, {"name": "Équithérapie", "age_low": "9", "age_high": "3"})
    assert bad.context["form"].errors["age_high"]
    assert not HealthcareService.objects.filter(name="Équithérapie").exists()
    assert rosa.post(url, {"name": " Équithérapie  au bourg "}).status_code == 302
    row = HealthcareService.objects.get(name="Équithérapie au bourg")
    assert (row.organization_id, row.source, row.active) == (place.pk, "", True)
    assert "offer.add" in traced()
    assert ("S", row.pk) in found(rosa, "équithérapie")
    assert "Équithérapie au bourg" in rosa.get(to("corner", place)).content.decode()


def test_a_service_that_ends_is_found_no_more_and_comes_back_whole(world, place, service, rosa):
    HealthcareService.objects.filter(pk=service.pk).update(source="ror", name="Balnéothérapie")
    OpeningHours.objects.create(service=service, weekday=1)
    assert found(rosa, "balnéothérapie")[("S", service.pk)].capacities
    page = rosa.get(to("end_service", place, service.pk)).content.decode()
    assert "ROR national" in page
    assert HealthcareService.objects.get(pk=service.pk).active
    assert rosa.post(to("end_service", place, service.pk)).status_code == 302
    row = HealthcareService.objects.get(pk=service.pk)
    assert (row.active, row.closed_on) == (False, date(2026, 11, 22))
    assert ("S", service.pk) not in found(rosa, "balnéothérapie")
    # Its beds are none: neither in its place, nor to be counted.
    here = found(rosa, place.name)[("P", place.pk)]
    assert here.capacities == ()
    assert "Lits et places à compter" not in rosa.get("/").content.decode()
    assert "Accueil de jour" not in rosa.get(to("beds", place)).content.decode()
    assert rosa.get(to("service", place, service.pk)).status_code == 404
    again = rosa.post(to("add_service", place), {"name": "Balnéothérapie"})
    assert "rouvrez-le" in again.content.decode()
    assert "Rouvrir" in rosa.get(to("corner", place)).content.decode()
    assert rosa.post(to("resume_service", place, service.pk)).status_code == 302
    assert found(rosa, "balnéothérapie")[("S", service.pk)].capacities
    assert OpeningHours.objects.filter(service=service).exists()
    assert {"offer.end", "offer.resume"} <= set(traced())


def test_a_service_added_by_mistake_goes_and_one_of_a_source_does_not(world, place, service, rosa):
    url = to("delete_service", place, service.pk)
    # Its beds came by an import.
    assert rosa.post(url).status_code == 302
    assert HealthcareService.objects.filter(pk=service.pk).exists()
    assert "supprimer" not in rosa.get(to("service", place, service.pk)).content.decode()
    Capacity.objects.update(source=operations.DECLARED)
    HealthcareService.objects.filter(pk=service.pk).update(source="ror")
    rosa.post(url)
    assert HealthcareService.objects.filter(pk=service.pk).exists()
    HealthcareService.objects.filter(pk=service.pk).update(source="", name="Balnéothérapie")
    assert "supprimer" in rosa.get(to("service", place, service.pk)).content.decode()
    assert rosa.get(url).status_code == 200
    assert HealthcareService.objects.filter(pk=service.pk).exists()
    assert rosa.post(url).status_code == 302
    assert not HealthcareService.objects.filter(pk=service.pk).exists()
    assert not Capacity.objects.filter(organization=place).exists()
    assert not Location.objects.filter(organization=place).exists()
    assert found(rosa, "balnéothérapie").get(("S", service.pk)) is None
    assert "offer.delete" in traced()


def test_a_line_of_beds_added_by_mistake_goes_and_one_of_a_source_does_not(world, place, rosa):
    key = f"libres-{Capacity.objects.filter(organization=place).order_by('pk')[0].pk}"
    assert "Retirer cette ligne" not in rosa.get(to("beds", place)).content.decode()
    rosa.post(to("remove_beds", place), {"ligne": key})
    assert Capacity.objects.filter(organization=place).count() == 2
    sent = {
        "service": HealthcareService.objects.get(organization=place).pk,
        "activity": "Lits de nuit", "installed": "4", "available": "4",
    }  # fmt: skip
    assert rosa.post(to("install", place), sent).status_code == 302
    page = rosa.get(to("beds", place)).content.decode()
    added = f"libres-{Capacity.objects.filter(activity='Lits de nuit').order_by('pk')[0].pk}"
    assert f"?ligne={added}" in page
    asked = rosa.get(to("remove_beds", place) + f"?ligne={added}")
    assert "Lits de nuit" in asked.content.decode()
    assert Capacity.objects.filter(organization=place).count() == 4
    assert rosa.post(to("remove_beds", place), {"ligne": added}).status_code == 302
    assert Capacity.objects.filter(organization=place).count() == 2
    assert "offer.remove_beds" in traced()
    for wrong in ("", "libres-0", "x" * 300, added):
        assert rosa.post(to("remove_beds", place), {"ligne": wrong}).status_code == 302


def test_beds_declared_twice_are_one_line(world, place, service, rosa):
    Capacity.objects.filter(status="02").update(gender="01")
    Capacity.objects.create(
        organization=place, service=service, activity="Accueil de jour", status="02", number=2,
        gender="02", source="Import", updated_at=world.now,
    )  # fmt: skip
    sent = {"service": service.pk, "activity": "Accueil de jour", "installed": "9"}
    assert rosa.post(to("install", place), sent | {"available": "1"}).status_code == 302
    assert [(row.status, row.number) for row in Capacity.objects.order_by("status")] == [
        ("01", 9), ("02", 1),
    ]  # fmt: skip


def test_hours_are_kept_and_half_a_stretch_is_refused(place, service, rosa):
    url = to("hours", place, service.pk)
    sent = {"de-1-1": "08:00", "a-1-1": "12:00", "de-1-2": "14:00", "a-1-2": "17:30"}
    assert rosa.post(url, sent | {"toujours-6": "on"}).status_code == 302
    rows = [(r.weekday, r.opens_at, r.closes_at) for r in service.hours.order_by("pk")]
    assert len(rows) == 3
    assert rows[2] == (6, None, None)
    half = rosa.post(url, {"de-1-1": "08:00"})
    assert half.status_code == 422
    assert "celle de fermeture" in half.content.decode()
    assert OpeningHours.objects.filter(service=service).count() == 3
    over = {"de-1-1": "08:00", "a-1-1": "14:00", "de-1-2": "12:00", "a-1-2": "18:00"}
    assert "se recouvrent" in rosa.post(url, over).content.decode()
    same = rosa.post(url, {"de-2-1": "08:00", "a-2-1": "08:00"})
    assert (same.status_code, "Jour et nuit" in same.content.decode()) == (422, True)
    assert OpeningHours.objects.filter(service=service).count() == 3
    # Said once for the days of work.
    week = {"de-1-1": "07:30", "a-1-1": "13:00", "semaine": "on", "de-3-1": "09:00"}
    assert rosa.post(url, week | {"de-6-1": "08:00", "a-6-1": "12:00"}).status_code == 302
    rows = OpeningHours.objects.filter(service=service).order_by("weekday")
    assert [(row.weekday, row.opens_at.hour) for row in rows] == [
        (1, 7), (2, 7), (3, 7), (4, 7), (5, 7), (6, 8),
    ]  # fmt: skip
    # The evening first, then past midnight.
    night = {"de-1-1": "08:00", "a-1-1": "12:00", "de-1-2": "20:00", "a-1-2": "02:00"}
    assert rosa.post(url, night).status_code == 302


def test_a_closure_is_announced_and_taken_back(world, place, service, rosa):
    url = to("closures", place, service.pk)
    assert rosa.post(url, {"starts_on": "2026-12-24", "ends_on": "2026-12-20"}).status_code == 422
    assert rosa.post(url, {"starts_on": "2026-12-20", "ends_on": "2027-01-04"}).status_code == 302
    closure = Closure.objects.get(service=service)
    assert rosa.post(url, {"retirer": closure.pk}).status_code == 302
    assert not Closure.objects.exists()


def test_the_day_of_a_closure_is_that_of_the_territory(world, place, service, rosa, monkeypatch):
    evening = datetime(2026, 12, 3, 1, 30, tzinfo=UTC)  # the 2nd at 22:30 in Cayenne
    monkeypatch.setattr(clock, "now", lambda: evening)
    url = to("closures", place, service.pk)
    assert rosa.get(url).context["form"].initial["starts_on"] == date(2026, 12, 2)
    assert rosa.post(url, {"starts_on": "2026-12-02", "ends_on": "2026-12-03"}).status_code == 302


def test_one_bed_is_free_and_two_are(place, rosa):
    for number, words in ((1, "1</span> libre sur"), (2, "2</span> libres sur")):
        Capacity.objects.filter(organization=place, status="02").update(number=number)
        assert words in rosa.get(to("corner", place)).content.decode()


def test_staff_comes_by_rpps_and_leaves(world, place, rosa):
    gp = world.roles["gp"].practitioner
    wrong = gp.rpps[:-1] + str((int(gp.rpps[-1]) + 1) % 10)
    for said in ("123", wrong, f"8{gp.rpps}", "x" * 11):
        assert rosa.post(to("staff", place), {"rpps": said}).status_code == 422
    assert rosa.post(to("staff", place), {"rpps": gp.rpps}).status_code == 302
    added = PractitionerRole.objects.get(practitioner=gp, organization=place)
    assert added.profession == "10"
    assert rosa.post(to("staff", place), {"rpps": gp.rpps}).status_code == 422
    assert rosa.post(to("role", place, added.pk), {"home_visits": "oui"}).status_code == 302
    assert PractitionerRole.objects.get(pk=added.pk).home_visits is True
    assert rosa.post(to("role", place, added.pk), {"partie": "oui"}).status_code == 302
    assert PractitionerRole.objects.get(pk=added.pk).ended_at == world.now
    # Whoever had a right there has none any more, and an import would not open it again.
    world.let_in(added)
    PractitionerRole.objects.filter(pk=added.pk).update(ended_at=None)
    rosa.post(to("role", place, added.pk), {"partie": "oui"})
    assert added.rights.get().ended_at == world.now
    mine = rosa.post(to("role", place, world.roles["home_help"].pk), {"partie": "oui"})
    assert mine.status_code == 422


def test_the_page_is_confided_and_taken_back(world, place, rosa):
    world.roles["social_worker"].organization = place
    world.roles["social_worker"].save()
    assert rosa.post(to("keepers", place), {"role": "0"}).status_code == 422
    other = world.roles["social_worker"].pk
    assert rosa.post(to("keepers", place), {"role": other}).status_code == 302
    named = Keeper.objects.get(practitioner_role=other)
    assert rosa.post(to("keepers", place), {"retirer": named.pk}).status_code == 302
    assert Keeper.objects.get(pk=named.pk).ended_at == world.now


def test_the_indicator_is_measured_by_quarter_and_shown(world, place, rosa):
    tasks.measure(0)
    tasks.measure(0)
    row = Completeness.objects.get(organization=place)
    assert (row.offers, row.finalised, row.state) == (1, 0, "to_do")
    world.later(days=60)
    tasks.measure(0)
    assert Completeness.objects.filter(organization=place).count() == 2
    page = rosa.get("/offre/territoire/").content.decode()
    assert "T4 2026" in page
    assert "T1 2027" in page
    assert "Aide à domicile du Maroni" in page


@pytest.mark.parametrize(
    "query", ["?trimestre=x&domaine=y&commune=<b>", "?apres=!!", "?apres=ZZ", "?commune=%00"]
)
def test_a_wrong_filter_is_no_filter(place, rosa, query):
    tasks.measure(0)
    assert rosa.get(f"/offre/territoire/{query}").status_code == 200


def test_whoever_keeps_a_stale_page_is_reminded_once_a_week(world, place, rosa):
    words = "Page de structure à mettre à jour"
    before = rosa.get("/alertes/").content.decode().count(words)
    tasks.measure(0)
    tasks.remind(0)
    once = rosa.get("/alertes/").content.decode().count(words)
    assert once > before
    tasks.remind(0)
    assert rosa.get("/alertes/").content.decode().count(words) == once
    world.later(days=8)
    tasks.remind(0)
    assert rosa.get("/alertes/").content.decode().count(words) == once + (once - before)


def test_the_front_page_says_that_beds_wait(world, place, rosa):
    assert "Lits et places à compter" in rosa.get("/").content.decode()
    key = f"libres-{Capacity.objects.filter(organization=place).order_by('pk')[0].pk}"
    rosa.post(to("beds", place), {key: "3"})
    assert "Lits et places à compter" not in rosa.get("/").content.decode()


@pytest.mark.parametrize("page", ["corner", "beds", "staff", "territory"])
def test_a_page_costs_the_same_with_many(world, place, rosa, page):
    tasks.measure(0)
    url = reverse("offer:territory") if page == "territory" else to(page, place)

    def cost():
        with CaptureQueriesContext(connection) as asked:
            assert rosa.get(url).status_code == 200
        return len([each for each in asked if "SAVEPOINT" not in each["sql"]])

    rosa.get(url)
    few = cost()
    for number in range(10):
        made = HealthcareService.objects.create(organization=place, name=f"Service {number}")
        Capacity.objects.create(
            organization=place, service=made, activity="Lits", number=2, source="x",
            updated_at=world.now, status="02",
        )  # fmt: skip
        Organization.objects.create(name=f"EHPAD {number}", category_code="500")
    tasks.measure(0)
    assert cost() == few <= 9
