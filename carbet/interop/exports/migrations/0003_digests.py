from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('exports', '0002_row_security'),
    ]

    operations = [
        migrations.AddField(
            model_name='territoryexport',
            name='digests',
            field=models.JSONField(default=dict),
        ),
    ]
