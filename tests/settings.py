"""Settings of the tests: the house's own, on a throw-away server, with the application's role."""

import os
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
os.environ["CARBET_TEST"] = "1"
os.environ["CARBET_DEMONSTRATION"] = "1"
# A browser of the journeys leaves its loop running in the thread of the tests that come after.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
os.environ["CARBET_STATE_DIR"] = os.environ.get("CARBET_TEST_STATE", str(_ROOT / "var" / "test-pg"))
# The tests never touch the database that the developer works with.
for _variable in ("DATABASE_URL", "DATABASE_APP_URL", "CARBET_SOCKET_DIR"):
    os.environ.pop(_variable, None)

from carbet.config.settings import *  # noqa: E402, F403 - the environment comes first
from tests import database  # noqa: E402

DATABASES = database.settings()
# The cache stays inside the test's transaction: no test counts another's attempts.
DATABASE_ROUTERS = []
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# No static file was collected for a test.
WHITENOISE_AUTOREFRESH = True
