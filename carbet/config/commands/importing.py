"""`carbet import`: bring an outside directory in, say how it goes, and what it changed."""

import argparse
import csv
import time
from pathlib import Path

from carbet.config.commands.terminal import UnableToContinue, complain, say

# How a source is called on the command line, and in the tables.
SOURCES = {"annuaire": "annuaire", "finess": "finess", "ror": "ror", "csv": "structures"}
SHOWN = 20
_EVERY = 1.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add to the parser what an import may be told."""
    parser.add_argument("source", choices=SOURCES, metavar="SOURCE", help=" | ".join(SOURCES))
    parser.add_argument(
        "file", nargs="?", metavar="FICHIER",
        help="fichier à lire (finess, csv : obligatoire) ; annuaire, ror : JSON ou dossier de JSON,"
        " à la place de l’API",
    )  # fmt: skip
    for name, text in (
        ("--dry-run", "essai à blanc : le rapport est fait, rien n’est changé"),
        ("--whole", "copie entière : ce qu’elle ne dit plus est fermé (finess : d’office)"),
        ("--partial", "extrait : rien n’est fermé"),
        ("--fresh", "abandonne l’import arrêté et recommence du début"),
        ("--everything", "demande tout à l’API, pas seulement ce qui a changé"),
        ("--force", "ferme même si beaucoup manque"),
        ("--invented-numbers", "accepte les numéros inventés des exemples officiels"),
    ):
        parser.add_argument(name, action="store_true", help=text)
    parser.add_argument("--encoding", default="", metavar="NOM", help="encodage du fichier")
    parser.add_argument("--report", metavar="FICHIER", help="écrit le rapport entier en CSV")


def run(options: argparse.Namespace) -> int:
    """Import as asked; 1 when it stopped, what was read being kept to go on from."""
    import django

    django.setup()
    from carbet.core.actor import internal
    from carbet.registries.directory import tasks
    from carbet.registries.directory.operations.imports import UnableToImport

    source = SOURCES[options.source]
    if options.whole and options.partial:
        raise UnableToContinue("--whole et --partial se contredisent.")
    if source in ("finess", "structures") and not options.file:
        raise UnableToContinue("Donnez le fichier à lire.")
    wish = tasks.Wish(
        source=source,
        dry_run=options.dry_run,
        whole=options.whole or (source == "finess" and not options.partial),
        fresh=options.fresh,
        everything=options.everything,
        force=options.force,
        invented_numbers=options.invented_numbers,
        encoding=options.encoding,
    )
    actor = internal("carbet import")
    begun = time.monotonic()
    try:
        if options.file:
            done = tasks.import_file(wish, Path(options.file), actor=actor, say=_patient_say())
        else:
            directory = tasks.directory_of(source)
            done = tasks.import_directory(wish, directory, actor=actor, say=_patient_say())
    except UnableToImport as error:
        complain(f"Import arrêté : {error}")
        complain("Rien n’a été changé ; la même commande reprendra où il s’est arrêté.")
        return 1
    tell(done, seconds=time.monotonic() - begun)
    if options.report:
        write_report(done, Path(options.report))
        say(f"Rapport entier : {options.report}")
    return 0


def _patient_say():
    last = [0.0]

    def tell_sometimes(text: str) -> None:
        if time.monotonic() - last[0] >= _EVERY:
            last[0] = time.monotonic()
            say(f"  {text}")

    return tell_sometimes


def tell(run, *, seconds: float) -> None:
    """Say what an import did, and the first lines that it rejected."""
    if run.dry_run:
        say("Essai à blanc : rien n’a été changé.")
    say(f"Import n° {run.pk} terminé en {seconds:.1f} s.".replace(".", ",", 1))
    for label, number in (
        ("lus", run.read),
        ("créés", run.created),
        ("modifiés", run.changed),
        ("inchangés", run.unchanged),
        ("fermés", run.closed),
        ("rejetés", run.rejected),
    ):
        say(f"  {label:<10} {number:>9}")
    if run.problem:
        say(f"  {run.problem}")
    rejected = run.lines.filter(outcome="rejected").order_by("pk")
    for line in rejected[:SHOWN]:
        place = f"ligne {line.line}" if line.line else f"page {line.page}" if line.page else ""
        said = " ".join(filter(None, (place, line.kind, line.source_id)))
        say(f"    {said} : {line.reason}")
    if run.lines.filter(outcome="rejected", reason__contains="incorrect (clé)").exists():
        say("    Des numéros ont une clé fausse. S’il s’agit d’exemples officiels, aux numéros")
        say("    inventés, ajoutez --invented-numbers : ils seront gardés sans rien ouvrir.")
    if run.rejected > SHOWN:
        say("    … la suite dans le rapport (--report FICHIER, ou la page « Imports »).")


def write_report(run, path: Path) -> None:
    """Write what became of each line, as a table."""
    from carbet.registries.directory import presenters

    with path.open("w", encoding="utf-8-sig", newline="") as target:
        csv.writer(target, delimiter=";").writerows(presenters.report_rows(run))
