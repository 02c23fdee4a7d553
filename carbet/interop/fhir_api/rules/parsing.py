"""Read the bytes of a request as JSON that has one meaning only."""

import json
from typing import Any, NoReturn

import orjson

from carbet.core.fhir import Json, refuse


def parse(body: bytes) -> Json:
    """Return the JSON object that the bytes say, in one way only.

    Refused: another encoding than UTF-8, a byte order mark, NaN and numbers beyond a double, a key
    said twice in an object, a thousand levels.

    Raises:
        Refused: 400, with what is wrong.
    """
    if not body.strip():
        raise refuse(400, "structure", "Le corps de la requête est vide.")
    try:
        # The strict parser first: fast, and bounded in depth.
        orjson.loads(body)
        found = json.loads(body, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise refuse(400, "structure", "JSON trop profond.") from error
    except orjson.JSONDecodeError as error:
        raise refuse(
            400, "structure", f"JSON illisible (ligne {error.lineno}, colonne {error.colno})."
        ) from error
    except ValueError as error:
        raise refuse(400, "structure", "JSON illisible.") from error
    if not isinstance(found, dict):
        raise refuse(400, "structure", "Une ressource FHIR est un objet JSON.")
    return found


def _once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise refuse(400, "structure", f"La clé « {twice[:40]} » est dite deux fois.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
