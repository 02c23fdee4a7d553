"""What was told to applications before accounts had a subject keeps the name it was told under."""

from django.db import migrations, models

# Until they expire: what an application asks with them must name whom its first token named.
TOKENS = (
    "UPDATE allauth_idp_oidc_token"
    " SET data = COALESCE(data, '{}') || jsonb_build_object('sub', user_id::text)"
    " WHERE user_id IS NOT NULL AND jsonb_typeof(COALESCE(data, '{}')) = 'object'"
)
ENTRIES = "UPDATE rights_entry SET subject = account_id::text WHERE subject = ''"


class Migration(migrations.Migration):
    dependencies = [
        ("rights", "0003_proven_requests"),
        ("accounts", "0004_subject"),
        ("allauth_idp_oidc", "0003_client_allow_uri_wildcards"),
    ]

    operations = [
        migrations.AddField(
            model_name="entry",
            name="subject",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.RunSQL(ENTRIES, migrations.RunSQL.noop),
        migrations.RunSQL(TOKENS, migrations.RunSQL.noop),
    ]
