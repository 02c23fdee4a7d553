"""How far one travels, what a question asks: tables that somebody of here can read."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbet.coordination.orientation.rules import questions, ranking, travel

CAYENNE, KOUROU, MATOURY, ST_LAURENT = "97302", "97304", "97307", "97311"
MARIPASOULA, CAMOPI, ST_GEORGES, GRAND_SANTI, APATOU, SAUL = (
    "97353",
    "97356",
    "97308",
    "97357",
    "97360",
    "97352",
)
COMMUNES = sorted({code for leg in travel.travel_facts()["legs"] for code in leg["between"]}
                  - set(travel.travel_facts()["stops"]))  # fmt: skip


@pytest.mark.parametrize(
    ("origin", "destination", "least", "most", "modes"),
    [
        (CAYENNE, MATOURY, 15, 25, ("road",)),
        (CAYENNE, KOUROU, 50, 75, ("road",)),
        (CAYENNE, ST_LAURENT, 180, 240, ("road",)),
        (CAYENNE, ST_GEORGES, 150, 210, ("road",)),
        (CAYENNE, MARIPASOULA, 150, 240, ("road", "air")),
        (CAYENNE, SAUL, 130, 220, ("road", "air")),
        (ST_LAURENT, APATOU, 60, 90, ("road",)),
        (ST_GEORGES, CAMOPI, 270, 360, ("river",)),
        (MARIPASOULA, GRAND_SANTI, 270, 400, ("river",)),
    ],
)
def test_one_travels_by_road_river_and_air(origin, destination, least, most, modes):
    way = travel.journey(origin, destination)
    assert least <= way.minutes <= most
    assert way.modes == modes


def test_two_near_as_the_crow_flies_may_be_hours_apart():
    # Camopi is 180 km from Cayenne, Saint-Laurent 200 km: one is reached by road.
    assert travel.journey(CAYENNE, CAMOPI).modes != ("road",)
    by_road = dict(travel.nearest_first(CAYENNE, travel.REACHABLE_BY["road"]))
    assert ST_LAURENT in by_road
    assert not {CAMOPI, MARIPASOULA, GRAND_SANTI, SAUL} & by_road.keys()
    by_river = dict(travel.nearest_first(CAYENNE, travel.REACHABLE_BY["river"]))
    assert {CAMOPI, MARIPASOULA, GRAND_SANTI} <= by_river.keys()


def test_every_commune_is_reached_from_every_other_and_back_in_the_same_time():
    assert len(COMMUNES) == 22
    for origin in COMMUNES:
        for destination in COMMUNES:
            there, back = travel.journey(origin, destination), travel.journey(destination, origin)
            assert there is not None, (origin, destination)
            assert there.minutes == back.minutes


def test_no_detour_is_quicker_than_the_way_said():
    """The table is a shortest path: going through a third place never gains."""
    minutes = {a: dict(travel.nearest_first(a)) for a in COMMUNES}
    for a in COMMUNES:
        for b in COMMUNES:
            for c in COMMUNES:
                if len({a, b, c}) == 3:
                    assert minutes[a][c] <= minutes[a][b] + minutes[b][c]


@pytest.mark.parametrize(
    ("typed", "phrases", "commune"),
    [
        ("botox", ["toxine botulique"], ""),
        ("BOTOX", ["toxine botulique"], ""),
        ("kiné à Kourou", ["kinesitherapie"], KOUROU),
        ("je cherche un kine pour ma patiente de kourou svp", ["kinesitherapie"], KOUROU),
        ("échographie cardiaque", ["echographie cardiaque"], ""),
    ],
)
def test_a_question_says_what_and_where(typed, phrases, commune):
    read = questions.read(typed)
    assert [phrase for group in read.hard for phrase in group.phrases] == phrases
    assert read.commune == commune


def test_open_and_free_are_understood_in_words():
    assert questions.read("pharmacie ouverte maintenant").open_now
    assert questions.read("ehpad avec une place disponible").room
    assert not questions.read("ehpad").room


def test_a_misspelt_word_is_mended_and_another_word_is_not():
    assert questions.guess("ortophoniste").phrases == questions.guess("orthophoniste").phrases
    assert questions.guess("zzzzzz") is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ortofoniste", "orthophoniste"),  # and not « orthodontiste », as near by its letters
        ("bégaie", "bégaiement"),
        ("kinésitérapeute", "kinésithérapeute"),
        ("dialise", "dialyse"),
    ],
)
def test_a_word_is_known_by_its_sound_and_its_family(typed, meant):
    [word], [right] = questions.fold(typed), questions.fold(meant)
    assert questions.guess(word).phrases == questions.read(right).groups[0].phrases


@pytest.mark.parametrize(
    ("typed", "way"),
    [
        ("diabétologue joignable par la route", "road"),
        ("cardio accessible en voiture", "road"),
        ("dialyse sans prendre l'avion", "river"),
        ("scanner à moins de 2 h", "2h"),
        ("transport en pirogue", ""),
        ("kiné route de Baduel", ""),
    ],
)
def test_how_one_accepts_to_travel_is_understood(typed, way):
    read = questions.read(typed)
    assert read.way == way
    assert "route" not in " ".join(group.typed for group in read.groups) or not way


@pytest.mark.parametrize(
    ("typed", "said", "minutes"),
    [
        ("sage femme dimanche", "dimanche", [6 * 1440 + 600, 6 * 1440 + 900]),
        ("dentiste samedi matin", "samedi matin", [5 * 1440 + 540]),
        ("pharmacie ce soir", "soir", [1440 + 1170]),  # asked on a Tuesday
        ("kiné demain après-midi", "demain après-midi", [2 * 1440 + 900]),
        ("aide à domicile cette nuit", "nuit", [2 * 1440 + 120]),
        ("infirmier dimanche nuit", "dimanche nuit", [7 * 1440 + 120]),
        ("pédiatre le week-end", "week-end", [7800, 8100, 9240, 9540]),
    ],
)
def test_when_one_would_go_is_understood_and_asks_nothing(typed, said, minutes):
    read = questions.read(typed)
    assert (read.when.said, read.when.minutes(2)) == (said, minutes)
    assert all(group.soft or said.split()[0] not in group.typed.split() for group in read.groups)


def test_a_misspelt_commune_is_one_and_another_word_is_not():
    assert questions.read("kiné matouri").commune == MATOURY
    assert questions.read("kiné matouri").misspelt == (("matouri", "matoury"),)
    assert questions.read("infirmière maripasula").commune == MARIPASOULA
    for word in ("maman", "régime", "couronne", "saule", "roulant"):
        assert questions.read(word).commune == ""


def test_what_is_wrong_gives_way_to_the_trade_asked():
    groups = list(questions.read("kiné après une prothèse de hanche").groups)
    soft = [group.typed for group in questions.softened(groups, groups) if group.soft]
    assert soft == ["prothese hanche"]


def test_a_rare_word_tells_more_than_a_common_one():
    common, rare = ranking.telling([400, 3], 1000)
    assert rare > 1 > common >= ranking.LEAST_TELLING / 2
    assert ranking.telling([7], 1000) == [1.0]
    assert ranking.telling([], 1000) == []


@given(st.text(max_size=300))
def test_whatever_is_typed_is_read(typed):
    read = questions.read(typed)
    assert len(read.groups) <= questions.MOST_WORDS + 1
    for group in read.groups:
        assert group.phrases


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=20), "à l’instant"),
        (timedelta(minutes=5), "il y a 5 min"),
        (timedelta(hours=7), "il y a 7 h"),
        (timedelta(days=1), "il y a 1 jour"),
        (timedelta(days=12), "il y a 12 jours"),
        (timedelta(days=90), "il y a 3 mois"),
        (timedelta(days=800), "il y a 2 ans"),
    ],
)
def test_a_count_of_beds_always_says_its_age(passed, said):
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert ranking.age_in_words(now - passed, now) == said


def test_what_is_typed_cannot_leave_the_query():
    assert ranking.literal("o'; DROP") == "'o''; DROP'"
    assert ranking.literal("a\\") == "'a\\\\'"
