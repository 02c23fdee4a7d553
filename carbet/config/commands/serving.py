"""Run the house: page server, live-event server and worker, watched over until Ctrl-C."""

import contextlib
import fcntl
import hashlib
import http.client
import importlib.util
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import psycopg

from carbet.config import environment
from carbet.config.commands import database
from carbet.config.commands.ports import holder
from carbet.config.commands.terminal import ROOT, UnableToContinue, complain, port, say, step
from carbet.connectors.pro_sante_connect_stand_in import DESCRIPTION
from carbet.core.embedded_postgres import Server
from carbet.core.identifiers import idnps_from_rpps
from carbet.core.supervisor import Service, Supervisor, clear_remains
from carbet.registries.accounts.rules import DEMONSTRATION_PASSWORD
from carbet.registries.directory.synthetic import STORY_NEWCOMERS, STORY_PRACTITIONERS

DEMONSTRATION_PERSONS = 300
# Registered for HL7 over MLLP.
MLLP_PORT = 2575


@dataclass(frozen=True)
class Address:
    """Where the house answers."""

    host: str
    page_port: int
    live_port: int
    # Where hospitals send, 0 for nowhere.
    mllp_port: int

    @property
    def public(self) -> str:
        return os.environ.get("CARBET_PUBLIC_URL", f"http://localhost:{self.page_port}")

    @property
    def live(self) -> str:
        return os.environ.get("CARBET_LIVE_URL", f"http://localhost:{self.live_port}")

    @classmethod
    def from_environment(cls) -> "Address":
        return cls(
            host=os.environ.get("CARBET_BIND", "127.0.0.1"),
            page_port=port("CARBET_PORT", 8000),
            live_port=port("CARBET_LIVE_PORT", 8001),
            mllp_port=0
            if os.environ.get("CARBET_MLLP_PORT") == "0"
            else port("CARBET_MLLP_PORT", MLLP_PORT),
        )


def demo() -> int:
    """Run everything with the demonstration territory, and print address and accounts."""
    os.environ["CARBET_DEMONSTRATION"] = "1"
    return _serve(demonstration=True)


def serve() -> int:
    """Run everything for production: no demonstration data, no account printed."""
    return _serve(demonstration=False)


def worker() -> int:
    """Run one more worker beside the others."""
    with database.opened() as server:
        with Supervisor(mark=f"worker {os.getpid()}", say=complain) as supervisor:
            _watch(supervisor, server)
            supervisor.start(_worker())
            say("Travaux de fond en cours. Ctrl-C pour arrêter.")
            supervisor.run()
    return 0


def _serve(*, demonstration: bool) -> int:
    begun = time.monotonic()
    address = Address.from_environment()
    # The links in the pages and the live server's origin follow the ports.
    os.environ["CARBET_PUBLIC_URL"] = address.public
    os.environ["CARBET_LIVE_URL"] = address.live
    mark = str(environment.state_dir().resolve())
    say("Carbet")
    with _only_one_here(address):
        # Whoever was killed before us may have left servers on our ports.
        clear_remains(mark)
        for number in (address.page_port, address.live_port):
            _check_free(address.host, number)
        address = _with_mllp(address, demonstration=demonstration)
        stand_in = _prepare_stand_in(address) if demonstration else None
        with database.opened() as server:
            # Static files know nothing of the database: a first start prepares both at once.
            with ThreadPoolExecutor(max_workers=1) as other_core:
                static = other_core.submit(collect_static)
                database.migrate()
                if demonstration:
                    database.load_territory(DEMONSTRATION_PERSONS)
                if not static.done():
                    with step("Préparation des fichiers statiques"):
                        static.result()
                static.result()
            with Supervisor(mark=mark, say=complain) as supervisor:
                _watch(supervisor, server)
                if stand_in is not None:
                    supervisor.start(stand_in)
                if _start_services(supervisor, address):
                    seconds = time.monotonic() - begun
                    _welcome(address, demonstration=demonstration, seconds=seconds)
                    supervisor.run()
                say("\nArrêt en cours…")
    say("Carbet est arrêté.")
    return 0


def _watch(supervisor: Supervisor, server: Server | None) -> None:
    """Have the supervisor start our PostgreSQL again when it dies."""
    if server is None:
        return

    def guard() -> None:
        if not server.alive():
            complain("PostgreSQL : arrêt inattendu, relance")
            server.ensure()

    supervisor.watch(guard)


def _start_services(supervisor: Supervisor, address: Address) -> bool:
    """Start the three services; tell whether pages answer (False: a stop was asked meanwhile)."""
    with step("Démarrage des serveurs"):
        supervisor.start(_page_server(address))
        if not _wait_until_it_answers(supervisor, address):
            return False
    # A person can work already: these two come up while she signs in.
    if importlib.util.find_spec("carbet.config.asgi") is not None:
        supervisor.start(_live_server(address))
    else:
        say("  (serveur d'événements absent : les écrans ne se mettent pas à jour seuls)")
    supervisor.start(_worker())
    if address.mllp_port:
        supervisor.start(_mllp_server())
    return True


def _with_mllp(address: Address, *, demonstration: bool) -> Address:
    """Return the address with the port where hospitals send; a demonstration takes a free one."""
    if not address.mllp_port:
        return address
    host = os.environ.get("CARBET_MLLP_BIND", "127.0.0.1")
    if demonstration:
        address = replace(address, mllp_port=_free_port(host, address.mllp_port))
    else:
        _check_free(host, address.mllp_port)
    os.environ["CARBET_MLLP_PORT"] = str(address.mllp_port)
    return address


def _prepare_stand_in(address: Address) -> Service | None:
    """Return the stand-in for Pro Santé Connect, unless the true one is set up; tell the house."""
    if os.environ.get("CARBET_PSC_ISSUER"):
        return None
    number = _free_port(address.host, port("CARBET_PSC_PORT", address.page_port + 2))
    issuer = f"http://{urlsplit(address.public).hostname}:{number}"
    client = {"client_id": "carbet", "secret": secrets.token_urlsafe(24)}
    os.environ |= {
        "CARBET_PSC_ISSUER": issuer,
        "CARBET_PSC_CLIENT_ID": client["client_id"],
        "CARBET_PSC_CLIENT_SECRET": client["secret"],
        "CARBET_PSC_STAND_IN": "1",
    }
    described = client | {
        "issuer": issuer,
        "host": address.host,
        "port": number,
        "redirect_uris": [f"{address.public}/compte/pro-sante-connect/retour/"],
        "logout_uris": [f"{address.public}/compte/connexion/"],
        "holders": [
            {
                "subject_name_id": idnps_from_rpps(person.rpps),
                "family": person.family,
                "given": person.given,
                "title": person.part,
            }
            for person in (*STORY_PRACTITIONERS, *STORY_NEWCOMERS)
            if person.rpps
        ],
    }
    command = [sys.executable, "-m", "carbet.connectors.pro_sante_connect_stand_in"]
    return Service(
        "Bouchon Pro Santé Connect",
        command,
        {DESCRIPTION: json.dumps(described), "PYTHONPATH": str(ROOT)},
    )


def _free_port(host: str, wanted: int) -> int:
    """Return the port wanted, or another when it is taken: nobody types this one."""
    for number in (wanted, 0):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, number))
            except (OSError, OverflowError):
                continue
            return int(trial.getsockname()[1])
    raise UnableToContinue("Aucun port libre pour le bouchon Pro Santé Connect.")


def _page_server(address: Address) -> Service:
    command = _granian("wsgi", "carbet.config.wsgi:application", address.host, address.page_port)
    workers = os.environ.get("CARBET_WORKERS", "2")
    command += ["--workers", workers, "--blocking-threads", "2", "--respawn-failed-workers"]
    return Service("Serveur de pages", command)


def _live_server(address: Address) -> Service:
    command = _granian("asgi", "carbet.config.asgi:application", address.host, address.live_port)
    return Service("Serveur d'événements", [*command, "--workers", "1", "--respawn-failed-workers"])


def _mllp_server() -> Service:
    command = [sys.executable, "-m", "carbet.config.mllp"]
    return Service("Réception des hôpitaux", command, {"PYTHONPATH": str(ROOT)})


def _granian(interface: str, target: str, host: str, number: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian", "--interface", interface, target),
        *("--host", host, "--port", str(number), "--working-dir", str(ROOT)),
        *("--log-level", "warning", "--workers-kill-timeout", "5"),
    ]


def _worker() -> Service:
    command = [sys.executable, "-m", "django", "procrastinate", "--skip-checks", "worker"]
    settings = {"DJANGO_SETTINGS_MODULE": "carbet.config.settings", "PYTHONPATH": str(ROOT)}
    return Service("Travaux de fond", command, settings)


def _wait_until_it_answers(supervisor: Supervisor, address: Address) -> bool:
    limit = time.monotonic() + 40
    while time.monotonic() < limit:
        if _answers(address):
            return True
        if supervisor.stop_asked(within=0.1):
            return False
        supervisor.tend()
    raise UnableToContinue(
        "Le serveur de pages ne répond pas après 40 s. Son erreur est écrite ci-dessus ; "
        "« carbet doctor » peut en dire plus."
    )


def _answers(address: Address) -> bool:
    connection = http.client.HTTPConnection(address.host, address.page_port, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": "localhost"})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


@contextlib.contextmanager
def _only_one_here(address: Address) -> Iterator[None]:
    """Hold the state folder, and tell who else does."""
    folder = environment.state_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with open(os.open(folder / "serving.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who, _, where = file.read().partition(" ")
            raise UnableToContinue(
                f"Carbet tourne déjà ici : {where} (processus {who}). "
                f"Arrêtez-le par Ctrl-C dans son terminal, ou par « kill {who} »."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()} {address.public}")
        file.flush()
        yield


def who_serves() -> str:
    """Return the process and address of the house that runs on this state folder, if any."""
    path = environment.state_dir() / "serving.lock"
    if not path.exists():
        return ""
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            who, _, where = file.read().partition(" ")
            return f"processus {who}, {where}"
    return ""


def _check_free(host: str, number: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, number))
        except PermissionError:
            raise UnableToContinue(f"Le port {number} demande les droits de root.") from None
        except OSError:
            variable = {
                port("CARBET_PORT", 8000): "CARBET_PORT",
                port("CARBET_MLLP_PORT", MLLP_PORT): "CARBET_MLLP_PORT",
            }.get(number, "CARBET_LIVE_PORT")
            raise UnableToContinue(
                f"Le port {number} est déjà pris{holder(number)}. Libérez-le, ou choisissez-en un "
                f"autre, par exemple : {variable}={number + 100} make run"
            ) from None


def collect_static() -> None:
    """Gather, fingerprint and compress the static files, when one of them changed."""
    wanted = _static_digest()
    mark = environment.state_dir() / "static.digest"
    if mark.exists() and mark.read_text() == wanted:
        return
    database.django("collectstatic", "--no-input", "--clear", "--verbosity=0")
    mark.write_text(wanted)


def _static_digest() -> str:
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    digest.update((ROOT / "carbet/config/settings.py").read_bytes())
    digest.update(str(environment.state_dir()).encode())
    for folder in sorted((ROOT / "carbet").glob("**/static")):
        for path in sorted(folder.rglob("*")):
            status = path.stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()


def _welcome(address: Address, *, demonstration: bool, seconds: float) -> None:
    say(f"\nCarbet est prêt ({seconds:.1f} s) : {address.public}".replace(".", ",", 1))
    if demonstration:
        _show_accounts()
    if address.mllp_port:
        say(f"Messages d’hôpitaux (HL7 v2, MLLP) : port {address.mllp_port}.")
    say("Ctrl-C pour arrêter.")


def _show_accounts() -> None:
    accounts = _demonstration_accounts()
    if not accounts:
        say("(pas encore de compte de démonstration)")
        return
    width = max(len(email) for email, _ in accounts)
    say(f"\nComptes de démonstration (mot de passe de tous : {DEMONSTRATION_PASSWORD})")
    for email, label in accounts:
        say(f"  {email:<{width}}  {label}")
    say("Le code demandé ensuite s'affiche sur la page.\n")


def _demonstration_accounts() -> list[tuple[str, str]]:
    # Without Django: this process stays small for as long as the house runs.
    with psycopg.connect(database.address("owner"), connect_timeout=5) as connection:
        return connection.execute(
            "SELECT email, demonstration_label FROM accounts_account"
            " WHERE demonstration_label <> '' ORDER BY id LIMIT 30"
        ).fetchall()
