"""Domains are told when people of the cell set an attribute on one of their identities."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0016_said_at'),
    ]

    operations = [
        migrations.AlterField(
            model_name='domainnotice',
            name='kind',
            field=models.CharField(choices=[('duplicate', 'Doublon dans votre domaine, à fusionner'), ('collision', 'Deux personnes sous un même numéro'), ('undone', 'Décision annulée'), ('linked', 'Identité rattachée'), ('apart', 'Identités séparées'), ('merged', 'Fusion faite, comme demandé'), ('refused', 'Fusion refusée\xa0: ce sont deux personnes'), ('marked', 'Attribut posé par la cellule régionale'), ('unmarked', 'Attribut levé par la cellule régionale')], max_length=10),
        ),
    ]
