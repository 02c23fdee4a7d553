"""The night compares exactly as the search does."""

import datetime
import importlib.util
import math
import os
import random
import shutil

import pytest

from carbet.registries.matching import rules
from carbet.registries.matching.batch import linkage
from carbet.registries.matching.rules import Traits
from carbet.registries.matching.rules.traits import Prepared

FAMILIES = ["Florimond", "Florimont", "da Silva", "Silva Souza", "Souza", "Claire", "X", "Apatoe"]
GIVEN = ["Claire", "Klaire", "Marie", "Josèphe", "Luc", "Luk", "Thiago", "Tiago", "Souza", "Bébé"]
DATES = ["1987-06-14", "1987-06-15", "1987-01-01", "1978-06-14", "1987-04-06", "1987-06-04"]


def invented(count: int) -> list[Traits]:
    draw = random.Random(11)
    found = []
    for _ in range(count):
        found.append(
            Traits(
                birth_family=draw.choice(FAMILIES),
                birth_given=tuple(draw.sample(GIVEN, draw.randint(0, 3))),
                birth_date=datetime.date.fromisoformat(draw.choice(DATES)),
                birth_date_precision=draw.choice(["day", "day", "month", "year"]),
                gender=draw.choice(["female", "male", "unknown"]),
                birth_place_code=draw.choice(["97302", "97311", "97209", "99416", "99999"]),
                used_family=draw.choice(["", "", *FAMILIES]),
                ins=draw.choice(["", "251039730299971", "251039730217342", "251039730299171"]),
                phone=draw.choice(["", "0639980001", "0639980002", "0594123456"]),
                address=draw.choice(["", "27 allée des Maripas", "27 allee des Maripa", "Bourg"]),
                postal_code=draw.choice(["97351", "97300"]),
                city=draw.choice(["", "Matoury", "Matouri", "Cayenne"]),
                identifiers=draw.choice([(), (("s", "1234567"),), (("s", "1234568"),)]),
            )
        )
    return found


def lines_of(found: list[Traits]) -> str:
    prepared = [rules.prepare(each) for each in found]
    return "".join(
        f"{number}|{','.join(map(str, rules.blocking_keys(each)))}|{rules.pack(each)}\n"
        for number, each in enumerate(prepared)
    )


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """The pairs of 300 identities, as the batch weighs them."""
    found = invented(300)
    path = tmp_path_factory.mktemp("batch") / "lines"
    path.write_text(lines_of(found))
    con = linkage.connect(memory="1GB")
    model = rules.load()
    assert linkage.load(con, path, model) == len(found)
    assert linkage.block(con) > 1000
    for _ in linkage.score(con, model, base_size=50_000, least=-60, splink_least=-60):
        pass
    rows = con.execute("SELECT l, r, weight, levels FROM scored").fetchall()
    con.close()
    return found, rows


def test_the_batch_weighs_each_pair_as_the_search_does(scored):
    found, rows = scored
    assert len(rows) > 1000
    for left, right, weight, levels in rows:
        score = rules.explain(found[left], found[right], base_size=50_000)
        assert levels == ",".join(map(str, score.levels)), (found[left], found[right])
        assert weight == pytest.approx(score.weight, abs=1e-6)


@pytest.mark.parametrize("least", [-8.0, -2.0, 9.0])
def test_a_search_spares_itself_only_what_is_of_no_interest(scored, least):
    found, rows = scored
    model = rules.load()
    prior = model.prior_for(50_000)
    spared = 0
    for left, right, weight, _ in rows:
        one, two = rules.prepare(found[left]), rules.prepare(found[right])
        got = rules.weigh(model, one, two, prior, least=least)
        if got == -math.inf:
            spared += 1
            assert weight <= least
        else:
            assert got == pytest.approx(weight, abs=1e-6)
    assert spared > len(rows) / 100


def test_every_level_that_can_be_met_is_met(scored):
    _, rows = scored
    seen = {(rank, level) for *_, levels in rows for rank, level in enumerate(levels.split(","))}
    assert len(seen) >= 45


def test_a_column_of_the_normal_form_is_a_column_of_the_batch():
    names = Prepared._fields
    con = linkage.connect(memory="500MB")
    con.execute("CREATE TABLE one AS SELECT 1")
    assert names[0] == "fam"
    assert names[-1] == "ids"
    con.close()


CROWD = linkage.MOST_ALONE + 1
KEYS = {
    1: range(1, linkage.MOST_ALONE + 1),  # as many as may share one key alone
    2: range(100, 100 + CROWD),  # one too many
    3: (100, 101),  # but two of them share another
    4: range(200, 200 + linkage.MOST_IN_A_BLOCK + 1),  # of which nobody is compared
    5: (200,),
}


def blocked(newcomers=None):
    """The pairs that block() makes of KEYS."""
    con = linkage.connect(memory="500MB")
    con.execute("CREATE TABLE keys (unique_id BIGINT, key INTEGER)")
    rows = [(number, key) for key, numbers in KEYS.items() for number in numbers]
    con.executemany("INSERT INTO keys VALUES (?, ?)", rows)
    count = linkage.block(con, newcomers=newcomers)
    pairs = con.execute("SELECT l, r FROM pairs").fetchall()
    con.close()
    assert count == len(pairs) == len(set(pairs))
    return set(pairs)


def test_a_crowded_key_alone_compares_nobody():
    alone = {(one, other) for one in KEYS[1] for other in KEYS[1] if one < other}
    assert blocked() == alone | {(100, 101)}


@pytest.mark.parametrize("newcomers", [[1], [2, 3], [100], [101, 102], [1, 100, 200], []])
def test_newcomers_meet_whom_they_would_meet_in_a_whole_night(newcomers):
    whole = blocked()
    assert blocked(newcomers) == {pair for pair in whole if set(pair) & set(newcomers)}


@pytest.mark.filterwarnings("ignore")
def test_spark_finds_the_same_pairs_with_the_same_weights(tmp_path):
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed (group « spark »)")
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        pytest.skip("Java is not installed")
    from carbet.registries.matching.batch import spark

    path = tmp_path / "lines"
    path.write_text(lines_of(invented(300)))
    asked = {"least": -20.0, "smallest_base": 50_000, "splink_least": -60.0}
    for newcomers in (None, [3, 4, 250]):
        one, other = (
            engine.weigh_all(
                path,
                rules.load(),
                newcomers=newcomers,
                memory="1GB",
                threads=1,
                folder=tmp_path,
                **asked,
            )
            for engine in (linkage, spark)
        )
        assert one.identities == other.identities == 300
        assert one.looked_at == other.looked_at > (500 if newcomers is None else 20)
        assert [pair[:2] for pair in one.pairs] == [pair[:2] for pair in other.pairs]
        for mine, theirs in zip(one.pairs, other.pairs, strict=True):
            assert mine[2] == pytest.approx(theirs[2], abs=1e-6)
            assert mine[3] == theirs[3]
