"""Candidates come with what a search before any creation shows of them: one statement for both."""

from importlib import import_module

from django.db import migrations

FORMER = import_module("carbet.registries.patients.migrations.0008_search_by_traits").CANDIDATES
SIGNATURE = "patients_candidates(int[], int)"
AFTER = FORMER.replace(
    "shared bigint, base bigint)",
    "shared bigint, base bigint, birth_family text, birth_given text[], used_family text,"
    " gender text, birth_date date, birth_place_name text, city text)",
).replace(
    "c.reltuples::bigint\n",
    "c.reltuples::bigint, p.birth_family::text, p.birth_given::text[], p.used_family::text,"
    " p.gender::text, p.birth_date, p.birth_place_name::text, p.city::text\n",
)
GRANT = (
    f"REVOKE EXECUTE ON FUNCTION {SIGNATURE} FROM PUBLIC;"
    f" GRANT EXECUTE ON FUNCTION {SIGNATURE} TO carbet_app"
)
DROP = f"DROP FUNCTION {SIGNATURE}"


class Migration(migrations.Migration):
    dependencies = [("patients", "0008_search_by_traits")]

    operations = [migrations.RunSQL([DROP, AFTER, GRANT], [DROP, FORMER, GRANT])]
