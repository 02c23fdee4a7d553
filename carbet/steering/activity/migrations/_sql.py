"""How episodes are read from the rooms below, what each adds to the sums, and how both follow.

Triggers note whose facts moved (`activity_change`), nothing more: a carer who writes pays one short
row and waits for nobody. `activity_refresh()` takes those persons, reads their episodes again, and
adds to the sums the difference between what an episode was and what it is. A sum of differences does
not depend on their order, and one refresh works at a time.
"""

from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, holds_grant

MONTH = """
CREATE FUNCTION activity_month(at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT date_trunc('month', at AT TIME ZONE 'America/Cayenne')::date $$
"""

EPISODE = (
    "id, patient_id, organization_id, request_id, case_id, reason, requested_at, due_at, decision,"
    " decided_at, coordinator_id, opened_at, contact_at, plan_at, review_due_on, closed_at,"
    " outcome, complexity, points, commune, birth_year"
)

# What the rooms below know of these persons. Asked by the refresh alone, as the owner.
FACTS = f"""
CREATE OR REPLACE FUNCTION activity_facts(persons bigint[]) RETURNS SETOF activity_episode
LANGUAGE plpgsql STABLE SET search_path = public, pg_catalog AS $$
DECLARE episode activity_episode;
BEGIN
  FOR {", ".join(f"episode.{column.strip()}" for column in EPISODE.split(","))} IN
    WITH asked AS (
      SELECT r.patient_id, r.addressee_id AS organization_id, r.id AS request_id, c.id AS case_id,
             r.reason, r.submitted_at AS requested_at, r.due_at,
             CASE WHEN r.decided_at IS NULL THEN '' ELSE r.status END AS decision, r.decided_at,
             c.coordinator_id, c.opened_at, c.first_contact_at, c.closed_at, c.outcome,
             c.complexity_level, c.complexity_score
      FROM support_supportrequest r LEFT JOIN support_case c ON c.request_id = r.id
      WHERE r.patient_id = ANY (persons)
      UNION ALL
      SELECT c.patient_id, c.organization_id, NULL, c.id, '', c.requested_at, NULL, '', NULL,
             c.coordinator_id, c.opened_at, c.first_contact_at, c.closed_at, c.outcome,
             c.complexity_level, c.complexity_score
      FROM support_case c WHERE c.request_id IS NULL AND c.patient_id = ANY (persons)
    )
    SELECT 0, a.patient_id, a.organization_id, a.request_id, a.case_id, a.reason, a.requested_at,
           a.due_at, a.decision, a.decided_at, a.coordinator_id, a.opened_at,
           a.first_contact_at,
           CASE WHEN a.opened_at IS NOT NULL THEN (
             SELECT min(v.approved_at) FROM care_plans_careplanversion v
             WHERE v.patient_id = a.patient_id
               AND v.approved_at >= a.requested_at) END,
           CASE WHEN a.opened_at IS NOT NULL THEN (
             SELECT cp.review_due_on FROM care_plans_careplan cp
             WHERE cp.patient_id = a.patient_id) END,
           a.closed_at, COALESCE(a.outcome, ''), COALESCE(a.complexity_level, ''),
           a.complexity_score, COALESCE(p.commune_id, ''), extract(year FROM p.birth_date)
    FROM asked a JOIN patients_patient p ON p.id = a.patient_id
  LOOP
    RETURN NEXT episode;
  END LOOP;
END $$
"""

# What one episode adds to the sums: the only place that says what a figure counts.
ADDS = """
CREATE OR REPLACE FUNCTION activity_adds(e activity_episode)
RETURNS TABLE (figure text, dimension text, on_day date, value text, points bigint)
LANGUAGE sql STABLE SET search_path = public, pg_catalog AS $$
  SELECT 'requested', cut.dimension, activity_month(e.requested_at), cut.value, 0::bigint
  FROM (VALUES ('', ''), ('reason', e.reason)) AS cut(dimension, value)
  WHERE e.request_id IS NOT NULL
  UNION ALL
  SELECT 'answered', 'decision', activity_month(e.decided_at), e.decision, 0
  WHERE e.decided_at IS NOT NULL
  UNION ALL
  SELECT 'waiting', '', (e.due_at AT TIME ZONE 'America/Cayenne')::date, '', 0
  WHERE e.request_id IS NOT NULL AND e.decided_at IS NULL
  UNION ALL
  SELECT moved.figure, cut.dimension, activity_month(moved.at), cut.value,
         COALESCE(e.points, 0)::bigint
  FROM (VALUES ('opened', e.opened_at), ('closed', e.closed_at)) AS moved(figure, at),
       (VALUES ('', ''), ('coordinator', e.coordinator_id::text), ('commune', e.commune),
               ('birth_year', e.birth_year::text), ('complexity', e.complexity))
         AS cut(dimension, value)
  WHERE e.opened_at IS NOT NULL AND moved.at IS NOT NULL
  UNION ALL
  SELECT 'closed', 'outcome', activity_month(e.closed_at), e.outcome, 0
  WHERE e.opened_at IS NOT NULL AND e.closed_at IS NOT NULL
  UNION ALL
  SELECT reached.figure, 'days', activity_month(reached.at),
         floor(extract(epoch FROM reached.at - e.requested_at) / 86400)::bigint::text, 0
  FROM (VALUES ('contacted', e.contact_at), ('planned', e.plan_at)) AS reached(figure, at)
  WHERE e.opened_at IS NOT NULL AND reached.at >= e.requested_at
  UNION ALL
  SELECT 'to_review', cut.dimension, e.review_due_on, cut.value, 0
  FROM (VALUES ('', ''), ('coordinator', e.coordinator_id::text)) AS cut(dimension, value)
  WHERE e.opened_at IS NOT NULL AND e.closed_at IS NULL AND e.review_due_on IS NOT NULL
  UNION ALL
  SELECT 'undated', '', activity_month(e.opened_at), '', 0
  WHERE e.opened_at IS NOT NULL AND e.closed_at IS NULL AND e.review_due_on IS NULL
$$
"""

REFRESH = f"""
CREATE OR REPLACE FUNCTION activity_refresh(most integer) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_catalog AS $$
DECLARE
  persons bigint[];
  taken integer;
  before activity_episode[];
  fresh activity_episode[];
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('carbet activity'));
  -- Up to a number, read along the key: a list of numbers is joined row by row where the table has
  -- just been filled and is not analyzed yet, which took minutes for 20,000 changes.
  WITH gone AS (
    DELETE FROM activity_change WHERE id <= (
      SELECT max(id) FROM (SELECT id FROM activity_change ORDER BY id LIMIT most) first)
    RETURNING patient_id)
  SELECT array_agg(DISTINCT patient_id), count(*) INTO persons, taken FROM gone;
  IF taken = 0 THEN RETURN 0; END IF;
  -- Read once: what the sums take in and what is kept are then the same, whatever moves meanwhile.
  SELECT array_agg(f) INTO fresh FROM activity_facts(persons) f;
  SELECT array_agg(e) INTO before FROM activity_episode e WHERE e.patient_id = ANY (persons);
  INSERT INTO activity_tally
    (organization_id, figure, dimension, on_day, value, count, points)
  SELECT moved.organization_id, a.figure, a.dimension, a.on_day, a.value,
         sum(moved.sign), sum(moved.sign * a.points)
  FROM (SELECT 1 AS sign, f.organization_id, f::activity_episode AS episode
        FROM unnest(fresh) f
        UNION ALL
        SELECT -1, b.organization_id, b::activity_episode FROM unnest(before) b) moved,
       LATERAL activity_adds(moved.episode) a
  GROUP BY 1, 2, 3, 4, 5
  HAVING sum(moved.sign) <> 0 OR sum(moved.sign * a.points) <> 0
  ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (organization_id, figure, dimension, on_day, value) DO UPDATE
    SET count = activity_tally.count + EXCLUDED.count,
        points = activity_tally.points + EXCLUDED.points;
  DELETE FROM activity_episode WHERE patient_id = ANY (persons);
  INSERT INTO activity_episode ({EPISODE.removeprefix("id, ")})
  SELECT {EPISODE.removeprefix("id, ")} FROM unnest(fresh) f;
  RETURN taken;
END $$
"""

BEHIND = """
CREATE FUNCTION activity_behind() RETURNS boolean LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = public, pg_catalog AS $$
  SELECT EXISTS (SELECT 1 FROM activity_change)
$$
"""

# From nothing: everybody who was ever asked for or supported waits again.
FORGET = """
CREATE OR REPLACE FUNCTION activity_forget() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_catalog AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('carbet activity'));
  DELETE FROM activity_tally;
  DELETE FROM activity_episode;
  DELETE FROM activity_change;
  INSERT INTO activity_change (patient_id)
  SELECT patient_id FROM support_supportrequest UNION SELECT patient_id FROM support_case;
END $$
"""

# The person whose facts moved, by the column that names them; both when a row changes hands.
CHANGED = """
CREATE FUNCTION activity_changed() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_catalog AS $$
DECLARE
  was bigint;
  now_is bigint;
BEGIN
  IF TG_OP <> 'INSERT' THEN was := (to_jsonb(OLD) ->> TG_ARGV[0])::bigint; END IF;
  IF TG_OP <> 'DELETE' THEN now_is := (to_jsonb(NEW) ->> TG_ARGV[0])::bigint; END IF;
  IF was IS NOT NULL THEN INSERT INTO activity_change (patient_id) VALUES (was); END IF;
  IF now_is IS DISTINCT FROM was AND now_is IS NOT NULL THEN
    INSERT INTO activity_change (patient_id) VALUES (now_is);
  END IF;
  RETURN NULL;
END $$
"""

# Of a plan and a person only what steering reads; of a request and a case, anything.
WATCHED = {
    "support_supportrequest": ("patient_id", "INSERT OR UPDATE OR DELETE", ""),
    "support_case": ("patient_id", "INSERT OR UPDATE OR DELETE", ""),
    "care_plans_careplanversion": ("patient_id", "INSERT OR UPDATE OR DELETE", ""),
    "care_plans_careplan": ("patient_id", "INSERT OR UPDATE OF review_due_on, patient_id", ""),
    "patients_patient": (
        "id",
        "UPDATE",
        "WHEN (OLD.commune_id IS DISTINCT FROM NEW.commune_id"
        " OR OLD.birth_date IS DISTINCT FROM NEW.birth_date)",
    ),
}


def triggers() -> list[str]:
    """Return the statements that watch the rooms below."""
    return [
        f"CREATE TRIGGER activity_follows AFTER {moves} ON {table} FOR EACH ROW {when}"
        f" EXECUTE FUNCTION activity_changed('{column}')"
        for table, (column, moves, when) in WATCHED.items()
    ]


def held(table: str, select: str) -> list[str]:
    """Return the statements that let a derived table be read on this condition and never written."""
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY owner_all ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
        f"CREATE POLICY may_select ON {table} FOR SELECT USING ({select})",
        f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {table} FROM carbet_app",
    ]


OWN = f"('org:' || organization_id) = ANY ({GRANTEES})"
FUNCTIONS = ("activity_refresh(integer)", "activity_forget()", "activity_behind()")

STATEMENTS = [
    MONTH,
    FACTS,
    ADDS,
    REFRESH,
    FORGET,
    BEHIND,
    CHANGED,
    *held(
        "activity_episode",
        f"{IS_INTERNAL} OR ({OWN} AND {holds_grant('activity_episode.patient_id', Level.IDENTITY)})",
    ),
    *held("activity_tally", f"{IS_INTERNAL} OR {OWN}"),
    *held("activity_change", IS_INTERNAL),
    *triggers(),
    f"REVOKE EXECUTE ON FUNCTION {', '.join(FUNCTIONS)}, activity_changed(),"
    " activity_facts(bigint[]) FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION {', '.join(FUNCTIONS)} TO carbet_app",
    "SELECT activity_forget()",
]
