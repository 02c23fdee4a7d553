"""Who sees each step of a request and of a case, and the strict conditions of a grant that moves."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, IS_OPERATING, holds_grant

OPERATION = "COALESCE(current_setting('carbet.operation', true), '')"
# No sub-query: the policies by which a grant is seen are met again inside those of other tables.
IS_PERSON = "COALESCE(current_setting('carbet.grantees', true), '') LIKE '{account:%'"

# Whoever sent a request and the team that answered it keep the trace of it, without the identity.
BEFORE = (
    f"('org:' || addressee_id) = ANY ({GRANTEES}) OR ('role:' || requester_id) = ANY ({GRANTEES})"
)
PARTY = (
    f"{BEFORE} OR ('role:' || recorded_by_id) = ANY ({GRANTEES})"
    f" OR ('org:' || requester_organization_id) = ANY ({GRANTEES})"
    f" OR ('account:' || requester_account_id) = ANY ({GRANTEES})"
)
HELD = holds_grant("support_supportrequest.patient_id", Level.IDENTITY)
REQUEST_SEEN = "CREATE POLICY may_select ON support_supportrequest FOR SELECT USING ({})"


def beside(table: str, other: str, column: str) -> str:
    """Return the condition "the actor sees the row of `other` that this row belongs to"."""
    return f"{IS_INTERNAL} OR EXISTS (SELECT 1 FROM {other} o WHERE o.id = {table}.{column})"


def case_seen(table: str) -> str:
    """Return the condition under which a case, or a version of it, is seen."""
    return (
        f"{IS_INTERNAL} OR {holds_grant(f'{table}.patient_id', Level.READ)}"
        f" OR ('org:' || organization_id) = ANY ({GRANTEES})"
    )


def alter(table: str, condition: str) -> str:
    """Return the statement that changes who sees a table."""
    return f"ALTER POLICY may_select ON {table} USING ({condition})"


def read_only_record(table: str) -> str:
    """Return the condition under which a case was seen before."""
    return f"{IS_INTERNAL} OR {holds_grant(f'{table}.patient_id', Level.READ)}"


ACCEPTED = f"""
EXISTS (
  SELECT 1 FROM support_supportrequest r
  WHERE r.patient_id = core_accessgrant.patient_id AND r.status = 'accepted'
    AND core_accessgrant.grantee IN ('org:' || r.addressee_id, 'role:' || r.decided_by_id)
    AND ('org:' || r.addressee_id) = ANY ({GRANTEES})
)"""
OF_CASE = f"""
  SELECT 1 FROM support_case c
  WHERE c.id = core_accessgrant.source_id AND c.patient_id = core_accessgrant.patient_id
    AND ('org:' || c.organization_id) = ANY ({GRANTEES})"""
# The coordinator to whom the team has just handed the case over.
ENTRUSTED = f"""
EXISTS ({OF_CASE} AND c.status <> 'finished'
    AND core_accessgrant.grantee = 'role:' || c.coordinator_id)"""
# The team that closed a case less than a year ago, and whoever of it opens it again.
REOPENED = f"""
({OPERATION} = 'support.reopen' AND source = 'support_case'
  AND core_accessgrant.grantee = ANY ({GRANTEES})
  AND EXISTS ({OF_CASE} AND c.status = 'finished'
    AND c.closed_at > carbet_now() - interval '1 year'))"""


def case_opens(*conditions: str) -> list[str]:
    """Return the statements that say to whom a grant of source `support_case` may be given."""
    allowed = " OR ".join(("source <> 'support_case'", IS_INTERNAL, *conditions))
    return [
        "DROP POLICY IF EXISTS support_case_opens ON core_accessgrant",
        "CREATE POLICY support_case_opens ON core_accessgrant AS RESTRICTIVE FOR INSERT"
        f" WITH CHECK ({allowed})",
    ]


# The person, or a relative at the portal, shows the identity to a team of support, and closes it.
ASKED = (
    "source = 'support_request' AND level = 10 AND carbet_holds(patient_id, 20) AND " + IS_PERSON
)
A_TEAM = (
    "EXISTS (SELECT 1 FROM directory_organization o"
    " WHERE o.purpose = 'dac' AND 'org:' || o.id = core_accessgrant.grantee)"
)
PERSON_ASKS = [
    f"CREATE POLICY support_person_asks ON core_accessgrant FOR INSERT"
    f" WITH CHECK ({IS_OPERATING} AND {ASKED} AND {A_TEAM})",
    f"CREATE POLICY support_person_seen ON core_accessgrant FOR SELECT USING ({ASKED})",
    f"CREATE POLICY support_person_ends ON core_accessgrant FOR UPDATE USING ({ASKED})"
    f" WITH CHECK ({IS_OPERATING} AND {ASKED} AND valid_until <= carbet_now())",
    "CREATE POLICY support_case_reopens ON core_accessgrant FOR INSERT"
    f" WITH CHECK ({IS_OPERATING} AND level <= 40 AND {REOPENED})",
]
PERSON_ASKS_NO_MORE = [
    f"DROP POLICY {name} ON core_accessgrant"
    for name in (
        "support_person_asks",
        "support_person_seen",
        "support_person_ends",
        "support_case_reopens",
    )
]

REQUESTS, CASES = "support_supportrequest", "support_case"
# What was already there says its moments and its steps too.
FILL = [
    f"""UPDATE {REQUESTS} SET updated_at = COALESCE(decided_at, submitted_at),
        due_at = submitted_at + CASE urgency WHEN 'asap' THEN interval '48 hours'
            WHEN 'urgent' THEN interval '7 days' ELSE interval '30 days' END""",
    f"""UPDATE {CASES} c SET assigned_at = opened_at, updated_at = COALESCE(closed_at, opened_at),
        requested_at = COALESCE((SELECT r.submitted_at FROM {REQUESTS} r WHERE r.id = c.request_id),
            opened_at)""",
    f"""INSERT INTO support_requeststep
        (request_id, patient_id, kind, at, author_role_id, author_name, text, told, told_by_name)
        SELECT r.id, r.patient_id, 'submitted', r.submitted_at, r.requester_id,
            trim(p.given || ' ' || p.family), '', '', ''
        FROM {REQUESTS} r JOIN directory_practitionerrole a ON a.id = r.requester_id
        JOIN directory_practitioner p ON p.id = a.practitioner_id""",
    f"""INSERT INTO support_requeststep
        (request_id, patient_id, kind, at, author_role_id, author_name, text, told, told_by_name)
        SELECT r.id, r.patient_id, r.status, r.decided_at, r.decided_by_id,
            trim(p.given || ' ' || p.family), r.decision_reason, 'here', ''
        FROM {REQUESTS} r JOIN directory_practitionerrole a ON a.id = r.decided_by_id
        JOIN directory_practitioner p ON p.id = a.practitioner_id""",
    f"""INSERT INTO support_casestep (case_id, patient_id, organization_id, kind, at,
            author_role_id, author_name, coordinator_id, outcome, reason)
        SELECT c.id, c.patient_id, c.organization_id, s.kind, s.at, c.coordinator_id,
            trim(p.given || ' ' || p.family), c.coordinator_id, '', s.reason
        FROM {CASES} c JOIN directory_practitionerrole a ON a.id = c.coordinator_id
        JOIN directory_practitioner p ON p.id = a.practitioner_id
        CROSS JOIN LATERAL (VALUES ('opened', c.opened_at, ''),
            ('closed', c.closed_at, c.close_reason)) s(kind, at, reason)
        WHERE s.at IS NOT NULL""",
]


class Migration(migrations.Migration):
    dependencies = [("support", "0004_steps_and_episodes"), ("core", "0004_categories")]

    operations = [
        migrations.RunSQL(
            [f"DROP POLICY may_select ON {REQUESTS}",
             REQUEST_SEEN.format(f"{IS_INTERNAL} OR {HELD} OR {PARTY}")],
            [f"DROP POLICY may_select ON {REQUESTS}",
             REQUEST_SEEN.format(f"{IS_INTERNAL} OR {HELD} OR {BEFORE}")],
        ),
        row_security.policies(
            "support_requeststep",
            select=beside("support_requeststep", REQUESTS, "request_id"),
            insert=beside("support_requeststep", REQUESTS, "request_id"),
            update=beside("support_requeststep", REQUESTS, "request_id"),
        ),
        # A step never changes: only that its requester was told is added to it.
        migrations.RunSQL(
            [
                "REVOKE UPDATE ON support_requeststep FROM carbet_app",
                "GRANT UPDATE (told_at, told_by_name) ON support_requeststep TO carbet_app",
            ],
            ["REVOKE UPDATE (told_at, told_by_name) ON support_requeststep FROM carbet_app"],
        ),
        row_security.protect(
            "support_requestfile", read=Level.IDENTITY, write=Level.IDENTITY, category="category"
        ),
        row_security.policies(
            "support_requestpiece",
            select=beside("support_requestpiece", "support_requestfile", "file_id"),
            insert=beside("support_requestpiece", "support_requestfile", "file_id"),
            update=None,
        ),
        migrations.RunSQL(
            [alter(table, case_seen(table)) for table in (CASES, "support_caseevent")],
            [alter(table, read_only_record(table)) for table in (CASES, "support_caseevent")],
        ),
        row_security.policies(
            "support_casestep",
            select=beside("support_casestep", CASES, "case_id"),
            insert=f"{IS_INTERNAL} OR {holds_grant('support_casestep.patient_id', Level.MANAGE)}",
            update=None,
        ),
        migrations.RunSQL(case_opens(ACCEPTED, ENTRUSTED, REOPENED), case_opens(ACCEPTED)),
        migrations.RunSQL(PERSON_ASKS, PERSON_ASKS_NO_MORE),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
