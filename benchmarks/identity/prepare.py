"""Write identities in the form that the batch reads, on both cores."""

from collections.abc import Iterable
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from carbet.registries.matching.rules.keys import blocking_keys
from carbet.registries.matching.rules.traits import Traits, pack, prepare


def line_of(number: int, traits: Traits) -> str:
    """Return one line of the batch: number, keys, packed traits."""
    prepared = prepare(traits)
    keys = ",".join(map(str, blocking_keys(prepared)))
    return f"{number}|{keys}|{pack(prepared)}\n"


def _lines(batch: list[tuple[int, Traits]]) -> str:
    return "".join(line_of(number, traits) for number, traits in batch)


def write(found: Iterable[tuple[int, Traits]], path: Path, *, processes: int = 2) -> None:
    """Write the identities into a file, by batches."""
    found = iter(found)
    batches = iter(lambda: list(islice(found, 5000)), [])
    with get_context("fork").Pool(processes) as pool, path.open("w") as file:
        for text in pool.imap(_lines, batches):
            file.write(text)
