"""Measure several sizes of territory, one after the other, and write the table."""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LAST = ROOT / "benchmarks" / "last.json"

# CPU ms a request, application and PostgreSQL together; growth from the smallest to the largest.
GATES = {
    "fhir read": (9, 1.2),
    "fhir identifier search": (9, 1.2),
    "name search, one wrong letter": (20, 1.5),
    "hospital name search, one wrong letter": (20, 1.5),
    "my patients": (15, 1.2),
    "hospital list, any depth": (15, 1.2),
    "add note": (15, 1.2),
    "record page": (35, 1.2),
}
MOST_QUERIES = 8
HEADS = (
    *("operation", "persons", "CPU ms (app + DB)", "gate", "growth (gate)", "× floor"),
    *("p50 / p95 ms, 1 conn.", "req/s, p50 / p95 ms, 16 conn.", "bytes", "queries", "errors"),
)

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,50000,1000000")
    parser.add_argument("--seconds", default="5")
    parser.add_argument("--rounds", default="3")
    parser.add_argument("--again", action="store_true", help="write the last table again")
    options = parser.parse_args()
    if not options.again:
        rows: list[Row] = []
        # Sizes take turns: a machine that slows down for a minute slows all of them.
        for _ in range(int(options.rounds)):
            for size in options.sizes.split(","):
                rows += _measured(size, options)
                LAST.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    print(table(json.loads(LAST.read_text())))


def _measured(size: str, options: argparse.Namespace) -> list[Row]:
    command = [sys.executable, "-m", "benchmarks.one_size", size]
    command += ["--seconds", options.seconds, "--rounds", "1"]
    rows = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            sys.stderr.write(line)
            if line.startswith("{"):
                rows.append(json.loads(line))
    if process.returncode:
        sys.exit(process.returncode)
    return rows


def table(rows: list[Row]) -> str:
    """Return the table in Markdown: medians of the turns, gates beside them."""
    measured: dict[tuple[str, int, int], list[Row]] = defaultdict(list)
    for row in rows:
        if "name" in row:
            measured[row["name"], row["persons"], row["connections"]].append(row)
    sizes = sorted({persons for _, persons, _ in measured})

    def of(field: str, name: str, size: int, connections: int = 1) -> float:
        return median(row[field] or 0 for row in measured[name, size, connections])

    def cpu(name: str, size: int) -> float:
        return median(row["cpu_app"] + row["cpu_db"] for row in measured[name, size, 1])

    def growth_of(name: str, size: int) -> float:
        """Return how much dearer than at the smallest size, turn by turn."""
        turns = zip(measured[name, sizes[0], 1], measured[name, size, 1], strict=False)
        used = (
            (few["cpu_app"] + few["cpu_db"], many["cpu_app"] + many["cpu_db"])
            for few, many in turns
        )
        return median(many / few for few, many in used)

    lines = [f"| {' | '.join(HEADS)} |", "|" + "---|" * len(HEADS)]
    for name in dict.fromkeys(name for name, _, _ in measured):
        gate, most_growth = GATES.get(name, (None, None))
        floor = f"floor {_floor_of(name)}"
        for size in sizes:
            used, growth = cpu(name, size), growth_of(name, size)
            every = [*measured[name, size, 1], *measured[name, size, 16]]
            queries = of("queries", name, size)
            cells = (
                name,
                f"{size:,}".replace(",", " "),
                (
                    f"**{used:.1f}** ({of('cpu_app', name, size):.1f}"
                    f" + {of('cpu_db', name, size):.1f}){_missed(used, gate)}"
                ),
                f"≤ {gate}" if gate else "–",
                f"{growth:.2f}{_missed(growth, most_growth)}"
                + (f" (≤ {most_growth})" if most_growth else ""),
                f"{used / cpu(floor, size):.1f}",
                f"{of('p50', name, size):.1f} / {of('p95', name, size):.1f}",
                (
                    f"{of('per_second', name, size, 16):.0f}, {of('p50', name, size, 16):.0f}"
                    f" / {of('p95', name, size, 16):.0f}"
                ),
                f"{of('bytes', name, size):.0f}",
                f"{queries:.0f}{_missed(queries, MOST_QUERIES)}" if queries else "–",
                f"{sum(row['errors'] for row in every):.0f}",
            )
            lines.append(f"| {' | '.join(cells)} |")
    held = {row["persons"]: row for row in rows if "memory_mb" in row}
    for row in held.values():
        pages, postgres = row["memory_mb"]["pages"], row["memory_mb"]["postgres"]
        lines += [
            "",
            (
                f"Memory after the run at {row['persons']:,} persons: page server"
                f" {sum(pages):.0f} MB ({' + '.join(f'{size:.0f}' for size in pages)}),"
                f" PostgreSQL {postgres:.0f} MB."
            ),
        ]
    return "\n".join(lines)


def _floor_of(name: str) -> str:
    if name.startswith("floor "):
        return name.removeprefix("floor ")
    if name == "add note":
        return "create"
    return "list" if "list" in name or "patients" in name or "name search" in name else "read"


def _missed(value: float, limit: float | None) -> str:
    return " ✗" if limit is not None and value > limit else ""


if __name__ == "__main__":
    main()
