"""Write identities in the form that the batch reads, on both cores."""

from collections.abc import Iterable
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path

from carbet.registries.matching.rules.keys import batch_keys
from carbet.registries.matching.rules.traits import Traits, pack, prepare

# Batches that are not worth another process.
SMALL = 20


def line_of(number: int, traits: Traits) -> str:
    """Return one line of the batch: number, keys, packed traits."""
    prepared = prepare(traits)
    keys = ",".join(map(str, batch_keys(prepared)))
    return f"{number}|{keys}|{pack(prepared)}\n"


def _lines(batch: list[tuple[int, Traits]]) -> str:
    return "".join(line_of(number, traits) for number, traits in batch)


def write(found: Iterable[tuple[int, Traits]], path: Path, *, processes: int = 2) -> None:
    """Write the identities into a file, by batches; small sets without other processes."""
    found = iter(found)
    batches = iter(lambda: list(islice(found, 5000)), [])
    first = list(islice(batches, SMALL))
    with path.open("w") as file:
        if len(first) < SMALL:
            file.writelines(map(_lines, first))
            return
        # Never "fork": the threads of DuckDB would be left behind, and wait for ever.
        with get_context("spawn").Pool(processes) as pool:
            for text in pool.imap(_lines, chain(first, batches)):
                file.write(text)
