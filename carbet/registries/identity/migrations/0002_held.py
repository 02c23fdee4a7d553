"""What PostgreSQL itself holds of reconciliation: who sees what, and that nobody is lost.

No identity without a group nor in two (a column that is never null), no group in use left empty, a
merged identity in the domain and the group of its survivor, no chain of merges that loops. A record
moves, and comes back, in functions of the owner that write down each row they touch.
"""

from django.db import migrations

from carbet.core import row_security
from carbet.core.row_security import GRANTEES, IS_INTERNAL

# Whoever works in the identity cell: its purpose says so, and nobody enters it without a right.
IS_CELL = """
CREATE FUNCTION identity_is_cell() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM directory_organization o
    WHERE o.purpose = 'identity' AND 'org:' || o.id = ANY (%s)) $$
""" % GRANTEES  # noqa: UP031 - braces of SQL
OF_DOMAIN = """
CREATE FUNCTION identity_of_domain(asked bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM identity_identitydomain d
    WHERE d.id = asked AND 'org:' || d.organization_id = ANY (%s)) $$
""" % GRANTEES  # noqa: UP031
CELL = f"{IS_INTERNAL} OR identity_is_cell()"
LOCAL = f"{CELL} OR identity_of_domain(domain_id)"
# Seen by whoever sees the identity: its own policy answers inside.
BY_IDENTITY = (
    f"{CELL} OR EXISTS (SELECT 1 FROM identity_localidentity l WHERE l.id = identity_id)"
)
BY_GROUP = (
    f"{CELL} OR EXISTS (SELECT 1 FROM identity_localidentity l"
    " WHERE l.regional_id = identity_regionalidentity.id)"
)

WITH_SURVIVOR = [
    "ALTER TABLE identity_localidentity ADD CONSTRAINT identity_place"
    " UNIQUE (id, domain_id, regional_id)",
    "ALTER TABLE identity_localidentity ADD CONSTRAINT identity_stands_with_its_survivor"
    " FOREIGN KEY (survivor_id, domain_id, regional_id)"
    " REFERENCES identity_localidentity (id, domain_id, regional_id)"
    " DEFERRABLE INITIALLY DEFERRED",
]
NO_LOOP = """
CREATE FUNCTION identity_no_loop() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  step bigint := NEW.survivor_id;
BEGIN
  FOR hop IN 1..1000 LOOP
    EXIT WHEN step IS NULL;
    IF step = NEW.id THEN
      RAISE EXCEPTION 'a chain of merges loops' USING ERRCODE = '23514',
        CONSTRAINT = 'identity_no_loop';
    END IF;
    SELECT survivor_id INTO step FROM identity_localidentity WHERE id = step;
  END LOOP;
  RETURN NULL;
END $$
"""
NOT_EMPTY = """
CREATE FUNCTION identity_groups_hold() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  asked bigint[];
BEGIN
  IF TG_TABLE_NAME = 'identity_regionalidentity' THEN
    asked := ARRAY[NEW.id];
  ELSIF TG_OP = 'INSERT' THEN
    asked := ARRAY[NEW.regional_id];
  ELSE
    asked := ARRAY[NEW.regional_id, OLD.regional_id];
  END IF;
  IF EXISTS (SELECT 1 FROM identity_regionalidentity r WHERE r.id = ANY (asked)
             AND r.active <> EXISTS (SELECT 1 FROM identity_localidentity l
                                     WHERE l.regional_id = r.id)) THEN
    RAISE EXCEPTION 'a group in use has no identity, or a retired one has'
      USING ERRCODE = '23514', CONSTRAINT = 'identity_groups_hold';
  END IF;
  RETURN NULL;
END $$
"""
TRIGGERS = [
    "CREATE TRIGGER no_loop AFTER INSERT OR UPDATE OF survivor_id ON identity_localidentity"
    " FOR EACH ROW WHEN (NEW.survivor_id IS NOT NULL) EXECUTE FUNCTION identity_no_loop()",
    "CREATE CONSTRAINT TRIGGER groups_hold AFTER INSERT OR UPDATE OF regional_id"
    " ON identity_localidentity DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION identity_groups_hold()",
    "CREATE CONSTRAINT TRIGGER groups_hold AFTER INSERT OR UPDATE ON identity_regionalidentity"
    " DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION identity_groups_hold()",
]

CANDIDATES = f"""
CREATE FUNCTION identity_candidates(asked int[], most int)
RETURNS TABLE (identity_id bigint, shared bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT ({CELL}) THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT s.identity_id, (SELECT count(*) FROM unnest(s.keys) k WHERE k = ANY (asked)) AS n
    FROM identity_identitysearch s WHERE s.keys && asked
    ORDER BY n DESC, s.identity_id LIMIT most;
END $$
"""

# Every table that hangs on the record of a person, by its foreign key; not what says who they are.
PERSON_TABLES = """
CREATE FUNCTION identity_person_tables() RETURNS TABLE (oid oid, name text, person text, pk text)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT c.oid, c.relname::text, a.attname::text, k.attname::text
  FROM pg_constraint f
  JOIN pg_class c ON c.oid = f.conrelid
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = f.conkey[1]
  JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary AND i.indnatts = 1
  JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.indkey[0]
  WHERE f.contype = 'f' AND f.confrelid = 'patients_patient'::regclass
    AND cardinality(f.conkey) = 1 AND c.relname <> 'patients_patientsearch'
    AND c.relname NOT LIKE 'identity\\_%' $$
"""

DEPENDENTS = f"""
CREATE FUNCTION identity_dependents(person bigint) RETURNS TABLE (name text, rows bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  t record;
  n bigint;
BEGIN
  IF NOT ({CELL}) THEN
    RETURN;
  END IF;
  FOR t IN SELECT * FROM identity_person_tables() p ORDER BY p.name LOOP
    EXECUTE format('SELECT count(*) FROM %I WHERE %I = $1', t.name, t.person) INTO n USING person;
    IF n > 0 THEN
      name := t.name; rows := n;
      RETURN NEXT;
    END IF;
  END LOOP;
END $$
"""

# Where something was written, when and by whom, to tell whose it is; never what it says.
ENTRIES = f"""
CREATE FUNCTION identity_entries(person bigint)
RETURNS TABLE (name text, row_id bigint, written_at timestamptz, author text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  said text;
BEGIN
  IF NOT ({CELL}) THEN
    RETURN;
  END IF;
  SELECT string_agg(format(
      '(SELECT %L, %I, %I, author_name::text FROM %I WHERE %I = $1)',
      p.name, p.pk, moment.attname, p.name, p.person), ' UNION ALL ')
    INTO said
    FROM identity_person_tables() p
    JOIN LATERAL (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = p.oid
        AND a.attname IN ('occurred_at', 'authored_at', 'recorded_at', 'created_at', 'requested_at')
        ORDER BY array_position(ARRAY['occurred_at', 'authored_at', 'recorded_at', 'created_at',
                                      'requested_at'], a.attname::text) LIMIT 1) moment ON true
    WHERE EXISTS (SELECT 1 FROM pg_attribute a
                  WHERE a.attrelid = p.oid AND a.attname = 'author_name');
  IF said IS NOT NULL THEN
    RETURN QUERY EXECUTE said || ' ORDER BY 3 DESC NULLS LAST, 2 DESC LIMIT 200' USING person;
  END IF;
END $$
"""

# Moves the record of one person under another, parents before children. What cannot stand beside
# what the other has (one circle, one plan a person; the same nurse in both circles) stays, and what
# hangs on it stays with it; but what hung on the circle or the plan of the one hangs on the other's.
MOVE = f"""
CREATE FUNCTION identity_move_record(decision bigint, gone bigint, kept bigint) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  t record;
  f record;
  r record;
  waiting text[];
  folds jsonb := '{{}}';   -- {{table: {{row of the one: row of the other}}}}
  sets text;
  befores text;
  afters text;
  stands text;
  moved int := 0;
  n int;
  ready boolean;
  one bigint;
  other bigint;
  said timestamptz := carbet_now();
BEGIN
  IF NOT ({IS_INTERNAL}) THEN
    RAISE EXCEPTION 'records are moved by the house' USING ERRCODE = '42501';
  END IF;
  PERFORM 1 FROM patients_patient WHERE id IN (gone, kept) ORDER BY id FOR UPDATE;
  SELECT array_agg(name ORDER BY name) INTO waiting FROM identity_person_tables();
  WHILE cardinality(waiting) > 0 LOOP
    -- A table whose parents are done, or any when none is (tables that point at each other).
    SELECT p.* INTO t FROM identity_person_tables() p WHERE p.name = ANY (waiting)
      ORDER BY (SELECT count(*) FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = p.oid
        AND c.confrelid <> p.oid
        AND c.confrelid IN (SELECT q.oid FROM identity_person_tables() q
                            WHERE q.name = ANY (waiting))), p.name LIMIT 1;
    waiting := array_remove(waiting, t.name);
    -- One row a person: it folds into the other's.
    IF EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
               AND a.attnum = i.indkey[0] AND a.attname = t.person
               WHERE i.indrelid = t.oid AND i.indisunique AND i.indnatts = 1
                 AND i.indpred IS NULL) THEN
      EXECUTE format('SELECT a.%1$I, b.%1$I FROM %2$I a, %2$I b WHERE a.%3$I = $1 AND b.%3$I = $2',
                     t.pk, t.name, t.person) INTO one, other USING gone, kept;
      IF one IS NOT NULL THEN
        folds := folds || jsonb_build_object(t.name, jsonb_build_object(one::text, other));
        CONTINUE;
      END IF;
    END IF;
    sets := format('%I = %s', t.person, kept);
    befores := format('%L, x.%I', t.person, t.person);
    afters := format('%L, %s', t.person, kept);
    stands := 'true';
    FOR f IN SELECT a.attname::text AS col, p.name, p.person, p.pk, p.oid = t.oid AS own
             FROM pg_constraint c JOIN pg_attribute a
               ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
             JOIN identity_person_tables() p ON p.oid = c.confrelid
             WHERE c.contype = 'f' AND c.conrelid = t.oid AND cardinality(c.conkey) = 1 LOOP
      IF folds ? f.name THEN
        SELECT key::bigint, value::bigint INTO one, other FROM jsonb_each_text(folds -> f.name);
        sets := sets || format(', %1$I = CASE %1$I WHEN %2$s THEN %3$s ELSE %1$I END',
                               f.col, one, other);
        befores := befores || format(', %L, x.%I', f.col, f.col);
        afters := afters || format(', %L, CASE x.%I WHEN %s THEN %s ELSE x.%I END',
                                   f.col, f.col, one, other, f.col);
      ELSIF NOT f.own THEN
        stands := stands || format(' AND NOT EXISTS (SELECT 1 FROM %I y WHERE y.%I = x.%I'
          ' AND y.%I = %s)', f.name, f.pk, f.col, f.person, gone);
      END IF;
    END LOOP;
    IF t.name = 'patients_patientidentifier' THEN
      -- Two INS never stand side by side: the one that is not the survivor's stays.
      stands := stands || format(' AND NOT (x.type_code LIKE ''INS%%'' AND EXISTS (SELECT 1'
        ' FROM patients_patientidentifier y WHERE y.patient_id = %s AND y.type_code LIKE ''INS%%''))',
        kept);
    END IF;
    BEGIN
      EXECUTE format(
        'WITH old AS (SELECT x.%1$I AS id, jsonb_build_object(%2$s) AS before,'
        '  jsonb_build_object(%3$s) AS after FROM %4$I x WHERE x.%5$I = %6$s AND %7$s),'
        ' done AS (UPDATE %4$I SET %8$s FROM old WHERE %4$I.%1$I = old.id RETURNING old.*)'
        ' INSERT INTO identity_movement (reconciliation_id, "table", row_id, before, after)'
        ' SELECT %9$s, %10$L, id, before, after FROM done ORDER BY id',
        t.pk, befores, afters, t.name, t.person, gone, stands, sets, decision, t.name);
      GET DIAGNOSTICS n = ROW_COUNT;
      moved := moved + n;
    EXCEPTION WHEN unique_violation OR exclusion_violation THEN
      FOR r IN EXECUTE format('SELECT x.%I AS id FROM %I x WHERE x.%I = $1 AND %s ORDER BY 1',
                              t.pk, t.name, t.person, stands) USING gone LOOP
        BEGIN
          EXECUTE format(
            'WITH old AS (SELECT x.%1$I AS id, jsonb_build_object(%2$s) AS before,'
            '  jsonb_build_object(%3$s) AS after FROM %4$I x WHERE x.%1$I = $1),'
            ' done AS (UPDATE %4$I SET %5$s FROM old WHERE %4$I.%1$I = old.id RETURNING old.*)'
            ' INSERT INTO identity_movement (reconciliation_id, "table", row_id, before, after)'
            ' SELECT %6$s, %7$L, id, before, after FROM done',
            t.pk, befores, afters, t.name, sets, decision, t.name) USING r.id;
          moved := moved + 1;
        EXCEPTION WHEN unique_violation OR exclusion_violation THEN
          NULL;  -- stays where it is
        END;
      END LOOP;
    END;
  END LOOP;
  -- Whoever could enter the one may enter the other; a second key to the same door ends.
  FOR r IN SELECT g.id, to_jsonb(g) AS before, EXISTS (
             SELECT 1 FROM core_accessgrant k WHERE k.patient_id = kept AND k.grantee = g.grantee
               AND k.source = g.source AND k.level >= g.level AND k.valid_from <= said
               AND (k.valid_until IS NULL OR k.valid_until >= COALESCE(g.valid_until, 'infinity'))
           ) AS twice
           FROM core_accessgrant g WHERE g.patient_id = gone
             AND (g.valid_until IS NULL OR g.valid_until > said) ORDER BY g.id LOOP
    IF r.twice THEN
      UPDATE core_accessgrant SET valid_until = greatest(said, valid_from) WHERE id = r.id;
    ELSE
      UPDATE core_accessgrant SET patient_id = kept WHERE id = r.id;
    END IF;
    INSERT INTO identity_movement (reconciliation_id, "table", row_id, before, after)
      SELECT decision, 'core_accessgrant', g.id,
        CASE WHEN r.twice THEN jsonb_build_object('valid_until', r.before -> 'valid_until')
             ELSE jsonb_build_object('patient_id', gone) END,
        CASE WHEN r.twice THEN jsonb_build_object('valid_until', to_jsonb(g) -> 'valid_until')
             ELSE jsonb_build_object('patient_id', kept) END
      FROM core_accessgrant g WHERE g.id = r.id;
    moved := moved + 1;
  END LOOP;
  INSERT INTO identity_movement (reconciliation_id, "table", row_id, before, after)
    SELECT decision, 'patients_patient', id, jsonb_build_object('active', active),
      '{{"active": false}}' FROM patients_patient WHERE id = gone AND active;
  UPDATE patients_patient SET active = false WHERE id = gone AND active;
  RETURN moved;
END $$
"""

# Moves chosen rows of one record to another, with what hangs on them: two persons had one record.
CARRY = f"""
CREATE FUNCTION identity_carry_row(decision bigint, what text, which bigint, source bigint,
                                   target bigint) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  t record;
  f record;
  child bigint;
  n int;
BEGIN
  IF NOT ({IS_INTERNAL}) THEN
    RAISE EXCEPTION 'records are moved by the house' USING ERRCODE = '42501';
  END IF;
  SELECT * INTO t FROM identity_person_tables() p WHERE p.name = what;
  IF t.name IS NULL THEN
    RETURN 0;
  END IF;
  EXECUTE format(
    'WITH done AS (UPDATE %1$I SET %2$I = $3 WHERE %3$I = $1 AND %2$I = $2 RETURNING %3$I AS id)'
    ' INSERT INTO identity_movement (reconciliation_id, "table", row_id, before, after)'
    ' SELECT $4, %4$L, id, jsonb_build_object(%5$L, $2), jsonb_build_object(%5$L, $3) FROM done',
    t.name, t.person, t.pk, t.name, t.person) USING which, source, target, decision;
  GET DIAGNOSTICS n = ROW_COUNT;
  IF n = 0 THEN
    RETURN 0;
  END IF;
  FOR f IN SELECT p.name, p.pk, p.person, a.attname::text AS col
           FROM pg_constraint c JOIN identity_person_tables() p ON p.oid = c.conrelid
           JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
           WHERE c.contype = 'f' AND c.confrelid = t.oid AND cardinality(c.conkey) = 1 LOOP
    FOR child IN EXECUTE format('SELECT %I FROM %I WHERE %I = $1 AND %I = $2',
                                f.pk, f.name, f.col, f.person) USING which, source LOOP
      n := n + identity_carry_row(decision, f.name, child, source, target);
    END LOOP;
  END LOOP;
  RETURN n;
END $$
"""

# Puts back every row that a decision moved, the last first. A row that somebody moved since is
# returned, and stays.
RESTORE = f"""
CREATE FUNCTION identity_restore(decision bigint)
RETURNS TABLE (name text, row_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  m record;
  pk text;
  columns text;
  n int;
BEGIN
  IF NOT ({IS_INTERNAL}) THEN
    RAISE EXCEPTION 'records are moved by the house' USING ERRCODE = '42501';
  END IF;
  FOR m IN SELECT * FROM identity_movement v WHERE v.reconciliation_id = decision
           ORDER BY v.id DESC LOOP
    SELECT a.attname INTO pk FROM pg_index i JOIN pg_attribute a
      ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      WHERE i.indrelid = m."table"::regclass AND i.indisprimary;
    SELECT string_agg(format('%I', key), ', ' ORDER BY key) INTO columns
      FROM jsonb_object_keys(m.before) key;
    EXECUTE format(
      'UPDATE %1$I SET (%2$s) = (SELECT %2$s FROM jsonb_populate_record(NULL::%1$I, $1))'
      ' WHERE %3$I = $2 AND to_jsonb(%1$I) @> $3',
      m."table", columns, pk) USING m.before, m.row_id, m.after;
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n = 0 THEN
      name := m."table"; row_id := m.row_id;
      RETURN NEXT;
    END IF;
  END LOOP;
END $$
"""

SIGNATURES = {
    "identity_is_cell()": IS_CELL,
    "identity_of_domain(bigint)": OF_DOMAIN,
    "identity_no_loop()": NO_LOOP,
    "identity_groups_hold()": NOT_EMPTY,
    "identity_candidates(int[], int)": CANDIDATES,
    "identity_person_tables()": PERSON_TABLES,
    "identity_dependents(bigint)": DEPENDENTS,
    "identity_entries(bigint)": ENTRIES,
    "identity_move_record(bigint, bigint, bigint)": MOVE,
    "identity_carry_row(bigint, text, bigint, bigint, bigint)": CARRY,
    "identity_restore(bigint)": RESTORE,
}


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0001_initial"),
        ("core", "0004_categories"),
        ("patients", "0002_row_security"),
    ]

    operations = [
        # Carbet is a domain like the others.
        migrations.RunSQL(
            "INSERT INTO identity_identitydomain (slug, name, oid, system, quality, opened_at)"
            " VALUES ('carbet', 'Carbet', '', '', 'followed', now())",
            "DELETE FROM identity_identitydomain WHERE slug = 'carbet'",
        ),
        *[
            migrations.RunSQL(
                [
                    body,
                    f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC",
                    f"GRANT EXECUTE ON FUNCTION {signature} TO carbet_app",
                ],
                f"DROP FUNCTION {signature}",
            )
            for signature, body in SIGNATURES.items()
        ],
        row_security.policies(
            "identity_localidentity", select=LOCAL, insert=IS_INTERNAL, update=IS_INTERNAL
        ),
        row_security.policies(
            "identity_localidentityevent", select=LOCAL, insert="true", update=None
        ),
        row_security.policies(
            "identity_regionalidentity", select=BY_GROUP, insert=IS_INTERNAL, update=IS_INTERNAL
        ),
        row_security.policies(
            "identity_regionalidentityevent", select=CELL, insert="true", update=None
        ),
        row_security.policies(
            "identity_identitysearch", select=CELL, insert=IS_INTERNAL, update=IS_INTERNAL
        ),
        row_security.policies(
            "identity_identityins", select=BY_IDENTITY, insert=IS_INTERNAL, update=IS_INTERNAL
        ),
        row_security.policies(
            "identity_identityproof", select=BY_IDENTITY, insert=IS_INTERNAL, update=None
        ),
        row_security.policies(
            "identity_reconciliation", select=CELL, insert=IS_INTERNAL, update=None
        ),
        row_security.policies("identity_movement", select=CELL, insert=IS_INTERNAL, update=None),
        row_security.policies(
            "identity_pair", select=CELL, insert=IS_INTERNAL, update=IS_INTERNAL
        ),
        row_security.policies("identity_pairevent", select=CELL, insert="true", update=None),
        row_security.policies(
            "identity_domainnotice",
            select=LOCAL,
            insert=IS_INTERNAL,
            update=f"{IS_INTERNAL} OR identity_of_domain(domain_id)",
        ),
        migrations.RunSQL(
            WITH_SURVIVOR,
            [
                "ALTER TABLE identity_localidentity"
                " DROP CONSTRAINT identity_stands_with_its_survivor",
                "ALTER TABLE identity_localidentity DROP CONSTRAINT identity_place",
            ],
        ),
        migrations.RunSQL(
            TRIGGERS,
            [
                "DROP TRIGGER no_loop ON identity_localidentity",
                "DROP TRIGGER groups_hold ON identity_localidentity",
                "DROP TRIGGER groups_hold ON identity_regionalidentity",
            ],
        ),
        # A grant only ends, for the application; the move of a whole record carries it.
        migrations.RunSQL(
            "ALTER POLICY only_ends ON core_accessgrant TO carbet_app",
            "ALTER POLICY only_ends ON core_accessgrant TO PUBLIC",
        ),
    ]
