"""Put messages behind the house's door, and stays behind the door of the record."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.row_security import IS_INTERNAL


class Migration(migrations.Migration):
    dependencies = [("hospital_feed", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.policies(
            "hospital_feed_hospitalmessage",
            select=IS_INTERNAL,
            insert=IS_INTERNAL,
            update=IS_INTERNAL,
        ),
        row_security.policies(
            "hospital_feed_rawmessage", select=IS_INTERNAL, insert=IS_INTERNAL, update=None
        ),
        row_security.protect("hospital_feed_encounter"),
        row_security.protect_events("hospital_feed_encounterevent"),
        row_security.protect("hospital_feed_movement"),
        row_security.protect_events("hospital_feed_movementevent"),
    ]
