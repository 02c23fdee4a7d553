"""Each member's grant opens the categories of their role, as new ones do."""

from django.db import migrations

# `rules.categories_of_member` and `rules.categories_of_structure`, on the members of before.
BY_ROLE = """
UPDATE core_accessgrant g SET categories = CASE r.category WHEN 'social' THEN 6 ELSE 4 END
FROM care_teams_careteamparticipant p JOIN directory_practitionerrole r
  ON r.id = p.practitioner_role_id
WHERE g.source = 'participant' AND g.source_id = p.id AND g.level < 40
  AND r.category IN ('social', 'administrative') AND p.role NOT IN ('PCP', '330')
"""
BY_STRUCTURE = """
UPDATE core_accessgrant g SET categories = 6
FROM care_teams_careteamparticipant p JOIN directory_organization o ON o.id = p.organization_id
WHERE g.source = 'participant' AND g.source_id = p.id AND o.purpose IN ('home_help', 'social')
"""
# A grant is only ever ended, the owner's hand included: the rule stands aside for this step.
ASIDE = "ALTER TABLE core_accessgrant NO FORCE ROW LEVEL SECURITY"
BACK = "ALTER TABLE core_accessgrant FORCE ROW LEVEL SECURITY"


class Migration(migrations.Migration):
    dependencies = [
        ("care_teams", "0004_categories"),
        ("core", "0004_categories"),
        ("directory", "0001_initial"),
    ]

    operations = [migrations.RunSQL([ASIDE, BY_ROLE, BY_STRUCTURE, BACK], migrations.RunSQL.noop)]
