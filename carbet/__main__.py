"""The `carbet` command: everything an operator or a developer starts, by its name."""

import argparse
import os
import signal
import sys
from types import FrameType

from carbet.config.commands.terminal import ROOT, UnableToContinue, complain

DESCRIPTION = "Carbet, les communs numériques de la santé en Guyane."


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the code of the process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carbet.config.settings")
    options = _parser().parse_args(arguments)
    if not options.command:
        _parser().print_help()
        return 0
    # A polite kill leaves by the same door as Ctrl-C: what was opened is closed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    from carbet.core.database_roles import UnableToPrepareDatabase
    from carbet.core.embedded_postgres import UnableToRunPostgres

    try:
        return _run(options)
    except (UnableToContinue, UnableToRunPostgres, UnableToPrepareDatabase) as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        complain("\nInterrompu.")
        return 130


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    from carbet.config.commands import importing

    parser = argparse.ArgumentParser(prog="carbet", description=DESCRIPTION, add_help=False)
    parser.add_argument("-h", "--help", action="help", help="montre cette aide")
    commands = parser.add_subparsers(dest="command", metavar="commande", title="commandes")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text)

    command("demo", "démarre tout, avec le territoire de démonstration")
    command("serve", "démarre tout, sans donnée de démonstration (production)")
    command("worker", "démarre un travailleur de fond de plus")
    command("migrate", "met la base au niveau du code")
    load = command("load", "charge le territoire de démonstration")
    load.add_argument("--persons", type=int, default=300, metavar="N", help="nombre de personnes")
    importing.arguments(command("import", "importe un annuaire : annuaire, finess, ror ou csv"))
    backup = command("backup", "sauvegarde la base dans un fichier")
    backup.add_argument("file", metavar="FICHIER")
    restore = command("restore", "remplace la base par une sauvegarde")
    restore.add_argument("file", metavar="FICHIER")
    command("doctor", "dit ce qui ne va pas, et comment le réparer")
    for name, text in (
        ("psql", "ouvre la base en ligne de commande (rôle propriétaire)"),
        ("manage", "passe une commande à Django"),
    ):
        commands.add_parser(name, help=text, add_help=False).add_argument(
            "rest", nargs=argparse.REMAINDER
        )
    return parser


def _run(options: argparse.Namespace) -> int:
    # Each command imports what it needs: a start does not pay for a backup.
    if options.command in ("demo", "serve", "worker"):
        from carbet.config.commands import serving

        return {"demo": serving.demo, "serve": serving.serve, "worker": serving.worker}[
            options.command
        ]()
    if options.command in ("backup", "restore"):
        from carbet.config.commands import backups

        act = backups.backup if options.command == "backup" else backups.restore
        return act(options.file)
    if options.command == "doctor":
        from carbet.config.commands import doctor

        return doctor.examine()
    return _work_on_database(options)


def _work_on_database(options: argparse.Namespace) -> int:
    import subprocess

    from carbet.config.commands import database

    if options.command == "manage":
        return _manage(options.rest)
    with database.opened():
        if options.command == "migrate":
            database.migrate(always=True)
        elif options.command == "load":
            database.migrate()
            database.load_territory(options.persons, only_if_absent=False)
        elif options.command == "import":
            from carbet.config.commands import importing

            database.migrate()
            return importing.run(options)
        elif options.command == "psql":
            program = database.client_program("psql")
            return subprocess.run([program, database.address("owner"), *options.rest]).returncode
    return 0


def _manage(arguments: list[str]) -> int:
    from django.core.management import execute_from_command_line

    from carbet.config.commands import database

    sys.path.insert(0, str(ROOT))
    with database.opened():
        execute_from_command_line(["carbet manage", *arguments])
    return 0


if __name__ == "__main__":
    sys.exit(main())
