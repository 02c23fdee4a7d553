"""Learn weights from the territory and from what the cell decided; they serve nobody yet."""

import json
import shutil
import tempfile
import warnings
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.registries.identity import operations, queries
from carbet.registries.matching import rules as matching
from carbet.registries.patients import queries as patients

_CHUNK = 5000
_NAME = "learn_matching"
NEEDS_BATCH = (
    "L’apprentissage demande le groupe « batch » :"
    " uv pip install --constraint requirements-dev.lock --group batch"
)


class Command(BaseCommand):
    help = (
        "Apprend de nouveaux poids de comparaison : Splink sur les identités du territoire, corrigé"
        " par ce que la cellule a décidé. Ils ne servent qu’une fois mesurés (measure_matching) et"
        " mis en service (switch_matching)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--memory", default="3GB", help="mémoire au plus (3GB)")
        parser.add_argument("--threads", type=int, default=2, help="cœurs employés (2)")
        parser.add_argument("--file", help="garde aussi les poids dans ce fichier JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            import splink  # noqa: F401 - only to say early, in words, that it is missing
        except ImportError as error:
            raise CommandError(NEEDS_BATCH) from error
        from carbet.registries.matching.batch import training

        now = clock.now()
        state = Path(settings.STATE_DIR)
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Traits of people: in a folder of ours, gone with the run.
        folder = Path(tempfile.mkdtemp(prefix="learning-", dir=state))
        try:
            lines = folder / "lines"
            count = self._write(lines)
            if count < 2:
                raise CommandError("Il n’y a pas encore d’identités à comparer.")
            with row_security.acting_as(internal(_NAME), now=now):
                current = patients.model_in_use()
                same_pairs = queries.pairs_held_together()
            learnt = [
                (matching.prepare(one), matching.prepare(other), same)
                for number, one, other, same in decisions()
                if not queries.is_held_out(number)
            ]
            training.quiet()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                raw = training.learn(
                    lines,
                    learnt,
                    current=current,
                    same_pairs=same_pairs,
                    version=f"{now:%Y-%m-%d}",
                    memory=options["memory"],
                    threads=options["threads"],
                    folder=folder,
                )
        finally:
            shutil.rmtree(folder)
        words = f"{count} identités, {len(learnt)} décisions"
        raw["trained_on"] = words
        kept = operations.keep_model(actor=internal(_NAME), now=now, raw=raw, learnt_from=words)
        if options["file"]:
            Path(options["file"]).write_text(json.dumps(raw, ensure_ascii=False, indent=0) + "\n")
        self.stdout.write(f"Appris de {words} : poids {kept.digest[:12]}.")
        self.stdout.write(f"Mesurez-les : carbet manage measure_matching {kept.digest[:12]}")

    def _write(self, path: Path) -> int:
        from carbet.registries.matching.batch.lines import line_of

        after, written = 0, 0
        path.touch(mode=0o600)
        with path.open("w") as file:
            while rows := _rows(after):
                file.writelines(line_of(number, traits) for number, traits in rows)
                after, written = rows[-1][0], written + len(rows)
                self.stdout.write(f"identités écrites : {written}")
        return written


def _rows(after: int) -> list[tuple[int, matching.Traits]]:
    with row_security.acting_as(internal(_NAME), now=clock.now()):
        return queries.compared_after(after, limit=_CHUNK)


def decisions() -> list[tuple[int, matching.Traits, matching.Traits, bool]]:
    """Return every pair that people decided on."""
    found: list[tuple[int, matching.Traits, matching.Traits, bool]] = []
    while True:
        with row_security.acting_as(internal(_NAME), now=clock.now()):
            rows = queries.decided_after(found[-1][0] if found else 0, limit=_CHUNK)
        if not rows:
            return found
        found += rows
