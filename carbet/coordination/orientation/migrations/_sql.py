"""The search table's own SQL: what an entry is made of, and the triggers that keep it true."""

# Small letters without accents; the endings by which one and the same trade is written.
FOLD = r"""
CREATE FUNCTION orientation_fold(said text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = public, pg_catalog AS $$
  SELECT regexp_replace(regexp_replace(regexp_replace(
           regexp_replace(lower(unaccent(COALESCE(said, ''))), '[^a-z0-9]+', ' ', 'g'),
           '(olog)(ues?)\M', '\1ie', 'g'),
           '(i)eres?\M', '\1er', 'g'),
           'therapeutes?\M', 'therapie', 'g')
$$
"""

WORDS = """
CREATE FUNCTION orientation_words(said text) RETURNS tsvector LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = public, pg_catalog AS
$$ SELECT to_tsvector('pg_catalog.french', orientation_fold(said)) $$
"""

# Labels of codes, whatever the edition of the nomenclature.
LABELS = """
CREATE FUNCTION orientation_labels(nomenclature_begins text, codes text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = public, pg_catalog AS $$
  SELECT string_agg(t.label, ' ; ') FROM directory_term t
  WHERE t.code = ANY (codes) AND starts_with(t.nomenclature, nomenclature_begins)
$$
"""

FACETS = """
CREATE FUNCTION orientation_facets(sign text, codes text[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT array_to_tsvector(ARRAY(
    SELECT sign || ':' || code FROM unnest(codes) AS code WHERE code <> ''))
$$
"""

# Pairs of minutes of the week, the end excluded; a stretch over midnight ends the next day.
HOURS = """
CREATE FUNCTION orientation_hours(services bigint[]) RETURNS integer[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = public, pg_catalog AS $$
  SELECT array_agg(minute ORDER BY rank, side) FROM (
    SELECT row_number() OVER () AS rank, (h.weekday - 1) * 1440 AS midnight,
           COALESCE(extract(hour FROM h.opens_at) * 60 + extract(minute FROM h.opens_at), 0)::int
             AS opens,
           COALESCE(extract(hour FROM h.closes_at) * 60 + extract(minute FROM h.closes_at),
                    1440)::int AS closes
    FROM directory_openinghours h
    WHERE h.service_id = ANY (services)
      AND (h.valid_until IS NULL OR h.valid_until > (carbet_now() AT TIME ZONE 'America/Cayenne')::date)
      AND (h.valid_from IS NULL OR h.valid_from <= (carbet_now() AT TIME ZONE 'America/Cayenne')::date)
  ) stretch, LATERAL (VALUES (0, midnight + opens),
      (1, midnight + closes + CASE WHEN closes <= opens THEN 1440 ELSE 0 END)) AS s(side, minute)
$$
"""

IS_OPEN = """
CREATE FUNCTION orientation_is_open(hours integer[], closures date[], minute integer, today date)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT EXISTS (SELECT 1 FROM generate_series(1, cardinality(hours), 2) i
                 WHERE (minute >= hours[i] AND minute < hours[i + 1])
                    OR (minute + 10080 >= hours[i] AND minute + 10080 < hours[i + 1]))
    AND NOT EXISTS (SELECT 1 FROM generate_series(1, cardinality(closures), 2) i
                    WHERE today >= closures[i] AND today < closures[i + 1])
$$
"""

# One line for each thing that may be found. Weights: A what it is, B what it has and for whom,
# C where, D what is said in passing. Facets: c commune, p profession, s skill, a act, e equipment,
# u public, k kind; m: can be written to by secure mail; h: comes to the person's home.
SOURCE = """
CREATE VIEW orientation_source AS
SELECT 'R'::text AS kind, r.id AS target, r.organization_id AS organization,
       COALESCE(o.commune_id, '') AS commune, r.profession,
       setweight(orientation_words(concat_ws(' ', r.profession_label, r.specialty_label,
         p.given, p.family, CASE WHEN cardinality(r.skills) > 1
         THEN orientation_labels('TRE_R38', r.skills) END)), 'A')
       || setweight(orientation_words(concat_ws(' ', o.name, o.category_label, c.name)), 'C')
       || array_to_tsvector(array_remove(ARRAY['k:R', 'p:' || r.profession,
            'c:' || COALESCE(o.commune_id, '-'), CASE WHEN r.secure_email <> '' THEN 'm:' END,
            CASE WHEN r.home_visits THEN 'h:' END, 's:' || NULLIF(r.specialty, '')], NULL))
       || orientation_facets('s', r.skills::text[]) AS doc,
       NULL::integer[] AS hours, NULL::date[] AS closures,
       CASE WHEN r.home_visits THEN NULLIF(r.zones::text[], '{}') END AS zones,
       NULL::integer AS available, NULL::timestamptz AS available_at, r.ended_at AS until
FROM directory_practitionerrole r
JOIN directory_practitioner p ON p.id = r.practitioner_id AND p.active
JOIN directory_organization o ON o.id = r.organization_id AND o.active
LEFT JOIN directory_commune c ON c.code = o.commune_id
WHERE r.ended_at IS NULL OR r.ended_at > carbet_now()
UNION ALL
SELECT 'S', s.id, s.organization_id, COALESCE(l.commune_id, o.commune_id, ''), '',
       setweight(orientation_words(concat_ws(' ', s.name, s.activity,
         orientation_labels('TRE_R210', s.acts::text[]),
         orientation_labels('TRE_R211', s.activities::text[]))), 'A')
       || setweight(orientation_words(concat_ws(' ',
         orientation_labels('TRE_R212', (s.equipment || COALESCE(l.equipment, '{}'))::text[]),
         orientation_labels('TRE_R239', s.publics::text[]),
         orientation_labels('TRE_R213', ARRAY[s.care_mode]::text[]),
         orientation_labels('TRE_R338', s.modalities::text[]),
         orientation_labels('TRE_R243', s.competences::text[]),
         orientation_labels('TRE_R245', s.specialisations::text[]),
         orientation_labels('TRE_', s.professions::text[]))), 'B')
       || setweight(orientation_words(concat_ws(' ', o.name, o.category_label,
         COALESCE(lc.name, c.name))), 'C')
       || setweight(orientation_words(s.comment), 'D')
       || array_to_tsvector(array_remove(ARRAY['k:S',
            'c:' || COALESCE(l.commune_id, o.commune_id, '-'),
            CASE WHEN s.secure_email <> '' OR o.secure_email <> '' THEN 'm:' END,
            CASE WHEN s.zones <> '{}' THEN 'h:' END,
            CASE WHEN room.available > 0 THEN 'd:' END], NULL))
       || orientation_facets('a', s.acts::text[])
       || orientation_facets('e', (s.equipment || COALESCE(l.equipment, '{}'))::text[])
       || orientation_facets('u', s.publics::text[])
       || orientation_facets('p', s.professions::text[])
       || orientation_facets('s', (s.competences || s.specialisations)::text[]),
       orientation_hours(ARRAY[s.id]),
       (SELECT array_agg(day) FROM (
          SELECT COALESCE(starts_on, '-infinity'), COALESCE(ends_on, 'infinity')
          FROM directory_closure WHERE service_id = s.id) shut(a, b), unnest(ARRAY[a, b]) day),
       NULLIF(s.zones::text[], '{}'), room.available, room.available_at,
       (s.closed_on::timestamp AT TIME ZONE 'America/Cayenne')
FROM directory_healthcareservice s
JOIN directory_organization o ON o.id = s.organization_id AND o.active
LEFT JOIN directory_location l ON l.id = s.location_id
LEFT JOIN directory_commune c ON c.code = o.commune_id
LEFT JOIN directory_commune lc ON lc.code = l.commune_id
LEFT JOIN LATERAL (
  SELECT sum(k.number)::int AS available, min(k.updated_at) AS available_at
  FROM directory_capacity k WHERE k.service_id = s.id AND k.status = '02') room ON true
WHERE s.active AND NOT s.sensitive
UNION ALL
SELECT 'P', o.id, o.id, COALESCE(o.commune_id, ''), '',
       setweight(orientation_words(concat_ws(' ', o.name, o.alias, o.category_label,
         CASE o.purpose WHEN 'hospital' THEN 'hôpital établissement de santé'
           WHEN 'health_centre' THEN 'centre de santé' WHEN 'office' THEN 'cabinet'
           WHEN 'pharmacy' THEN 'pharmacie' WHEN 'home_care' THEN 'soins à domicile'
           WHEN 'home_help' THEN 'aide à domicile'
           WHEN 'care_home' THEN 'établissement médico-social'
           WHEN 'dac' THEN 'dispositif d’appui à la coordination'
           WHEN 'social' THEN 'service social' END)), 'A')
       || setweight(orientation_words((SELECT string_agg(concat_ws(' ', s.name, s.activity,
            orientation_labels('TRE_R210', s.acts::text[])), ' ; ')
            FROM directory_healthcareservice s
            WHERE s.organization_id = o.id AND s.active AND NOT s.sensitive)), 'C')
       || setweight(orientation_words(c.name), 'C')
       || array_to_tsvector(array_remove(ARRAY['k:P', 'c:' || COALESCE(o.commune_id, '-'),
            CASE WHEN o.secure_email <> '' THEN 'm:' END,
            CASE WHEN room.available > 0 THEN 'd:' END], NULL)),
       (SELECT orientation_hours(array_agg(s.id)) FROM directory_healthcareservice s
        WHERE s.organization_id = o.id AND s.active AND NOT s.sensitive),
       NULL, NULL, room.available, room.available_at,
       (o.closed_on::timestamp AT TIME ZONE 'America/Cayenne')
FROM directory_organization o
LEFT JOIN directory_commune c ON c.code = o.commune_id
LEFT JOIN LATERAL (
  SELECT sum(k.number)::int AS available, min(k.updated_at) AS available_at
  FROM directory_capacity k WHERE k.organization_id = o.id AND k.status = '02') room ON true
WHERE o.active AND o.kind <> 'LEGAL-ENTITY'
"""

COLUMNS = (
    "kind, target, organization, commune, profession, doc, hours, closures, zones, available,"
    " available_at, until"
)

REFRESH = f"""
CREATE FUNCTION orientation_refresh(what text, ids bigint[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_catalog AS $$
BEGIN
  IF COALESCE(cardinality(ids), 0) = 0 THEN RETURN; END IF;
  DELETE FROM orientation_entry e WHERE e.kind = what AND e.target = ANY (ids)
    AND NOT EXISTS (SELECT 1 FROM orientation_source v WHERE v.kind = what AND v.target = e.target);
  INSERT INTO orientation_entry ({COLUMNS})
    SELECT {COLUMNS} FROM orientation_source
    WHERE kind = what AND target = ANY (ids) ORDER BY target
  ON CONFLICT (kind, target) DO UPDATE SET ({COLUMNS}) = (
    EXCLUDED.{COLUMNS.replace(", ", ", EXCLUDED.")});
  INSERT INTO orientation_word (word, count, label)
    SELECT DISTINCT said, 1, '' FROM orientation_entry e, unnest(tsvector_to_array(e.doc)) said
    WHERE e.kind = what AND e.target = ANY (ids)
      AND NOT EXISTS (SELECT 1 FROM orientation_word w WHERE w.word = said)
    ORDER BY said
  ON CONFLICT (word) DO NOTHING;
END $$
"""

# Everything again, and the counts by which a search chooses its way.
REBUILD = f"""
CREATE FUNCTION orientation_rebuild() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_catalog AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('orientation rebuild'));
  DELETE FROM orientation_entry e WHERE NOT EXISTS (
    SELECT 1 FROM orientation_source v WHERE v.kind = e.kind AND v.target = e.target);
  INSERT INTO orientation_entry ({COLUMNS})
    SELECT {COLUMNS} FROM orientation_source
  ON CONFLICT (kind, target) DO UPDATE SET ({COLUMNS}) = (
    EXCLUDED.{COLUMNS.replace(", ", ", EXCLUDED.")})
  WHERE (orientation_entry.doc, orientation_entry.hours, orientation_entry.closures,
         orientation_entry.available, orientation_entry.available_at, orientation_entry.commune)
    IS DISTINCT FROM (EXCLUDED.doc, EXCLUDED.hours, EXCLUDED.closures, EXCLUDED.available,
         EXCLUDED.available_at, EXCLUDED.commune);
  PERFORM orientation_count();
END $$
"""

COUNT = """
CREATE FUNCTION orientation_count() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_catalog AS $$
BEGIN
  INSERT INTO orientation_word (word, count, label)
    SELECT word, ndoc, '' FROM ts_stat('SELECT doc FROM orientation_entry') ORDER BY word
  ON CONFLICT (word) DO UPDATE SET count = EXCLUDED.count
  WHERE orientation_word.count IS DISTINCT FROM EXCLUDED.count;
  PERFORM orientation_name_facets();
END $$
"""

NAME_FACETS = """
CREATE FUNCTION orientation_name_facets() RETURNS void LANGUAGE sql
SECURITY DEFINER SET search_path = public, pg_catalog AS $$
  UPDATE orientation_word w SET label = named.label FROM (
    SELECT DISTINCT ON (f.word) f.word, t.label FROM orientation_word f
    JOIN (VALUES ('a', 'TRE_R210'), ('e', 'TRE_R212'), ('u', 'TRE_R239'), ('p', 'TRE_'),
                 ('s', 'TRE_R')) AS of(sign, begins) ON f.word LIKE of.sign || ':%'
    JOIN directory_term t ON t.code = substr(f.word, 3) AND starts_with(t.nomenclature, of.begins)
    WHERE f.label = '' ORDER BY f.word, t.nomenclature) named
  WHERE w.word = named.word;
  UPDATE orientation_word w SET label = named.label FROM (
    SELECT 'p:' || r.profession AS word, min(r.profession_label) AS label
    FROM directory_practitionerrole r GROUP BY 1
    UNION ALL
    SELECT 's:' || r.specialty, min(r.specialty_label) FROM directory_practitionerrole r
    WHERE r.specialty <> '' AND r.specialty_label <> '' GROUP BY 1) named
  WHERE w.word = named.word AND w.label = '';
$$
"""


def _trigger(name: str, table: str, event: str, body: str, *, old: bool, new: bool) -> list[str]:
    """Return a function and its trigger, once a statement, whatever the number of rows."""
    tables = " ".join(
        word for word, wanted in (("OLD TABLE AS was", old), ("NEW TABLE AS now", new)) if wanted
    )
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        f" SET search_path = public, pg_catalog AS $$ BEGIN {body} RETURN NULL; END $$",
        f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC",
        f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {tables}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
    ]


def _refresh(kind: str, query: str) -> str:
    return f"PERFORM orientation_refresh('{kind}', ARRAY({query}));"


def _changed(columns: str, table: str = "now") -> str:
    """Return the ids of rows of which one of these columns changed."""
    mine = ", ".join(f"n.{column}" for column in columns.split())
    theirs = ", ".join(f"w.{column}" for column in columns.split())
    return (
        f"SELECT n.id FROM now n JOIN was w ON w.id = n.id"
        f" WHERE ({mine}) IS DISTINCT FROM ({theirs})"
    )


_ORGANIZATION = (
    "name alias category_label purpose commune_id active secure_email kind closed_on"
)
_WHERE = "name category_label commune_id active secure_email"


def triggers() -> list[str]:
    """Return the statements that keep the index in step with the directory."""
    steps: list[str] = []

    def on(suffix: str, table: str, event: str, body: str, old: bool = False, new: bool = True):
        steps.extend(
            _trigger(f"orientation_{suffix}", f"directory_{table}", event, body, old=old, new=new)
        )

    on("role_in", "practitionerrole", "INSERT", _refresh("R", "SELECT id FROM now"))
    on("role_up", "practitionerrole", "UPDATE", _refresh("R", _changed(
        "organization_id profession profession_label specialty specialty_label skills secure_email"
        " home_visits zones ended_at practitioner_id")), old=True)  # fmt: skip
    on("person_up", "practitioner", "UPDATE", _refresh(
        "R", "SELECT r.id FROM directory_practitionerrole r WHERE r.practitioner_id IN"
        f" ({_changed('given family active')})"), old=True)  # fmt: skip
    on("place_in", "organization", "INSERT", _refresh("P", "SELECT id FROM now"))
    on("place_up", "organization", "UPDATE",
       _refresh("P", _changed(_ORGANIZATION))
       + _refresh("S", "SELECT s.id FROM directory_healthcareservice s WHERE s.organization_id IN"
                  f" ({_changed(_WHERE)})")
       + _refresh("R", "SELECT r.id FROM directory_practitionerrole r WHERE r.organization_id IN"
                  f" ({_changed(_WHERE)})"), old=True)  # fmt: skip
    both = _refresh("S", "SELECT id FROM now") + _refresh(
        "P", "SELECT DISTINCT organization_id FROM now"
    )
    on("service_in", "healthcareservice", "INSERT", both)
    on("service_up", "healthcareservice", "UPDATE", both)
    on("location_up", "location", "UPDATE", _refresh(
        "S", "SELECT s.id FROM directory_healthcareservice s WHERE s.location_id IN"
        f" ({_changed('commune_id equipment')})"), old=True)  # fmt: skip
    for event, table, old, new in (
        ("INSERT", "now", False, True),
        ("UPDATE", "now", False, True),
        ("DELETE", "was", True, False),
    ):
        short = event[:2].lower()
        on(f"capacity_{short}", "capacity", event,
           _refresh("S", f"SELECT DISTINCT service_id FROM {table} WHERE service_id IS NOT NULL")
           + _refresh("P", f"SELECT DISTINCT organization_id FROM {table}"), old, new)  # fmt: skip
        for name in ("openinghours", "closure"):
            on(f"{name}_{short}", name, event,
               _refresh("S", f"SELECT DISTINCT service_id FROM {table}")
               + _refresh("P", "SELECT DISTINCT organization_id FROM directory_healthcareservice"
                          f" WHERE id IN (SELECT service_id FROM {table})"), old, new)  # fmt: skip
    # A label that arrives after the codes that it names.
    named = _refresh(
        "S",
        "SELECT s.id FROM directory_healthcareservice s WHERE EXISTS (SELECT 1 FROM now n"
        " WHERE n.code = ANY (s.acts) OR n.code = ANY (s.publics) OR n.code = ANY (s.equipment)"
        " OR n.code = ANY (s.activities))",
    )
    on("term_in", "term", "INSERT", named)
    on("term_up", "term", "UPDATE", named)
    return steps


STATEMENTS = [
    FOLD, WORDS, LABELS, FACETS, HOURS, IS_OPEN, SOURCE, REFRESH, NAME_FACETS, COUNT, REBUILD,
    *triggers(),
    "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON orientation_entry, orientation_word FROM carbet_app",
    "REVOKE EXECUTE ON FUNCTION orientation_rebuild(), orientation_count(),"
    " orientation_refresh(text, bigint[]), orientation_name_facets() FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION orientation_rebuild() TO carbet_app",
]  # fmt: skip
