"""Where an establishment is told that its identities are crossed otherwise, and what it was told."""

import django.db.models.deletion
from django.db import migrations, models

from carbet.core import row_security
from carbet.core.row_security import IS_INTERNAL


class Migration(migrations.Migration):

    dependencies = [
        ('hospital_feed', '0004_awaited_readings'),
        ('identity', '0015_marks'),
    ]

    operations = [
        migrations.AddField(
            model_name='feedroute',
            name='updates_after',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='feedroute',
            name='updates_host',
            field=models.CharField(blank=True, db_default='', max_length=200),
        ),
        migrations.AddField(
            model_name='feedroute',
            name='updates_port',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.CreateModel(
            name='ToldIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('told_at', models.DateTimeField()),
                ('identity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.localidentity')),
                ('route', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='hospital_feed.feedroute')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('route', 'identity'), name='told_identity_once')],
            },
        ),
        row_security.policies(
            "hospital_feed_toldidentity",
            select=IS_INTERNAL,
            insert=IS_INTERNAL,
            update=IS_INTERNAL,
        ),
    ]
