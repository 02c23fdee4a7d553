"""Compare every identity of the region with every other, by night: what is new goes to the desk."""

import importlib.util
import json
import logging
import os
import shutil
import warnings
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.registries.identity import queries
from carbet.registries.identity.operations import night
from carbet.registries.matching import rules as matching
from carbet.registries.matching.batch.lines import line_of
from carbet.registries.patients import queries as patients

_CHUNK = 5000
_NAME = "deduplicate"
DUCKDB, SPARK = "duckdb", "spark"


class Command(BaseCommand):
    help = (
        "Compare toutes les identités de la région et confie à la cellule ce qui est nouveau."
        " Interrompue, la même commande reprend où elle en était."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--whole", action="store_true", help="tout contre tout, et non les nouvelles identités"
        )
        parser.add_argument(
            "--engine",
            choices=(DUCKDB, SPARK),
            default=DUCKDB,
            help="duckdb (une machine), ou spark (SPARK_MASTER dit laquelle ; les mêmes résultats)",
        )
        parser.add_argument("--memory", default="3GB", help="mémoire au plus (3GB)")
        parser.add_argument("--threads", type=int, default=2, help="cœurs employés (2)")
        parser.add_argument(
            "--dry-run", action="store_true", help="dire la différence, ne rien confier à personne"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            import splink  # noqa: F401 - only to say early, in words, that it is missing
        except ImportError as error:
            raise CommandError(
                "La comparaison de nuit demande le groupe « batch » :"
                " uv pip install --constraint requirements-dev.lock --group batch"
            ) from error
        if options["engine"] == SPARK and (missing := missing_for_spark()):
            raise CommandError(missing)
        logging.getLogger("splink").setLevel(logging.CRITICAL)
        folder = Path(settings.STATE_DIR) / "deduplication"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        run = Night(folder, self.stdout.write, whole=options["whole"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run.write_lines(now=clock.now())
            run.compare(
                engine=options["engine"], memory=options["memory"], threads=options["threads"]
            )
        new, gone = run.difference()
        self.stdout.write(
            f"nouvelles paires : {len(new)} ; disparues depuis la dernière nuit : {len(gone)}"
        )
        if options["dry_run"]:
            return
        told = run.tell(new)
        self.stdout.write(
            f"rapprochées : {told[night.LINKED]} ; confiées à la cellule : {told[night.ASKED]} ;"
            f" déjà connues : {told[night.KNOWN]}"
        )
        run.close()


class Night:
    """One run, whose every step is kept in a folder until it ends: traits leave it with the run."""

    def __init__(self, folder: Path, say: Any, *, whole: bool) -> None:
        self.folder, self.say = folder, say
        self.lines, self.scored = folder / "lines", folder / "tonight"
        self.last = folder / "last"
        self.step_file = folder / "step.json"
        self.step: dict[str, Any] = (
            json.loads(self.step_file.read_text()) if self.step_file.exists() else {}
        )
        last_began = folder / "last_began"
        began, _, digest = (last_began.read_text() if last_began.exists() else "").partition(" ")
        with row_security.acting_as(internal(_NAME), now=clock.now()):
            self.digest: str = self.step.get("digest", patients.digest_in_use())
        # Other weights than the last night's: everything is weighed again.
        anew = whole or digest != self.digest or not self.last.exists()
        self.since = datetime.fromisoformat(began) if began and not anew else None
        if self.step:
            self.say(f"reprise de la nuit commencée le {self.step['began'][:16]}")

    def _keep(self, **values: Any) -> None:
        self.step |= values
        waiting = self.step_file.with_suffix(".new")
        waiting.write_text(json.dumps(self.step))
        waiting.replace(self.step_file)

    def write_lines(self, *, now: datetime) -> None:
        """Write the normal form of every identity, from where the last attempt stopped."""
        if not self.step:
            self._keep(began=now.isoformat(), digest=self.digest, after=0, written=0, size=0)
            self.lines.write_text("")
        if self.step.get("compared") or self.step.get("all_written"):
            return
        self.lines.touch(mode=0o600)
        with self.lines.open("r+") as file:
            # A line that was being written when the run stopped is written again.
            file.truncate(self.step["size"])
            file.seek(self.step["size"])
            while rows := self._rows(self.step["after"], now=now):
                file.writelines(line_of(number, traits) for number, traits in rows)
                file.flush()
                self._keep(
                    after=rows[-1][0],
                    written=self.step["written"] + len(rows),
                    size=file.tell(),
                )
                self.say(f"identités écrites : {self.step['written']}")
        self._keep(all_written=True)

    def _rows(self, after: int, *, now: datetime) -> list[tuple[int, matching.Traits]]:
        with row_security.acting_as(internal(_NAME), now=now):
            return queries.compared_after(after, limit=_CHUNK)

    def compare(self, *, engine: str, memory: str, threads: int) -> None:
        """Weigh the pairs that share a key, by slices; keep the numbers and weights only."""
        if self.step.get("compared"):
            return
        if engine == SPARK:
            from carbet.registries.matching.batch import spark as batch
        else:
            from carbet.registries.matching.batch import linkage as batch

        with row_security.acting_as(internal(_NAME), now=clock.now()):
            model = patients.model_of(self.digest)
        new = None
        if self.since is not None:
            new = {number for numbers in self._newcomers() for number in numbers}
        found = batch.weigh_all(
            self.lines,
            model,
            least=model.doubtful,
            smallest_base=queries.SMALLEST_BASE,
            newcomers=None if new is None else sorted(new),
            memory=memory,
            threads=threads,
            folder=self.folder,
            said=lambda done, total: self.say(f"paires comparées : {done} sur {total}"),
        )
        kept = dict[tuple[int, int], float]()
        if new is not None:
            kept = {pair: w for pair, w in read(self.last).items() if not new & set(pair)}
        kept |= {(left, right): weight for left, right, weight, _ in found.pairs}
        self.scored.write_text("".join(f"{a} {b} {w:.2f}\n" for (a, b), w in sorted(kept.items())))
        self._keep(compared=True, told=0)
        self.lines.unlink()
        for folder in self.folder.glob("spark-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _newcomers(self) -> Iterator[list[int]]:
        after = 0
        while True:
            with row_security.acting_as(internal(_NAME), now=clock.now()):
                numbers = queries.changed_since(self.since, after=after, limit=_CHUNK)
            if not numbers:
                return
            yield numbers
            after = numbers[-1]

    def difference(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the pairs of tonight that the last night had not, and the other way round."""
        tonight, last = read(self.scored), read(self.last)
        return sorted(tonight.keys() - last.keys()), sorted(last.keys() - tonight.keys())

    def tell(self, pairs: list[tuple[int, int]]) -> dict[str, int]:
        """Link or ask about each, one transaction a pair, from where the last attempt stopped."""
        told = dict.fromkeys((night.LINKED, night.ASKED, night.KNOWN), 0)
        for rank, (first, second) in enumerate(pairs, start=1):
            if rank <= self.step["told"]:
                continue
            outcome = night.look_at_pair(
                actor=internal(_NAME), now=clock.now(), first_id=first, second_id=second
            )
            told[outcome] += 1
            if rank % 100 == 0:
                self._keep(told=rank)
                self.say(f"paires confiées : {rank} sur {len(pairs)}")
        return told

    def close(self) -> None:
        """Make tonight the night that the next one is compared with."""
        (self.folder / "last_began").write_text(f"{self.step['began']} {self.digest}")
        self.scored.replace(self.last)
        self.step_file.unlink()


def read(path: Path) -> dict[tuple[int, int], float]:
    """Return the pairs of a night, with their weights."""
    found = {}
    if path.exists():
        with path.open() as file:
            for line in file:
                first, second, weight = line.split()
                found[int(first), int(second)] = float(weight)
    return found


def missing_for_spark() -> str:
    """Say what is missing to compare on Spark; nothing when all is there."""
    if importlib.util.find_spec("pyspark") is None:
        return (
            "Spark demande le groupe « spark » :"
            " uv pip install --constraint requirements-dev.lock --group spark"
        )
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and Path(home, "bin", "java").exists()):
        return "Spark demande Java 17 ou plus : apt-get install openjdk-17-jre-headless"
    return ""
