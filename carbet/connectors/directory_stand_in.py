"""A stand-in for the Annuaire Santé and the ROR: it pages, throttles, fails and forgets like them.

    python -m carbet.connectors.directory_stand_in FOLDER --port 8090

gives the resources of the JSON files of a folder at http://127.0.0.1:8090/fhir/v2.
"""

import argparse
import json
import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]
PATH = "/fhir/v2"
# What may go wrong with one request, by its name.
FAULTS = ("401", "429", "500", "503", "cut", "garbage", "repeat", "lose", "elsewhere", "itself")


class StandIn:
    """A server of pages on this machine, whose faults are told beforehand.

    Args:
        resources: of each type, what it gives, in order.
        key: the ESANTE-API-KEY that it wants; none is checked when empty.
        client: (client_id, secret) that get a token at `token_url`; a bearer is then wanted.
        faults: number of the request, from 1: what happens to it.
    """

    def __init__(
        self,
        resources: Mapping[str, Sequence[Any]],
        *,
        page_size: int = 50,
        key: str = "",
        client: tuple[str, str] | None = None,
        faults: Mapping[int, str] | None = None,
        port: int = 0,
        total: bool = True,
    ) -> None:
        self.resources, self.page_size, self.key, self.client = resources, page_size, key, client
        self.faults, self.total = dict(faults or {}), total
        self.requests: list[str] = []
        self.token = ""
        self.tokens_given = 0
        self._pages: dict[str, tuple[str, Sequence[Any], int]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{PATH}"

    @property
    def token_url(self) -> str:
        return self.base.removesuffix(PATH) + "/token"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self) -> None:
        """Serve until interrupted."""
        self._thread.join()

    def give_token(self, said: dict[str, str]) -> Json | None:
        """Return a new token for the client, or None."""
        if (said.get("client_id"), said.get("client_secret")) != self.client:
            return None
        self.token = secrets.token_hex(8)
        self.tokens_given += 1
        return {"access_token": self.token, "token_type": "Bearer", "expires_in": 300}

    def is_known(self, headers: Any) -> bool:
        if self.key and headers.get("ESANTE-API-KEY") != self.key:
            return False
        return not self.client or (
            bool(self.token) and headers.get("Authorization") == f"Bearer {self.token}"
        )

    def forget_pages(self) -> None:
        """Forget the pages announced, as a server does after some time."""
        self._pages.clear()

    def page(self, path: str, said: dict[str, str], fault: str) -> Json | None:
        """Return the bundle of one page, or None when nothing is served there."""
        if path == "/_page":
            if said.get("id", "") not in self._pages:
                return None
            kind, rows, first = self._pages[said["id"]]
        else:
            kind, first = path.strip("/"), 0
            if kind not in self.resources:
                return None
            rows = _asked(self.resources[kind], said)
        if fault == "repeat":
            first = max(0, first - self.page_size)
        elif fault == "lose":
            first += self.page_size
        following = first + self.page_size
        links = [{"relation": "self", "url": f"{self.base}{path}"}]
        if following < len(rows):
            mark = secrets.token_hex(8)
            self._pages[mark] = (kind, rows, following)
            base = "http://ailleurs.example/fhir" if fault == "elsewhere" else self.base
            links.append({"relation": "next", "url": f"{base}/_page?id={mark}"})
            if fault == "itself":
                links[-1]["url"] = f"{self.base}/_page?id={said.get('id', mark)}"
        entries = [
            {
                "fullUrl": f"{self.base}/{each['resourceType']}/{each['id']}",
                "resource": each,
                "search": {"mode": "match"},
            }
            for each in rows[first:following]
        ]
        found: Json = {"resourceType": "Bundle", "type": "searchset", "link": links}
        if self.total:
            found["total"] = len(rows)
        return found | {"entry": entries} if entries else found


def _asked(rows: Sequence[Any], said: dict[str, str]) -> Sequence[Any]:
    """Return the resources changed since `_lastUpdated=ge…`, that bear the tag `_tag`."""
    since, tag = said.get("_lastUpdated", "").removeprefix("ge"), said.get("_tag", "")
    if since:
        horizon = datetime.fromisoformat(since)
        rows = [
            each for each in rows if datetime.fromisoformat(each["meta"]["lastUpdated"]) >= horizon
        ]
    if tag:
        rows = [
            each
            for each in rows
            if tag in {held.get("code") for held in each.get("meta", {}).get("tag", [])}
        ]
    return rows


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body leave together: apart, each page would wait for an acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, *args: object) -> None:
            """Say nothing: a request may carry a key."""

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            said = dict(parse_qsl(self.rfile.read(length).decode()))
            token = stand_in.give_token(said) if self.path == "/token" else None
            self.answer(200 if token else 401, token or {"error": "invalid_client"})

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            stand_in.requests.append(self.path)
            fault = stand_in.faults.get(len(stand_in.requests), "")
            if fault == "401":
                stand_in.token = ""
            if fault.isdigit():
                self.answer(int(fault), {"resourceType": "OperationOutcome"}, "0")
            elif not stand_in.is_known(self.headers):
                self.answer(401, {"resourceType": "OperationOutcome"})
            elif fault == "garbage":
                self.answer(200, {"resourceType": "OperationOutcome"})
            else:
                path, said = asked.path.removeprefix(PATH), dict(parse_qsl(asked.query))
                found = stand_in.page(path, said, fault)
                self.answer(200 if found else 404, found or {}, cut=fault == "cut")

        def answer(self, status: int, body: Json, again: str = "", *, cut: bool = False) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(content)))
            if again:
                self.send_header("Retry-After", again)
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)
            self.close_connection = self.close_connection or cut

    return Handler


def in_folder(folder: Path) -> dict[str, list[Json]]:
    """Return the resources of the JSON files of a folder, by type."""
    found: dict[str, list[Json]] = {}
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text())
        held: Iterable[Json] = (
            [each["resource"] for each in document.get("entry", [])]
            if document.get("resourceType") == "Bundle"
            else [document]
        )
        for resource in held:
            found.setdefault(resource["resourceType"], []).append(resource)
    return found


def main() -> None:
    """Serve a folder until interrupted."""
    parser = argparse.ArgumentParser(description="Annuaire de remplacement, pour essayer.")
    parser.add_argument("folder", type=Path, metavar="DOSSIER")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--page-size", type=int, default=50)
    options = parser.parse_args()
    held = in_folder(options.folder)
    for kind in ("Organization", "Practitioner", "Location", "HealthcareService"):
        held.setdefault(kind, [])
    held.setdefault("PractitionerRole", [])
    with StandIn(held, page_size=options.page_size, port=options.port) as server:
        print(server.base, flush=True)  # noqa: T201 - what a tester copies
        server.wait()


if __name__ == "__main__":
    main()
