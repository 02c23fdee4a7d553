"""Fill the territory: its communes and establishments, its invented professionals and persons.

Facts and story come row by row and are found again by their keys; the crowd comes by COPY, in
batches of bounded memory. Everything is written by the owner's role in one transaction: the house
is either as before or whole. Asking for more later adds the missing ones; asking again changes
nothing.
"""

import time
from datetime import datetime

from django.db import connections, transaction

from carbet.core.models import AuditEvent
from carbet.steering.demonstration import facts, orientation, story
from carbet.steering.demonstration.bulk import OWNER
from carbet.steering.demonstration.crowd import (
    Crowd,
    Loaded,
    Say,
    persons_found,
    professionals_for,
)


def load(*, persons_wanted: int, seed: int, now: datetime, say: Say) -> Loaded:
    """Bring the territory to `persons_wanted` invented persons, with all that surrounds them."""
    started = time.monotonic()
    loaded = Loaded()
    connection = connections[OWNER]
    with transaction.atomic(using=OWNER), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('carbet load_territory'))")
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        facts.load()
        story.load(now=now)
        orientation.load(now=now)
        found = persons_found(cursor, seed)
        loaded.persons_found = found
        if found < persons_wanted:
            crowd = Crowd(cursor, seed=seed, now=now, say=say)
            crowd.add_professionals(professionals_for(persons_wanted), loaded)
            crowd.add_persons(found, persons_wanted, loaded)
            AuditEvent.objects.using(OWNER).create(
                recorded_at=now,
                action=AuditEvent.Action.CREATE,
                operation="demonstration.load",
                actor_kind="internal",
                agent_name="Chargement du territoire de démonstration",
                entity=f"Patient x{loaded.persons}",
            )
        orientation.index()
    if loaded.persons:
        with connection.cursor() as cursor:
            # Else the first readers would mark the new rows as visible, one page after another.
            cursor.execute("VACUUM (ANALYZE)")
    loaded.seconds = time.monotonic() - started
    return loaded
