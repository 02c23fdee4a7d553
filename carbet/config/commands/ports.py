"""Who holds a port of this machine."""

import contextlib
import os
from pathlib import Path


def holder(number: int) -> str:
    """Return " par « name » (processus 123)", or an empty string when it cannot be known."""
    sockets = {f"socket:[{inode}]" for inode in _listening(number)}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for descriptor in (entry / "fd").iterdir():
                if os.readlink(descriptor) in sockets:
                    name = (entry / "comm").read_text().strip()
                    return f" par « {name} » (processus {entry.name})"
    return ""


def _listening(number: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                columns = line.split()
                # 0A is LISTEN; the local address is "hexadecimal:port".
                if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == number:
                    inodes.add(columns[9])
    return inodes
