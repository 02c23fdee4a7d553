"""When a domain said what it decided by a message: late ones do not come back on later ones."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0015_marks'),
    ]

    operations = [
        migrations.AddField(
            model_name='reconciliation',
            name='said_at',
            field=models.DateTimeField(null=True),
        ),
    ]
