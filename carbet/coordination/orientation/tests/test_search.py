"""What the search finds, and how the index follows the directory."""

from datetime import UTC, datetime, timedelta

import pytest

from carbet.coordination.orientation import queries, tasks
from carbet.coordination.orientation.models import Entry, Word
from carbet.coordination.orientation.queries import Facets
from carbet.registries.directory.models import (
    Capacity,
    Closure,
    Commune,
    HealthcareService,
    Location,
    OpeningHours,
    Term,
)

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


@pytest.fixture
def service(world):
    """A rehabilitation service at the DAC's place, open in the week, with two free places."""
    Term.objects.create(nomenclature="TRE_R210-X", code="A1", label="Injection de toxine botulique")
    made = HealthcareService.objects.create(
        organization=world.places["dac"], name="Rééducation", activity="Réadaptation", acts=["A1"]
    )
    for day in range(1, 6):
        OpeningHours.objects.create(service=made, weekday=day, opens_at="08:00", closes_at="17:00")
    Capacity.objects.create(
        organization=world.places["dac"],
        service=made,
        activity="Hôpital de jour",
        status="02",
        number=2,
        source="Déclaré",
        updated_at=world.now,
    )
    return made


def found(text="", now=NOW, **facets):
    return queries.search(text=text, now=now, origin="97307", facets=Facets(**facets)).results


def ids(results):
    return [(result.kind, result.target) for result in results]


@pytest.mark.django_db
def test_a_word_of_people_finds_the_word_of_the_directory(service):
    first = found("botox")[0]
    assert (first.kind, first.target) == ("S", service.pk)
    assert first.capacities[0].number == 2
    assert first.journey_in_words.startswith("20 min")


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["toxine botulique", "Toxine Botuliqe", "TOXINE BOTULIQUE!!"])
def test_accents_capitals_and_a_wrong_letter_are_forgiven(service, typed):
    assert ("S", service.pk) in ids(found(typed))


@pytest.mark.django_db
def test_open_now_follows_hours_and_closures(service):
    # Monday 23 November, noon in Cayenne; Sunday 22.
    assert ("S", service.pk) in ids(found("botox", open_now=True))
    assert not found("botox", now=NOW - timedelta(days=1), open_now=True)
    Closure.objects.create(service=service, starts_on="2026-11-20", ends_on="2026-11-24")
    assert ("S", service.pk) not in ids(found("botox", open_now=True))
    assert found("botox")[0].is_open is False


@pytest.mark.django_db
def test_what_the_owner_changes_is_found_in_the_same_transaction(service):
    assert ("S", service.pk) in ids(found("botox", room=True))
    Capacity.objects.filter(service=service).update(number=0)
    assert not found("botox", room=True)
    service.name = "Balnéothérapie"
    service.save()
    assert ("S", service.pk) in ids(found("balnéothérapie"))
    service.active = False
    service.save()
    assert not found("botox")


@pytest.mark.django_db
def test_room_at_a_place_is_room_in_its_services(world, service):
    """The ROR counts beds by place, men's and women's apart, and foresees crises."""
    Capacity.objects.all().delete()
    place = Location.objects.create(organization=world.places["dac"], name="Aile A")
    service.location = place
    service.save()
    row = {
        "organization": world.places["dac"],
        "location": place,
        "activity": "Aile A",
        "source": "ROR national",
        "updated_at": world.now,
    }
    Capacity.objects.create(**row, status="02", number=9, temporality="02")
    Capacity.objects.create(**row, status="02", number=9, temporality="01", crisis_type="02")
    assert not found("botox", room=True)
    for number, gender in ((0, "01"), (1, "02"), (3, "03")):
        Capacity.objects.create(**row, status="02", number=number, temporality="01", gender=gender)
    [first] = [each for each in found("botox", room=True) if each.kind == "S"]
    assert [(each.activity, each.number) for each in first.capacities] == [("Aile A", 4)]
    Capacity.objects.filter(temporality="01", crisis_type="").delete()
    assert not found("botox", room=True)


@pytest.mark.django_db
def test_each_facet_narrows(world, service):
    nurse = world.roles["nurse"]
    assert ("R", nurse.pk) in ids(found("infirmière"))
    assert {r.kind for r in found("infirmière", profession="60")} == {"R"}
    assert ("R", nurse.pk) in ids(found("", profession="60", commune="97307"))
    assert ("R", nurse.pk) not in ids(found("", profession="60", commune="97304"))
    assert ids(found("", act="A1")) == [("S", service.pk)]
    assert not found("", act="A1", secure_mail=True)
    assert not found("", act="A1", equipment="rien")
    assert ids(found("", act="A1", way="road")) == [("S", service.pk)]
    assert not found("", act="A1", way="home")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("facet", "columns"),
    [
        ({"act": "A9"}, {"acts": ["A9"]}),
        ({"equipment": "E9"}, {"equipment": ["E9"]}),
        ({"public": "U9"}, {"publics": ["U9"]}),
        ({"profession": "T9"}, {"professions": ["T9"]}),
        ({"skill": "C9"}, {"competences": ["C9"]}),
        ({"secure_mail": True}, {"secure_email": "a@essai.mssante.fr"}),
        ({"kind": "S"}, {}),
    ],
)
def test_each_facet_keeps_what_has_it_and_leaves_the_rest(world, facet, columns):
    place = world.places["dac"]
    place.secure_email = ""
    place.save()
    kept = HealthcareService.objects.create(
        organization=place, name="Balnéothérapie du matin", **columns
    )
    other = HealthcareService.objects.create(organization=place, name="Balnéothérapie du soir")
    everything = ids(found("balnéothérapie"))
    assert {("S", kept.pk), ("S", other.pk)} <= set(everything)
    left = ids(found("balnéothérapie", **facet))
    assert ("S", kept.pk) in left
    assert (("S", other.pk) in left) is (columns == {})
    assert all(kind == "S" for kind, _ in left)


# From Matoury: Cayenne is near by road, Grand-Santi is up a river, Saül is reached by air.
WAYS = {
    "97302": {"": True, "road": True, "river": True, "2h": True, "home": False},
    "97357": {"": True, "road": False, "river": True, "2h": False, "home": False},
    "97352": {"": True, "road": False, "river": False, "home": False},
}


@pytest.mark.django_db
@pytest.mark.parametrize("code", WAYS)
def test_a_way_keeps_what_is_reached_by_it(world, service, code):
    place = world.places["dac"]
    place.commune, _ = Commune.objects.get_or_create(code=code, defaults={"name": "Là-bas"})
    place.save()
    for way, reached in WAYS[code].items():
        assert (("S", service.pk) in ids(found("botox", way=way))) is reached, way


@pytest.mark.django_db
def test_the_skill_of_a_professional_narrows(world):
    role = world.roles["nurse"]
    role.skills, role.specialty = ["S9"], "S9"
    role.save()
    assert ids(found("infirmière", skill="S9")) == [("R", role.pk)]


@pytest.mark.django_db
def test_the_nearest_comes_first_as_one_travels(world):
    near, far = world.roles["nurse"], world.roles["far_nurse"]
    at_home = ids(queries.search(text="infirmière", now=NOW, origin="97307").results)
    away = ids(queries.search(text="infirmière", now=NOW, origin="97304").results)
    assert at_home.index(("R", near.pk)) < at_home.index(("R", far.pk))
    assert away.index(("R", far.pk)) < away.index(("R", near.pk))


@pytest.mark.django_db
def test_a_role_that_ended_is_no_longer_found(world):
    role = world.roles["nurse"]
    role.ended_at = NOW - timedelta(days=1)
    role.save()
    assert ("R", role.pk) not in ids(found("infirmière"))


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["' | '", "!!! & (", "a:*", "\\", "%", "::", "🌴", "'" * 200])
def test_hostile_text_finds_nothing_and_breaks_nothing(service, typed):
    assert isinstance(found(typed), list)


@pytest.mark.django_db
def test_a_sensitive_service_is_not_shown(service):
    service.sensitive = True
    service.save()
    assert not found("botox")


@pytest.mark.django_db
def test_the_night_brings_hours_that_begin_and_counts_words_again(service):
    OpeningHours.objects.filter(service=service).update(valid_from="2100-01-01")
    tasks.rebuild(0)
    entry = Entry.objects.get(kind="S", target=service.pk)
    assert entry.hours is None
    assert Word.objects.get(word="k:R").count == Entry.objects.filter(kind="R").count()


@pytest.mark.django_db
def test_who_says_to_open_when_one_would_go_comes_first_and_nobody_is_left_out(world, service):
    other = HealthcareService.objects.create(
        organization=service.organization, name="Rééducation", activity="Réadaptation"
    )
    OpeningHours.objects.create(service=other, weekday=7, opens_at="09:00", closes_at="12:00")
    Capacity.objects.all().delete()
    week, sunday = ("S", service.pk), ("S", other.pk)
    ranked = [each for each in ids(found("rééducation dimanche")) if each in (week, sunday)]
    assert ranked == [sunday, week]
    ranked = [each for each in ids(found("rééducation lundi")) if each in (week, sunday)]
    assert ranked == [week, sunday]


@pytest.mark.django_db
def test_the_way_said_in_the_question_is_kept(world, service):
    far = Commune.objects.create(code="97353", name="Maripasoula")
    HealthcareService.objects.create(
        organization=service.organization,
        name="Rééducation du Lawa",
        location=Location.objects.create(name="Là-bas", commune=far),
    )
    assert "Rééducation du Lawa" in {each.name for each in found("rééducation")}
    by_road = {each.name for each in found("rééducation joignable par la route")}
    assert by_road
    assert "Rééducation du Lawa" not in by_road


@pytest.mark.django_db
def test_words_side_by_side_say_more_than_scattered_ones(world):
    place = world.places["dac"]
    scattered = HealthcareService.objects.create(
        organization=place, name="Soins de la peau", activity="Infirmiers, hors du domicile"
    )
    together = HealthcareService.objects.create(
        organization=place, name="Soins infirmiers à domicile"
    )
    HealthcareService.objects.filter(pk=scattered.pk).update(
        name="Soins de la peau et des muqueuses, écoute des infirmiers"
    )
    ranked = [target for kind, target in ids(found("ssiad")) if kind == "S"]
    assert ranked[:2] == [together.pk, scattered.pk]
