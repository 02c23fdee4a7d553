"""Put weights into service, or take them back, in one command."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.core.operation import UnableTo
from carbet.registries.identity import operations
from carbet.registries.identity.management.commands.measure_matching import digest_beginning

_NAME = "switch_matching"


class Command(BaseCommand):
    help = (
        "Met des poids de comparaison en service, partout à la fois. Refusé s’ils n’ont pas été"
        " mesurés ou sont moins bons ; --back remet ceux d’avant."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "model", nargs="?", default="", help="début du nom des poids ; « livrés » sinon"
        )
        parser.add_argument("--back", action="store_true", help="remet les poids d’avant")
        parser.add_argument("--force", action="store_true", help="malgré la mesure, avec --reason")
        parser.add_argument("--reason", default="", help="pourquoi, gardé avec la décision")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["back"] == bool(options["model"]):
            raise CommandError("Dites quels poids, ou --back.")
        actor, now = internal(_NAME), clock.now()
        try:
            if options["back"]:
                done = operations.switch_back(actor=actor, now=now, reason=options["reason"])
            else:
                with row_security.acting_as(actor, now=now):
                    digest = digest_beginning(options["model"])
                done = operations.switch_model(
                    actor=actor,
                    now=now,
                    digest=digest,
                    reason=options["reason"],
                    forced=options["force"],
                )
        except UnableTo as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"En service : poids {done.digest[:12] or 'livrés'}.")
        self.stdout.write("La prochaine nuit comparera tout contre tout.")
