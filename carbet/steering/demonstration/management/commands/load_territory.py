"""Load the demonstration territory from the command line."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from carbet.core import clock
from carbet.steering.demonstration import (
    activity,
    assessments,
    following,
    hospital,
    identity,
    loading,
    messaging,
    offer,
    rights,
    scheduling,
    secure_mail,
    services,
    shared_record,
    story,
    support,
)

DEFAULT_PERSONS = 300
DEFAULT_SEED = 973
MOST_PERSONS = 10_000_000


class Command(BaseCommand):
    help = "Charge le territoire de démonstration : lieux réels, personnes inventées."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--persons", type=int, default=DEFAULT_PERSONS, help="nombre de personnes inventées"
        )
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="graine du tirage")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["persons"] <= MOST_PERSONS:
            raise CommandError(f"Le nombre de personnes va de 0 à {MOST_PERSONS}.")
        now = clock.now()
        loaded = loading.load(
            persons_wanted=options["persons"], seed=options["seed"], now=now, say=self._progress
        )
        if self.stdout.isatty():
            self.stdout.write("")
        if settings.DEMONSTRATION:
            opened = following.open_accounts(now=now)
            added = following.follow(now=now, opened=opened)
            support.load(now=now, opened=opened)
            messaging.load(now=now)
            secure_mail.load(now=now)
            shared_record.load(now=now)
            hospital.load(now=now)
            assessments.load(now=now)
            offer.load(now=now)
            scheduling.load(now=now)
            rights.load(story.story_roles(), now=now)
            activity.load(now=now)
            services.load(now=now)
            identity.load(now=now)
            self.stdout.write(f"{len(opened)} comptes ouverts, {added} personnes déjà suivies.")
        if loaded.persons:
            self.stdout.write(
                f"{loaded.persons} personnes, {loaded.professionals} professionnels et"
                f" {loaded.structures} structures ajoutés en {loaded.seconds:.1f} s."
            )
        else:
            self.stdout.write(f"Rien à ajouter : {loaded.persons_found} personnes sont là.")

    def _progress(self, text: str) -> None:
        """Rewrite one line on a terminal, write one line each time elsewhere."""
        if self.stdout.isatty():
            sys.stdout.write(f"\r\x1b[K  {text}")
            sys.stdout.flush()
        else:
            self.stdout.write(f"  {text}")
