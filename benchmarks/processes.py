"""CPU time and memory of process trees, read from /proc: what survives a busy machine."""

import os
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> set[int]:
    """Return the process and all its descendants."""
    parents = {pid: int(fields[1]) for pid, fields in _every()}
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu_ms(root: int) -> float:
    """Return the CPU time used so far by a tree, dead children included, in milliseconds."""
    members = tree(root)
    ticks = 0
    for pid, fields in _every():
        if pid in members:
            ticks += int(fields[11]) + int(fields[12])
            if pid == root:
                ticks += int(fields[13]) + int(fields[14])
    return ticks * 1000 / TICKS


def memory_mb(root: int) -> list[float]:
    """Return the proportional memory of each process of a tree, the largest first, in MB."""
    found = []
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += [int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")]
    return sorted(found, reverse=True)


def _every() -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of /proc/<n>/stat, from its state on, of every process."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
