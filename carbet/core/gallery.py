"""The showcase at /composants: every component in its states, whole pages on invented data."""

import json
from datetime import date, datetime, time, timedelta
from pathlib import Path

from django import forms
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from carbet.core import doors
from carbet.core.templatetags.carbet import ICONS

VIEWS = {
    "composants": "Composants",
    "accueil": "Accueil",
    "demandes": "Demandes à trier",
    "annuaire": "Annuaire",
    "patients": "Mes patients",
    "resume": "Dossier : résumé",
    "cahier": "Dossier : cahier",
    "mesures": "Dossier : mesures",
    "plan": "Dossier : plan",
    "cercle": "Dossier : cercle",
    "acces": "Dossier : accès",
}
CHART_TABS = (
    ("resume", "Résumé", "home", 0),
    ("cahier", "Cahier", "note", 3),
    ("mesures", "Mesures", "pulse", 0),
    ("plan", "Plan", "plan", 0),
    ("cercle", "Cercle", "circle", 0),
    ("acces", "Accès", "eye", 0),
)


class SampleForm(forms.Form):
    """Every kind of field, to see its states."""

    family_name = forms.CharField(
        label="Nom de naissance", help_text="Tel qu’il figure sur la pièce d’identité."
    )
    birth_date = forms.DateField(
        label="Date de naissance", widget=forms.DateInput(attrs={"type": "date"})
    )
    commune = forms.ChoiceField(
        label="Commune",
        choices=[
            ("", "Choisir"),
            ("97307", "Matoury"),
            ("97302", "Cayenne"),
            ("97353", "Maripasoula"),
        ],
    )
    phone = forms.CharField(label="Téléphone", required=False, help_text="Dix chiffres.")
    reason = forms.CharField(
        label="Ce qui vous amène à demander un appui", widget=forms.Textarea(attrs={"rows": 3})
    )
    urgency = forms.ChoiceField(
        label="Délai souhaité",
        widget=forms.RadioSelect,
        choices=[
            ("routine", "Sous une semaine"),
            ("soon", "Sous 48 heures"),
            ("urgent", "Aujourd’hui"),
        ],
    )
    needs = forms.MultipleChoiceField(
        label="Domaines concernés",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[
            ("home", "Maintien à domicile"),
            ("rights", "Droits et ressources"),
            ("carer", "Répit de l’aidant"),
        ],
    )
    consent = forms.BooleanField(
        label="La personne accompagnée a été informée et ne s’y oppose pas"
    )


def _ago(days=0, hours=0, minutes=0):
    return timezone.now() - timedelta(days=days, hours=hours, minutes=minutes)


def _at(day_offset, hour, minute=0):
    day = timezone.localdate() + timedelta(days=day_offset)
    return timezone.make_aware(datetime.combine(day, time(hour, minute)))


def _moment(value):
    """Turn the relative dates of the sample into dates of today."""
    if "ago_minutes" in value:
        return _ago(minutes=value["ago_minutes"])
    if "hour" in value:
        return _at(value["in_days"], value["hour"], value["minute"])
    if "in_days" in value:
        return timezone.localdate() + timedelta(days=value["in_days"])
    return date.fromisoformat(value["date"]) if "date" in value else value


def _sample():
    text = (Path(__file__).parent / "templates/gallery/sample.json").read_text(encoding="utf-8")
    return json.loads(text, object_hook=_moment)


def _chart(view):
    return {
        "banner": {
            "name": "Claire N’GWETE",
            "birth_name": "SOPHIE-DÉSIRÉE",
            "sex": "F",
            "birth_date": date(1951, 3, 14),
            "place": "Matoury",
            "phone": "0694350010",
            "ins_label": "INS qualifiée",
            "ins_tone": "success",
            "consent_label": "Informée, d’accord",
            "consent_tone": "success",
            "breaking_glass_until": _ago(hours=-2) if view == "acces" else None,
            "breaking_glass_reason": "Appel du SAMU, patiente inconsciente",
            "actions": [],
        },
        "tabs": [
            {
                "label": label,
                "url": f"?vue={key}",
                "icon": drawing,
                "count": count,
                "current": key == view,
            }
            for key, label, drawing, count in CHART_TABS
        ],
    }


@doors.public()
@require_safe
def gallery(request):
    """Show the component gallery, or one of the sample pages with `?vue=`."""
    view = request.GET.get("vue", "composants")
    if view not in VIEWS:
        view = "composants"
    systolic = [142, 138, 145, 139, 151, 148, 156, 149, 162, 178]
    weights = [71.2, 71.0, 70.4, 70.6, 69.8, 69.1, 68.9, 68.2]
    context = {
        "view": view,
        "views": VIEWS,
        "form": SampleForm(initial={"family_name": "N’GWETE"}),
        "wrong_form": SampleForm(
            {"birth_date": "31/02/1951", "reason": "", "urgency": "demain"},
            prefix="faux",
            auto_id="id_%s",
        ),
        "tones": ("neutral", "accent", "info", "success", "warning", "danger", "new"),
        "icons": sorted(ICONS),
        **_sample(),
        "systolic": systolic,
        "weights": weights,
        "pressure_points": [
            (_ago(days=len(systolic) - i), value) for i, value in enumerate(systolic)
        ],
        "weight_points": [
            (_ago(days=7 * (len(weights) - i)), value) for i, value in enumerate(weights)
        ],
        "steps": ["Identité", "Motif", "Accord de la personne", "Envoi"],
        "now": timezone.now(),
        "yesterday": _at(-1, 9),
        "tomorrow": _at(1, 8, 30),
        **(_chart(view) if view in {key for key, *_ in CHART_TABS} else {}),
    }
    return render(request, f"gallery/{view}.html", context)
