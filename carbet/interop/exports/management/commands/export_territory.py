"""Write the whole territory on disk, a bounded part at a time, and go on where it was stopped."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from carbet.core import clock
from carbet.interop.exports import tasks


class Command(BaseCommand):
    help = (
        "Écrit tout le territoire dans un dossier : FHIR NDJSON compressé, manifeste et empreintes."
        " Relancée après un arrêt, la même commande continue."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DOSSIER", type=Path)
        parser.add_argument("--reason", required=True, help="pourquoi, gardé dans la trace")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lines = tasks.write_territory(
                options["folder"],
                reason=options["reason"],
                now=clock.now(),
                say=lambda sentence: self.stdout.write(f"  {sentence}"),
            )
        except (OSError, tasks.UnableToWrite) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Territoire écrit : {lines} lignes dans {options['folder']}")
        self.stdout.write("Vérifiez avec : sha256sum -c empreintes.txt")
