"""Persons by the million with nothing around them: what a search of ten million takes.

A whole territory of ten million would fill a disk with notes that no search of identities reads:
here are records and their writings alone, invented by other seeds than those asked about.
"""

import itertools
import subprocess
import sys
from contextlib import contextmanager

SEEDS = (101, 102)
BATCH = 5_000
TABLES = ("patients_patient", "patients_patienttraits")


def widen(persons: int) -> None:
    """Bring the records to `persons` in all, one process a core, the index made in the end."""
    from carbet.steering.demonstration.bulk import owner_cursor

    with owner_cursor() as cursor:
        cursor.execute("SELECT count(*), max(patient_id) FROM patients_patienttraits")
        held, last = cursor.fetchone()
        if held >= persons:
            return
        with _unbound(cursor):
            share = (persons - held) // len(SEEDS)
            works = [
                subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.widen", str(seed), str(share),
                     str(last + 1 + rank * share)]
                )
                for rank, seed in enumerate(SEEDS)
            ]  # fmt: skip
            if sum(work.wait() != 0 for work in works):
                raise SystemExit("the persons were not written")
        cursor.execute("SELECT setval(pg_get_serial_sequence('patients_patient', 'id'), %s)",
                       [last + persons])  # fmt: skip
        for table in TABLES:
            cursor.execute(f"VACUUM ANALYZE {table}")


@contextmanager
def _unbound(cursor):
    """Put triggers, foreign keys, indexes and what binds the owner aside, then back."""
    for table in TABLES:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER, NO FORCE ROW LEVEL SECURITY")
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = 'patients_patienttraits'::regclass AND NOT indisunique"
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'patients_patienttraits'::regclass AND contype = 'f'"
    )
    keys = cursor.fetchall()
    for name, _ in keys:
        cursor.execute(f'ALTER TABLE patients_patienttraits DROP CONSTRAINT "{name}"')
    yield
    cursor.execute("SET maintenance_work_mem = '2GB'; SET max_parallel_maintenance_workers = 2")
    for _, definition in indexes:
        cursor.execute(definition)
    for name, definition in keys:
        cursor.execute(f'ALTER TABLE patients_patienttraits ADD CONSTRAINT "{name}" {definition}')
    for table in TABLES:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER, FORCE ROW LEVEL SECURITY")


def write(seed: int, count: int, first: int) -> None:
    """Write `count` persons of a seed, numbered from `first`."""
    import django

    django.setup()

    from carbet.core import clock
    from carbet.registries.matching import rules as matching
    from carbet.registries.patients import synthetic
    from carbet.registries.patients.models import Patient, PatientTraits
    from carbet.registries.patients.rules import traits_of
    from carbet.steering.demonstration.bulk import Target, array, owner_cursor

    moment = clock.now().isoformat()
    patients = Target(
        Patient, "id", "birth_family", "birth_given", "used_family", "used_given", "gender",
        "birth_date", "birth_date_precision", "birth_place_code", "birth_place_name",
        "address_line", "postal_code", "city", "phone", "created_at", "updated_at",
    )  # fmt: skip
    traits = Target(PatientTraits, "patient_id", "source", "keys", "packed")
    numbers = itertools.count(first)
    with owner_cursor() as cursor:
        for batch in _batches(synthetic.persons(seed, count)):
            for person in batch:
                number = str(next(numbers))
                patients.add(
                    number, person.birth_family, array(person.birth_given), person.used_family,
                    person.used_given, person.gender, person.birth_date.isoformat(),
                    person.birth_date_precision, person.birth_place_code, person.birth_place_name,
                    person.address_line, person.postal_code, person.city, person.phone, moment,
                    moment,
                )  # fmt: skip
                prepared = matching.prepare(traits_of(person, ins=person.ins or ""))
                traits.add(
                    number, "0", array(matching.blocking_keys(prepared)), matching.pack(prepared)
                )
            patients.flush(cursor)
            traits.flush(cursor)


def _batches(stream):
    while batch := list(itertools.islice(stream, BATCH)):
        yield batch


if __name__ == "__main__":
    write(*map(int, sys.argv[1:]))
