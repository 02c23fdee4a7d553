"""The SQL of the plan: all of it in one statement, now and as it stood at an earlier revision."""
# ruff: noqa: S608 - the statements are put together from the pieces written here, and nothing else


def _who(column: str) -> str:
    return f"""(SELECT jsonb_build_object('id', r.id,
        'name', trim(x.civility || ' ' || x.given || ' ' || x.family),
        'label', COALESCE(NULLIF(r.specialty_label, ''), r.profession_label),
        'organization', o.name)
      FROM directory_practitionerrole r
      JOIN directory_practitioner x ON x.id = r.practitioner_id
      JOIN directory_organization o ON o.id = r.organization_id
      WHERE r.id = {column})"""


def _member(column: str) -> str:
    """Return the SQL that names a member of the circle: a professional, a structure, a relative."""
    return f"""(SELECT jsonb_build_object('name', COALESCE(
          trim(x.civility || ' ' || x.given || ' ' || x.family) || ', '
            || COALESCE(NULLIF(r.specialty_label, ''), r.profession_label),
          o.name, trim(k.given || ' ' || k.family)),
        'left', c.ended_at IS NOT NULL AND c.ended_at <= carbet_now())
      FROM care_teams_careteamparticipant c
      LEFT JOIN directory_practitionerrole r ON r.id = c.practitioner_role_id
      LEFT JOIN directory_practitioner x ON x.id = r.practitioner_id
      LEFT JOIN directory_organization o ON o.id = c.organization_id
      LEFT JOIN care_teams_relatedperson k ON k.id = c.related_person_id
      WHERE c.id = {column})"""


# What a visit of an action must have, or it is proposed for cancellation: the action is in the
# plan and goes on, the day is not past its end, and whoever is responsible takes part.
VISITS = """
WITH held AS (
  SELECT a.id, a.text, a.due_on, a.appointment_id, c.practitioner_role_id AS role_id,
    CASE WHEN a.removed_at IS NOT NULL OR g.removed_at IS NOT NULL OR n.removed_at IS NOT NULL
           THEN 'removed'
         WHEN a.status = ANY(%(ended)s::text[]) OR g.status = ANY(%(goal_ended)s::text[])
           THEN 'ended' END AS over
  FROM care_plans_plannedaction a
  JOIN care_plans_goal g ON g.id = a.goal_id
  JOIN care_plans_need n ON n.id = g.need_id
  LEFT JOIN care_teams_careteamparticipant c ON c.id = a.responsible_id
  WHERE a.patient_id = %(patient)s AND a.appointment_id IS NOT NULL
), visits AS (
  SELECT h.id, h.text, v.id AS visit_id, v.start, COALESCE(h.over,
      CASE WHEN h.due_on < (v.start AT TIME ZONE %(zone)s)::date THEN 'late'
           WHEN h.role_id IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM scheduling_appointmentparticipant p
             WHERE p.appointment_id = v.id AND p.practitioner_role_id = h.role_id) THEN 'other'
      END) AS why
  FROM held h
  JOIN scheduling_appointment f ON f.id = h.appointment_id
  JOIN scheduling_appointment v ON v.patient_id = %(patient)s
    AND (v.id = f.id OR v.series_id = f.series_id)
  WHERE v.status = ANY(%(open)s::text[]) AND v.start >= carbet_now()
)
SELECT id, text, array_agg(visit_id ORDER BY start, visit_id) AS ids,
  array_agg(start ORDER BY start, visit_id) AS starts,
  COALESCE(array_agg(visit_id ORDER BY start) FILTER (WHERE why IS NOT NULL), '{}') AS surplus,
  min(why) FILTER (WHERE why IS NOT NULL) AS why
FROM visits GROUP BY id, text ORDER BY id
"""

# What the plan in `p` says, part by part, the removed ones too.
_PARTS = f"""  (SELECT jsonb_agg(jsonb_build_object('id', n.id, 'text', n.text, 'domain', n.domain,
      'serafin', n.serafin,
      'removed_at', n.removed_at) ORDER BY n.position, n.id)
   FROM care_plans_need n WHERE n.care_plan_id = p.id) AS needs,
  (SELECT jsonb_agg(jsonb_build_object('id', g.id, 'parent', g.need_id, 'text', g.text,
      'target', g.target, 'target_on', g.target_on, 'status', g.status, 'measure', g.measure,
      'comparator', g.comparator, 'amount', g.amount::text,
      'removed_at', g.removed_at) ORDER BY g.position, g.id)
   FROM care_plans_goal g WHERE g.patient_id = p.patient_id) AS goals,
  (SELECT jsonb_agg(jsonb_build_object('id', a.id, 'parent', a.goal_id, 'text', a.text,
      'responsible_id', a.responsible_id, 'responsible', {_member("a.responsible_id")},
      'frequency', a.frequency, 'start_on', a.start_on, 'due_on', a.due_on, 'status', a.status,
      'appointment_id', a.appointment_id,
      'removed_at', a.removed_at) ORDER BY a.position, a.id)
   FROM care_plans_plannedaction a WHERE a.patient_id = p.patient_id) AS actions"""

PLAN = f"""
SELECT p.id, p.status, p.revision, p.person_words, p.review_due_on, p.proposed_at, p.returned_at,
  p.returned_comment, p.created_at, p.updated_at,
  p.agreement, p.agreed_by, p.agreed_on, p.agreement_words, p.agreed_revision,
  {_who("p.agreement_taken_by_id")} AS taken_by,
  (carbet_now() AT TIME ZONE %(zone)s)::date AS today,
  {_who("p.author_id")} AS author, {_who("p.approver_id")} AS approver,
  {_who("p.proposed_by_id")} AS proposed_by, {_who("p.updated_by_id")} AS updated_by,
{_PARTS},
  (SELECT jsonb_build_object('number', v.number, 'approved_at', v.approved_at,
      'approved_by', {_who("v.approved_by_id")}, 'comment', v.comment, 'content', v.content)
   FROM care_plans_careplanversion v WHERE v.care_plan_id = p.id
   ORDER BY v.number DESC, v.categories DESC LIMIT 1) AS latest,
  (SELECT jsonb_agg(jsonb_build_object('text', c.text, 'written_at', c.written_at,
      'written_by_name', c.written_by_name, 'revision', c.revision) ORDER BY c.id)
   FROM (SELECT * FROM care_plans_plancomment s WHERE s.care_plan_id = p.id AND s.number > COALESCE(
       (SELECT max(v.number) FROM care_plans_careplanversion v WHERE v.care_plan_id = p.id), 0)
     ORDER BY s.id DESC LIMIT 50) c) AS comments,
  (SELECT jsonb_agg(to_jsonb(visiting)) FROM ({VISITS}) visiting) AS visits,
  (SELECT max(e.recorded_at) FROM core_auditevent e
   WHERE e.account_id = %(account)s AND e.patient_id = p.patient_id
     AND e.operation LIKE 'care_plan.%%' AND e.recorded_at < %(visit)s) AS last_visit_at
FROM care_plans_careplan p WHERE p.patient_id = %(patient)s
"""

# What the plans of many persons say, and no more, in one statement.
CONTENTS = f"""
SELECT p.patient_id, p.person_words, p.review_due_on,
{_PARTS}
FROM care_plans_careplan p WHERE p.patient_id = ANY(%(patients)s)
"""

# A part as it stood before the first of its rows written by a later revision.
_BEFORE = """(SELECT jsonb_agg(b.row ORDER BY (b.row->>'position')::int, (b.row->>'id')::bigint)
  FROM (SELECT DISTINCT ON (h.id) h.row, h.removed_at FROM (
      SELECT e.id, e.pgh_id, e.removed_at, {row} AS row,
        min(e.pgh_id) FILTER (WHERE e.pgh_context_id IN (SELECT context FROM later))
          OVER (PARTITION BY e.id) AS first_later
      FROM {table} e WHERE e.patient_id = %(patient)s) h
    WHERE h.first_later IS NULL OR h.pgh_id < h.first_later
    ORDER BY h.id, h.pgh_id DESC) b
  WHERE b.removed_at IS NULL)"""

CONTENT_AT = f"""
WITH later AS (
  SELECT DISTINCT e.pgh_context_id AS context FROM care_plans_careplanevent e
  WHERE e.patient_id = %(patient)s AND e.pgh_context_id IS NOT NULL
    AND (e.revision > %(revision)s::int OR e.updated_at > %(at)s::timestamptz)
)
SELECT e.person_words, e.review_due_on,
  {
    _BEFORE.format(
        table="care_plans_needevent",
        row="jsonb_build_object('id', e.id, 'position', e.position, 'text', e.text,"
        " 'domain', e.domain, 'serafin', e.serafin)",
    )
} AS needs,
  {
    _BEFORE.format(
        table="care_plans_goalevent",
        row="jsonb_build_object('id', e.id, 'position', e.position, 'parent', e.need_id,"
        " 'text', e.text, 'target', e.target, 'target_on', e.target_on, 'status', e.status,"
        " 'measure', e.measure, 'comparator', e.comparator, 'amount', e.amount::text)",
    )
} AS goals,
  {
    _BEFORE.format(
        table="care_plans_plannedactionevent",
        row="jsonb_build_object('id', e.id, 'position', e.position, 'parent', e.goal_id,"
        " 'text', e.text, 'responsible_id', e.responsible_id,"
        f" 'responsible', {_member('e.responsible_id')},"
        " 'frequency', e.frequency, 'start_on', e.start_on, 'due_on', e.due_on,"
        " 'status', e.status)",
    )
} AS actions
FROM care_plans_careplanevent e
WHERE e.patient_id = %(patient)s
  AND (e.revision <= %(revision)s::int OR e.updated_at <= %(at)s::timestamptz)
ORDER BY e.pgh_id DESC LIMIT 1
"""
