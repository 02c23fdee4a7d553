"""PostgreSQL itself holds that two identities said different never stand in one group.

Asked at the end of the transaction, of what it moved or said only.
"""

from django.db import migrations, models

HELD = """
CREATE FUNCTION identity_apart_hold() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF (TG_TABLE_NAME = 'identity_localidentity' AND EXISTS (
        SELECT 1 FROM identity_localidentity l
        JOIN identity_pair p ON p.first_id = l.id AND p.state = 'different'
        JOIN identity_localidentity o ON o.id = p.second_id AND o.regional_id = l.regional_id
        WHERE l.id = NEW.id
        UNION ALL
        SELECT 1 FROM identity_localidentity l
        JOIN identity_pair p ON p.second_id = l.id AND p.state = 'different'
        JOIN identity_localidentity o ON o.id = p.first_id AND o.regional_id = l.regional_id
        WHERE l.id = NEW.id))
     OR (TG_TABLE_NAME = 'identity_pair' AND EXISTS (
        SELECT 1 FROM identity_pair p
        JOIN identity_localidentity a ON a.id = p.first_id
        JOIN identity_localidentity b ON b.id = p.second_id AND b.regional_id = a.regional_id
        WHERE p.id = NEW.id AND p.state = 'different')) THEN
    RAISE EXCEPTION 'two identities said different stand in one group'
      USING ERRCODE = '23514', CONSTRAINT = 'identity_apart_hold';
  END IF;
  RETURN NULL;
END $$
"""
TRIGGERS = [
    "CREATE CONSTRAINT TRIGGER apart_hold AFTER UPDATE OF regional_id"
    " ON identity_localidentity DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW WHEN (NEW.regional_id <> OLD.regional_id)"
    " EXECUTE FUNCTION identity_apart_hold()",
    "CREATE CONSTRAINT TRIGGER apart_hold AFTER INSERT OR UPDATE OF state ON identity_pair"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'different')"
    " EXECUTE FUNCTION identity_apart_hold()",
]
STATES = [
    ("open", "À décider"),
    ("proposed", "À confirmer par un autre agent"),
    ("same", "Même personne"),
    ("different", "Personnes différentes"),
    ("replaced", "Sans objet : une autre question la remplace"),
]


class Migration(migrations.Migration):
    dependencies = [("identity", "0010_mother_of_records")]

    operations = [
        *[
            migrations.AlterField(
                model_name=name,
                name="state",
                field=models.CharField(choices=STATES, default="open", max_length=9),
            )
            for name in ("pair", "pairevent")
        ],
        migrations.RunSQL(
            [HELD, "REVOKE EXECUTE ON FUNCTION identity_apart_hold() FROM PUBLIC", *TRIGGERS],
            [
                "DROP TRIGGER apart_hold ON identity_pair",
                "DROP TRIGGER apart_hold ON identity_localidentity",
                "DROP FUNCTION identity_apart_hold()",
            ],
        ),
    ]
