"""A request to work in a structure says when Pro Santé Connect proved who asks."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("rights", "0002_logout")]

    operations = [
        migrations.AddField(
            model_name="registrationrequest",
            name="proven_at",
            field=models.DateTimeField(null=True),
        ),
    ]
