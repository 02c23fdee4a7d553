"""Identities known before are found under the keys of the matching."""

from django.db import migrations

from carbet.registries.matching import rules as matching

_BATCH = 2000


def write_keys(apps, schema_editor):
    """Write the keys of each identity again."""
    identity, ins, search = (
        apps.get_model("identity", name)
        for name in ("LocalIdentity", "IdentityIns", "IdentitySearch")
    )
    base = schema_editor.connection.alias
    numbers = dict(
        ins.objects.using(base)
        .filter(until__isnull=True)
        .values_list("identity_id", "value")
        .iterator(_BATCH)
    )
    waiting = []
    for row in identity.objects.using(base).filter(known=True).order_by("pk").iterator(_BATCH):
        traits = matching.Traits(
            birth_family=row.birth_family,
            birth_given=tuple(row.birth_given),
            birth_date=row.birth_date,
            birth_date_precision=row.birth_date_precision,
            gender=row.gender,
            birth_place_code=row.birth_place_code,
            used_family=row.used_family,
            used_given=row.used_given,
            ins=numbers.get(row.pk, ""),
            phone=row.phones[0] if row.phones else "",
            address=row.address_line,
            postal_code=row.postal_code,
            city=row.city,
        )
        keys = matching.blocking_keys(matching.prepare(traits))
        waiting.append(search(identity_id=row.pk, keys=keys))
        if len(waiting) == _BATCH:
            _write(search, base, waiting)
            waiting = []
    _write(search, base, waiting)


def _write(search, base, waiting):
    search.objects.using(base).bulk_create(
        waiting, update_conflicts=True, unique_fields=["identity"], update_fields=["keys"]
    )


class Migration(migrations.Migration):
    dependencies = [("identity", "0004_overlapping_visits")]

    operations = [migrations.RunPython(write_keys, migrations.RunPython.noop)]
