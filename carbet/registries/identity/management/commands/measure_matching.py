"""Measure weights on decisions held out and on an invented territory, beside those in service."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.registries.identity import operations, queries, rules, synthetic
from carbet.registries.identity.management.commands.learn_matching import NEEDS_BATCH, decisions
from carbet.registries.patients import queries as patients

_NAME = "measure_matching"


class Command(BaseCommand):
    help = (
        "Mesure des poids de comparaison, et ceux en service à côté : décisions de la cellule"
        " jamais apprises, et territoire inventé. La mesure paraît au bureau de la cellule."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "model", nargs="?", default="", help="début du nom des poids ; sinon ceux livrés"
        )
        parser.add_argument("--seed", type=int, default=7, help="graine du territoire (7)")
        parser.add_argument("--people", type=int, default=20_000, help="personnes (20000)")
        parser.add_argument("--memory", default="3GB", help="mémoire au plus (3GB)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            import splink  # noqa: F401 - only to say early, in words, that it is missing
        except ImportError as error:
            raise CommandError(NEEDS_BATCH) from error
        from carbet.registries.matching.batch import measuring, training

        if options["seed"] in synthetic.LEARNT_SEEDS:
            raise CommandError("Les poids livrés ont été appris sur ce territoire : une autre.")
        with row_security.acting_as(internal(_NAME), now=clock.now()):
            digest = digest_beginning(options["model"])
            serving = patients.digest_in_use()
        training.quiet()
        labelled = [
            measuring.Labelled(each.person, each.traits)
            for each in synthetic.records(options["seed"], options["people"])
        ]
        held_out = [
            (one, other, same)
            for number, one, other, same in decisions()
            if queries.is_held_out(number)
        ]
        for name in dict.fromkeys((serving, digest)):
            with row_security.acting_as(internal(_NAME), now=clock.now()):
                model = patients.model_of(name)
            figures = measuring.measure(labelled, model=model, memory=options["memory"])
            groups = figures.groups()
            rates = rules.Rates(
                seed=options["seed"],
                people=options["people"],
                true=groups.true,
                right=groups.right,
                false=groups.false,
                asked=groups.asked,
                brought=groups.brought,
                twins=figures.twins,
                twins_linked=figures.twins_linked,
                **rules.on_decisions(model, held_out, base_size=queries.SMALLEST_BASE),
            )
            operations.keep_measure(
                actor=internal(_NAME),
                now=clock.now(),
                digest=name,
                identities=len(labelled),
                rates=rates,
            )
            self._say(name, serving, rates)

    def _say(self, name: str, serving: str, rates: rules.Rates) -> None:
        said = " (en service)" if name == serving else ""
        self.stdout.write(f"Poids {name[:12] or 'livrés'}{said} :")
        for words, share in (
            ("précision des rapprochements", rates.precision),
            ("rappel des rapprochements", rates.recall),
            ("réunis ou demandés", rates.captured),
            ("accord avec les décisions", rates.agreement),
        ):
            if not share.total:
                self.stdout.write(f"  {words} : rien à mesurer encore")
                continue
            low, high = share.interval
            self.stdout.write(
                f"  {words} : {share.value:.4f} (de {low:.4f} à {high:.4f}),"
                f" {share.count} sur {share.total}"
            )
        self.stdout.write(
            f"  questions pour 100 paires : {rates.items:.1f} ; jumeaux réunis :"
            f" {rates.twins_linked} sur {rates.twins}"
        )


def digest_beginning(text: str) -> str:
    """Return the whole name of weights from its beginning; nothing for the shipped ones."""
    if text in ("", "livres", "livrés"):
        return ""
    found = queries.model_beginning(text)
    if found is None:
        raise CommandError("Aucuns poids ne portent ce nom, ou plusieurs : donnez-en davantage.")
    return found.digest
