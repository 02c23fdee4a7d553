"""Give another system its identity at the FHIR door: a client id, a secret shown once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from carbet.core import clock
from carbet.core.actor import internal
from carbet.interop.fhir_api.choices import READ_SCOPE, WRITE_SCOPE
from carbet.registries.directory import operations as directory


class Command(BaseCommand):
    help = "Crée l’accès FHIR du logiciel d’une structure et affiche son secret, une seule fois."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, help="numéro FINESS ou interne")
        parser.add_argument("--name", required=True, help="nom du logiciel")
        parser.add_argument(
            "--read-only", action="store_true", help=f"sans la portée {WRITE_SCOPE}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = [READ_SCOPE] if options["read_only"] else [READ_SCOPE, WRITE_SCOPE]
        try:
            created = directory.create_system_client(
                actor=internal("create_system_client"),
                now=clock.now(),
                organization=options["organization"],
                name=options["name"],
                scopes=scopes,
            )
        except directory.UnableToCreateSystemClient as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"structure      {created.organization}")
        self.stdout.write(f"client_id      {created.client_id}")
        self.stdout.write(f"client_secret  {created.secret}")
        self.stdout.write("Le secret n’est gardé qu’en empreinte : notez-le maintenant.")
