"""What the operator reads: one French line a step, with its seconds."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent.parent


class UnableToContinue(Exception):
    """The command stops here; the French sentence says why and how to mend it."""


def say(sentence: str = "") -> None:
    """Write one line at once."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def complain(sentence: str) -> None:
    """Write one line where errors go."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


@contextlib.contextmanager
def step(label: str) -> Iterator[None]:
    """Announce a long step, then how many seconds it took."""
    begun = time.monotonic()
    sys.stdout.write(f"  {label}… ")
    sys.stdout.flush()
    try:
        yield
    except Exception:
        say("échec")
        raise
    except BaseException:
        say("interrompu")
        raise
    say(f"{time.monotonic() - begun:.1f} s".replace(".", ","))


def state_name(path: Path) -> str:
    """Return a path as an operator would type it from here."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def port(variable: str, default: int) -> int:
    """Return the port in the variable.

    Raises: UnableToContinue.
    """
    value = os.environ.get(variable, "") or str(default)
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise UnableToContinue(f"{variable} vaut « {value} » : donnez un port entre 1 et 65535.")
    return int(value)
