"""Attributes that people of the cell set: which, by whom, why, and how they were lifted."""

from importlib import import_module

import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

from carbet.core import row_security
from carbet.core.row_security import IS_INTERNAL

CELL = import_module("carbet.registries.identity.migrations.0002_held").CELL


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0014_found_by_name'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='localidentity',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='localidentity',
            name='update_update',
        ),
        migrations.CreateModel(
            name='IdentityMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('attribute', models.CharField(choices=[('DOUT', 'Identité douteuse'), ('FICT', 'Identité fictive'), ('HOMA', 'Homonymie avérée'), ('HOMD', 'Homonymie douteuse'), ('DPOT', 'Doublon potentiel'), ('DOUA', 'Doublon avéré'), ('DOUB', 'Doublon'), ('COLP', 'Collision potentielle'), ('COLV', 'Collision avérée'), ('DESA', 'Désactivée'), ('USUR', 'Usurpation d’identité'), ('IDVER', 'Identité verrouillée'), ('FILI', 'Filiation'), ('CACH', 'Identité cachée'), ('ANOM', 'Anomalie'), ('INVA', 'Invalidée'), ('RECD', 'Reconduction'), ('IDRA', 'Identité rapprochée'), ('VIDE', 'Dossier vide')], max_length=5)),
                ('marked_at', models.DateTimeField()),
                ('marked_by_name', models.CharField(max_length=200)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('was_recovered', models.BooleanField(default=False)),
                ('was_checked', models.BooleanField(default=False)),
                ('lifted_at', models.DateTimeField(null=True)),
                ('lifted_by_name', models.CharField(blank=True, max_length=200)),
                ('lifted_reason', models.CharField(blank=True, max_length=500)),
                ('mistaken', models.BooleanField(default=False)),
            ],
        ),
        migrations.AddField(
            model_name='identitymark',
            name='identity',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='marks', to='identity.localidentity'),
        ),
        migrations.AddConstraint(
            model_name='identitymark',
            constraint=models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True)), fields=('identity', 'attribute'), name='one_standing_mark'),
        ),
        migrations.AddField(
            model_name='localidentity',
            name='marked',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=5), blank=True, db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='localidentityevent',
            name='marked',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=5), blank=True, db_default=[], default=list, size=None),
        ),
        migrations.RunSQL(
            [
                "UPDATE identity_localidentity SET marked = '{DOUT}'"
                " WHERE doubted_at IS NOT NULL",
                "INSERT INTO identity_identitymark (identity_id, attribute, marked_at,"
                " marked_by_name, reason, was_recovered, was_checked, lifted_by_name,"
                " lifted_reason, mistaken)"
                " SELECT id, 'DOUT', doubted_at, '', '', false, false, '', '', false"
                " FROM identity_localidentity WHERE doubted_at IS NOT NULL",
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField(
            model_name='localidentity',
            name='doubted_at',
        ),
        migrations.RemoveField(
            model_name='localidentityevent',
            name='doubted_at',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='localidentity',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "identity_localidentityevent" ("address_line", "attributes", "birth_date", "birth_date_precision", "birth_family", "birth_given", "birth_place_code", "birth_place_name", "city", "created_at", "deceased_on", "domain_id", "father_name", "gender", "id", "identity_checked", "ins_recovered", "known", "marked", "mother_name", "number", "patient_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phones", "postal_code", "regional_id", "said_at", "state", "survivor_id", "updated_at", "used_family", "used_given", "version") VALUES (NEW."address_line", NEW."attributes", NEW."birth_date", NEW."birth_date_precision", NEW."birth_family", NEW."birth_given", NEW."birth_place_code", NEW."birth_place_name", NEW."city", NEW."created_at", NEW."deceased_on", NEW."domain_id", NEW."father_name", NEW."gender", NEW."id", NEW."identity_checked", NEW."ins_recovered", NEW."known", NEW."marked", NEW."mother_name", NEW."number", NEW."patient_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."phones", NEW."postal_code", NEW."regional_id", NEW."said_at", NEW."state", NEW."survivor_id", NEW."updated_at", NEW."used_family", NEW."used_given", NEW."version"); RETURN NULL;', hash='c13ade7711aaa487a1f025b550bf18dfc79bf218', operation='INSERT', pgid='pgtrigger_insert_insert_f59fd', table='identity_localidentity', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='localidentity',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "identity_localidentityevent" ("address_line", "attributes", "birth_date", "birth_date_precision", "birth_family", "birth_given", "birth_place_code", "birth_place_name", "city", "created_at", "deceased_on", "domain_id", "father_name", "gender", "id", "identity_checked", "ins_recovered", "known", "marked", "mother_name", "number", "patient_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phones", "postal_code", "regional_id", "said_at", "state", "survivor_id", "updated_at", "used_family", "used_given", "version") VALUES (NEW."address_line", NEW."attributes", NEW."birth_date", NEW."birth_date_precision", NEW."birth_family", NEW."birth_given", NEW."birth_place_code", NEW."birth_place_name", NEW."city", NEW."created_at", NEW."deceased_on", NEW."domain_id", NEW."father_name", NEW."gender", NEW."id", NEW."identity_checked", NEW."ins_recovered", NEW."known", NEW."marked", NEW."mother_name", NEW."number", NEW."patient_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."phones", NEW."postal_code", NEW."regional_id", NEW."said_at", NEW."state", NEW."survivor_id", NEW."updated_at", NEW."used_family", NEW."used_given", NEW."version"); RETURN NULL;', hash='61eede871f700a11fd52adecf8c00cc96a831422', operation='UPDATE', pgid='pgtrigger_update_update_713c0', table='identity_localidentity', when='AFTER')),
        ),
        row_security.policies(
            "identity_identitymark", select=CELL, insert=IS_INTERNAL, update=IS_INTERNAL
        ),
    ]
