"""The facts of the territory that Carbet ships agree with the public sources they restate."""

import csv
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from carbet.core import identifiers

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "carbet" / "registries" / "directory" / "data"
SOURCES = ROOT.parent / "shared" / "data"
GUYANE = SOURCES / "guyane"
NOMENCLATURES = SOURCES / "nomenclatures" / "jdv-svs"

COMMUNES = json.loads((DATA / "communes.json").read_text(encoding="utf-8"))["communes"]
DIRECTORY = json.loads((DATA / "establishments.json").read_text(encoding="utf-8"))
SERVICES = json.loads((DATA / "services.json").read_text(encoding="utf-8"))["services"]
PROFESSIONS = json.loads((DATA / "professions.json").read_text(encoding="utf-8"))
BY_INSEE = {row["insee"]: row for row in COMMUNES}
BY_FINESS = {row["finess"]: row for row in DIRECTORY["establishments"] if row["finess"]}

needs_sources = pytest.mark.skipif(
    not GUYANE.is_dir(), reason="the public sources are not beside the project"
)
needs_nomenclatures = pytest.mark.skipif(
    not NOMENCLATURES.is_dir(), reason="the national value sets are not beside the project"
)


def survey(name: str) -> list[dict[str, str]]:
    """Return the rows of one table of the SAE 2023."""
    with (GUYANE / "sae-2023" / f"{name}_2023_973.csv").open(encoding="utf-8", newline="") as file:
        return [
            {key.upper(): value for key, value in row.items() if key}
            for row in csv.DictReader(file, delimiter=";")
        ]


def capacity(finess: str, activity: str) -> tuple[int, int]:
    """Return the beds and places that we ship for one activity of one site, (0, 0) when none."""
    for row in BY_FINESS[finess]["capacities"]:
        if row["activity"] == activity:
            return row["beds"], row["places"]
    return 0, 0


def number(text: str | None) -> int:
    return int(text or 0)


# --- What can be checked without any source ------------------------------------------------------


def test_there_are_22_communes_and_their_population():
    assert len(BY_INSEE) == 22
    assert sum(row["population"] for row in COMMUNES) == 293_996


def test_four_inter_communal_bodies_and_three_arrondissements():
    assert len({row["epci"]["siren"] for row in COMMUNES}) == 4
    assert {row["arrondissement"]["code"] for row in COMMUNES} == {"9731", "9732", "9733"}
    assert all(siren_is_valid(row["epci"]["siren"]) for row in COMMUNES)


def siren_is_valid(siren: str) -> bool:
    return len(siren) == 9 and identifiers.luhn_sum(siren) == 0


def test_postal_codes_are_not_taken_for_insee_codes():
    assert BY_INSEE["97311"]["name"] == "Saint-Laurent-du-Maroni"
    assert "97311" in BY_INSEE["97310"]["postal_codes"]
    assert BY_INSEE["97310"]["name"] == "Roura"
    assert BY_INSEE["97307"]["postal_codes"] == ["97351"]
    for row in COMMUNES:
        assert row["insee"] not in row["postal_codes"]


def test_communes_without_a_road_are_the_known_ones():
    assert {row["name"] for row in COMMUNES if "road" not in row["reach"]} == {
        "Maripasoula", "Papaichton", "Grand-Santi", "Saül", "Camopi", "Ouanary", "Saint-Élie",
    }  # fmt: skip
    assert {way for row in COMMUNES for way in row["reach"]} == {"road", "river", "air"}


def test_places_lie_in_the_territory():
    for row in COMMUNES + DIRECTORY["establishments"]:
        assert 2 < row["latitude"] < 6
        assert -54.7 < row["longitude"] < -51.5


def test_finess_numbers_are_well_formed_and_given_once():
    numbers = [row["finess"] for row in DIRECTORY["legal_entities"]]
    numbers += [row["finess"] for row in DIRECTORY["establishments"] if row["finess"]]
    assert all(identifiers.is_finess(each) for each in numbers)
    assert len(set(numbers)) == len(numbers)


def test_sites_belong_to_known_entities_and_communes():
    legal = {row["finess"] for row in DIRECTORY["legal_entities"]}
    keys = [row["key"] for row in DIRECTORY["establishments"]]
    assert len(set(keys)) == len(keys)
    for row in DIRECTORY["establishments"]:
        assert row["insee"] in BY_INSEE
        assert row["postal_code"] in BY_INSEE[row["insee"]]["postal_codes"]
        assert row["legal_finess"] is None or row["legal_finess"] in legal


def test_nothing_synthetic_borrows_a_real_number_or_a_real_site():
    sites = {row["key"]: row for row in DIRECTORY["establishments"]}
    for row in DIRECTORY["establishments"]:
        if row["synthetic"]:
            assert row["finess"] is None
            assert row["legal_finess"] is None
            assert "démonstration" in row["name"]
    for row in SERVICES:
        assert row["synthetic"] == sites[row["site"]]["synthetic"]


def test_local_hospitals_and_health_centres_are_all_there():
    keys = {row["key"] for row in DIRECTORY["establishments"]}
    assert {key for key in keys if key.startswith("hp-")} == {
        "hp-maripasoula", "hp-grand-santi", "hp-saint-georges",
    }  # fmt: skip
    assert len([key for key in keys if key.startswith("cdps-")]) == 15


def test_profession_codes_are_given_once():
    codes = [row["code"] for row in PROFESSIONS["professions"]]
    assert len(set(codes)) == len(codes)
    assert {row["category"] for row in PROFESSIONS["professions"]} == {
        "medical", "paramedical", "social", "coordination", "administrative",
    }  # fmt: skip


# --- Against the sources --------------------------------------------------------------------------


@needs_sources
def test_communes_are_those_of_the_official_code():
    official = json.loads((GUYANE / "communes-973.json").read_text(encoding="utf-8"))
    assert {row["code"] for row in official} == set(BY_INSEE)
    for row in official:
        ours = BY_INSEE[row["code"]]
        assert ours["name"] == row["nom"]
        assert ours["population"] == row["population"]
        assert ours["postal_codes"] == row["codesPostaux"]
        assert ours["arrondissement"]["code"] == row["arrondissement"]


@needs_sources
def test_inter_communal_bodies_have_their_members():
    official = json.loads((GUYANE / "epci-973.json").read_text(encoding="utf-8"))
    members = {member["code"]: body for body in official for member in body["membres"]}
    assert set(members) == set(BY_INSEE)
    for code, body in members.items():
        assert BY_INSEE[code]["epci"] == {"siren": body["code"], "name": body["nom"]}


@needs_sources
def test_points_lie_inside_their_commune():
    outlines = json.loads((GUYANE / "communes-973-guyane.geojson").read_text(encoding="utf-8"))
    shapes = {row["properties"]["code"]: row["geometry"] for row in outlines["features"]}
    for row in COMMUNES + DIRECTORY["establishments"]:
        shape = shapes[row["insee"]]
        parts = shape["coordinates"]
        if shape["type"] == "Polygon":
            parts = [parts]
        assert any(inside(row["longitude"], row["latitude"], part[0]) for part in parts), row[
            "name"
        ]


def inside(x: float, y: float, ring: list[list[float]]) -> bool:
    """Tell whether a point is inside a closed ring (even-odd rule)."""
    found = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            found = not found
    return found


@needs_sources
def test_surveyed_sites_are_all_there_with_their_entity_category_and_commune():
    for row in survey("ID"):
        ours = BY_FINESS[row["FI"]]
        assert ours["legal_finess"] == row["FI_EJ"]
        assert ours["category_code"] == row["CAT"]
        # The survey writes 9C302 for the commune 97302.
        assert ours["insee"] == "973" + row["COMINSEE"][-2:]


@needs_sources
def test_beds_of_medicine_surgery_and_obstetrics():
    for row in survey("MCO"):
        for activity, suffix in (("medicine", "MED"), ("surgery", "CHI"), ("obstetrics", "OBS")):
            expected = number(row[f"LIT_{suffix}"]), number(row[f"PLA_{suffix}"])
            assert capacity(row["FI"], activity) == expected, (row["RS"], activity)


@needs_sources
def test_the_three_public_hospitals_total():
    totals = {
        finess: sum(capacity(finess, each)[0] for each in ("medicine", "surgery", "obstetrics"))
        for finess in ("970300026", "970300083", "970305637")
    }
    assert totals == {"970300026": 421, "970300083": 160, "970305637": 92}


@needs_sources
def test_places_of_rehabilitation_home_hospital_long_stay_and_psychiatry():
    for row in survey("SSR"):
        if row["GDE"] == "SSR_TOT":
            assert capacity(row["FI"], "rehabilitation") == (number(row["LIT"]), number(row["PLA"]))
    for row in survey("HAD"):
        assert capacity(row["FI"], "home_hospital") == (0, number(row["PLATOT"]))
    for row in survey("USLD"):
        assert capacity(row["FI"], "long_stay") == (number(row["LIT"]), 0)
    for row in survey("PSY"):
        if row["DIS"] == "TOT":
            expected = number(row["CAP_HTP"]), number(row["CAP_HDJ"])
            assert capacity(row["FI"], "psychiatry") == expected


@needs_sources
def test_dialysis_intensive_care_neonatal_and_emergency_beds():
    stations: dict[tuple[str, str], int] = {}
    kinds = {"112BA": "dialysis_centre", "112BE": "dialysis_training", "112AX": "dialysis_training",
             "1150A": "dialysis_training", "1140X": "dialysis_self"}  # fmt: skip
    for row in survey("DIALYSE"):
        if row["DIALY"] in kinds:
            key = row["FI"], kinds[row["DIALY"]]
            stations[key] = stations.get(key, 0) + number(row["CAPA"])
    for (finess, activity), expected in stations.items():
        assert capacity(finess, activity) == (0, expected)
    for row in survey("REA"):
        if row["UNI"] == "REAADU":
            assert capacity(row["FI"], "intensive_care") == (number(row["LIT"]), 0)
    for row in survey("PERINAT"):
        beds = sum(number(row[name]) for name in ("LIT_NEO_HSI", "LIT_SIN", "LIT_REA"))
        assert capacity(row["FI"], "neonatology") == (beds, 0)
    for row in survey("URGENCES2"):
        assert capacity(row["FI"], "emergency_ward") == (number(row["LIT_UHCD"]), 0)


@needs_nomenclatures
def test_profession_and_specialty_codes_are_national():
    def codes(name: str) -> dict[str, str]:
        text = next(NOMENCLATURES.glob(f"{name}*")).read_text(encoding="utf-8")
        tags = re.findall(r"<[^>]*\bcode=[^>]*>", text)
        pairs = (
            (re.search(r'\bcode="([^"]*)"', tag), re.search(r'displayName="([^"]*)"', tag))
            for tag in tags
        )
        return {code[1]: label[1] for code, label in pairs if code and label}

    health = {code.removeprefix("G15_") for code in codes("JDV_J01_") if code.startswith("G15_")}
    others = set(codes("JDV_J48_")) | set(codes("JDV_J47_"))
    skills = codes("JDV_J107_")
    for row in PROFESSIONS["professions"]:
        if row["system"] == "TRE_G15-ProfessionSante":
            assert row["code"] in health, row
        elif row["system"] != "carbet":
            assert row["code"] in others, row
        else:
            assert row["equivalent"]["code"] in others
    for row in PROFESSIONS["specialties"]:
        national = skills[row["code"]].casefold()
        if row["profession"] == "10":
            assert national.startswith(row["label"].casefold()), (national, row)
