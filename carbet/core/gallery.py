"""The showcase at /composants: every component with its states, and whole pages on invented data."""

from datetime import date, datetime, time, timedelta

from django import forms
from django.shortcuts import render
from django.utils import timezone

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


def _notes():
    return [
        {
            "id": "n5",
            "kind": "Intervention",
            "icon": "heart",
            "urgent": True,
            "new": True,
            "author": "Mme Rosa Pinto",
            "role": "Infirmière à domicile",
            "organization": "Cabinet des Palmiers, Matoury",
            "at": _ago(minutes=24),
            "text": "Tension 178/102 au bras droit, reprise après dix minutes de repos : 172/98. Maux de tête depuis ce matin, "
            "pas de trouble de la parole ni de la vue. Le mari dit que le traitement du soir n’a pas été pris deux jours de suite.",
            "replies": [
                (
                    "Dr Yann Le Bihan",
                    "Médecin généraliste",
                    _ago(minutes=9),
                    "Vu. Je l’appelle et je passe avant 13 h. Merci de reprendre la tension à midi.",
                )
            ],
        },
        {
            "id": "n4",
            "kind": "Demande d’avis",
            "icon": "message",
            "new": True,
            "author": "Mme Léa Joseph-Rose",
            "role": "Kinésithérapeute",
            "organization": "Libérale, Rémire-Montjoly",
            "at": _ago(hours=5),
            "text": "Spasticité du membre supérieur gauche en augmentation. Une injection de toxine serait-elle à discuter ?",
        },
        {
            "id": "n3",
            "kind": "Observation",
            "icon": "note",
            "new": True,
            "corrected": True,
            "author": "M. Teddy Cabassou",
            "role": "Auxiliaire de vie",
            "organization": "SSIAD de l’Île de Cayenne",
            "at": _at(-1, 17, 40),
            "text": "A bien déjeuné. Marche jusqu’à la terrasse avec le déambulateur.",
            "correction": "Corrigé hier à 18 h par M. Cabassou : « sans aide » remplacé par « avec le déambulateur ».",
        },
        {
            "id": "n2",
            "kind": "Consigne",
            "icon": "plan",
            "author": "Dr Yann Le Bihan",
            "role": "Médecin généraliste",
            "organization": "Maison de santé de Matoury",
            "at": _at(-3, 11, 5),
            "text": "Surveiller la tension matin et soir pendant dix jours. Me prévenir au-delà de 160/95.",
        },
        {
            "id": "n1",
            "kind": "Observation",
            "icon": "note",
            "struck": True,
            "author": "Mme Rosa Pinto",
            "role": "Infirmière à domicile",
            "organization": "Cabinet des Palmiers, Matoury",
            "at": _at(-3, 8, 20),
            "text": "Pansement du talon refait.",
            "correction": "Retiré le lendemain par Mme Pinto : note écrite dans le mauvais dossier.",
        },
    ]


def _plan():
    soon = timezone.localdate()
    return [
        {
            "title": "Rester chez elle avec son mari, en sécurité",
            "domain": "Maintien à domicile",
            "goals": [
                {
                    "title": "Se lever et faire sa toilette sans chute",
                    "status": "En cours",
                    "tone": "info",
                    "target": "pour le 31 janvier",
                    "actions": [
                        {
                            "title": "Aide à la toilette cinq matins par semaine",
                            "who": "SSIAD de l’Île de Cayenne",
                            "due": soon - timedelta(6),
                            "status": "En cours",
                            "tone": "info",
                        },
                        {
                            "title": "Barres d’appui et siège de douche",
                            "who": "Mme Nadège Etienne, ergothérapeute",
                            "due": soon - timedelta(4),
                            "status": "À faire",
                            "tone": "warning",
                            "late": True,
                        },
                    ],
                },
                {
                    "title": "Marcher jusqu’au jardin avec le déambulateur",
                    "status": "Atteint",
                    "tone": "success",
                    "target": "",
                    "actions": [
                        {
                            "title": "Rééducation trois fois par semaine",
                            "who": "Mme Léa Joseph-Rose, kinésithérapeute",
                            "due": soon + timedelta(39),
                            "status": "En cours",
                            "tone": "info",
                        },
                    ],
                },
            ],
        },
        {
            "title": "Que son mari puisse souffler",
            "domain": "Répit de l’aidant",
            "goals": [
                {
                    "title": "Une demi-journée libre chaque semaine",
                    "status": "À commencer",
                    "tone": "neutral",
                    "target": "pour le 15 décembre",
                    "actions": [
                        {
                            "title": "Évaluer la charge de l’aidant (Zarit)",
                            "who": "Arya Sommer, coordinatrice",
                            "due": soon + timedelta(3),
                            "status": "À faire",
                            "tone": "warning",
                        },
                        {
                            "title": "Chercher une place d’accueil de jour",
                            "who": "",
                            "due": soon + timedelta(12),
                            "status": "À faire",
                            "tone": "warning",
                        },
                    ],
                },
            ],
        },
    ]


def _team():
    return [
        {
            "name": "Dr Yann Le Bihan",
            "profession": "Médecin généraliste",
            "organization": "Maison de santé de Matoury",
            "phone": "0594350000",
            "mss": "yann.le-bihan@exemple.mssante.fr",
            "referent": True,
        },
        {
            "name": "Arya Sommer",
            "profession": "Coordinatrice",
            "organization": "DAC Guyane",
            "phone": "0594350001",
            "mss": "arya.sommer@exemple.mssante.fr",
        },
        {
            "name": "Rosa Pinto",
            "profession": "Infirmière",
            "organization": "Cabinet des Palmiers, Matoury",
            "phone": "0694350002",
            "mss": "rosa.pinto@exemple.mssante.fr",
        },
        {
            "name": "Léa Joseph-Rose",
            "profession": "Kinésithérapeute",
            "organization": "Libérale, Rémire-Montjoly",
            "phone": "0694350003",
            "mss": "",
        },
        {
            "name": "SSIAD de l’Île de Cayenne",
            "profession": "Service de soins infirmiers à domicile",
            "organization": "Cayenne",
            "phone": "0594350004",
            "mss": "ssiad@exemple.mssante.fr",
        },
        {
            "name": "Marcel N’Gwete",
            "profession": "Mari, aidant principal",
            "organization": "",
            "phone": "0694350005",
            "mss": "",
        },
    ]


def _patients():
    return [
        {
            "name": "Claire N’GWETE",
            "birth_name": "Sophie-Désirée",
            "sex": "F",
            "birth_date": date(1951, 3, 14),
            "place": "Matoury",
            "new": 3,
            "text": "Tension élevée signalée ce matin",
            "urgent": True,
        },
        {
            "name": "José Antônio da SILVA FERREIRA",
            "birth_name": "",
            "sex": "M",
            "birth_date": date(1968, 11, 2),
            "place": "Saint-Georges",
            "new": 1,
            "text": "Sortie d’hospitalisation prévue jeudi",
        },
        {
            "name": "محمد الأمين",
            "birth_name": "",
            "sex": "M",
            "birth_date": date(1990, 1, 1),
            "place": "Cayenne",
            "new": 0,
            "text": "Plan à revoir avant le 2 décembre",
        },
        {
            "name": "Wani-Pakila AMAÏPOTI",
            "birth_name": "",
            "sex": "F",
            "birth_date": date(2025, 2, 9),
            "place": "Maripasoula (Antecume Pata)",
            "new": 0,
            "text": "",
        },
        {
            "name": "Marie-Antoinette Célestine de la TRINITÉ-JOACHIM-ARNAUD épouse VAN DER MEERSCH",
            "birth_name": "de la Trinité-Joachim-Arnaud",
            "sex": "F",
            "birth_date": date(1944, 7, 30),
            "place": "Rémire-Montjoly",
            "new": 0,
            "text": "",
        },
    ]


def _requests():
    return [
        {
            "who": "Claire N’GWETE",
            "age": "75 ans",
            "place": "Matoury",
            "reason": "Maintien à domicile après un AVC, mari épuisé",
            "by": "Dr Yann Le Bihan",
            "job": "Médecin généraliste",
            "at": _ago(minutes=3),
            "delay": "Sous 48 heures",
            "tone": "warning",
            "state": "À trier",
            "new": True,
        },
        {
            "who": "Rodrigue MAÏS",
            "age": "34 ans",
            "place": "Kourou",
            "reason": "Diabète, rupture de droits, sans logement stable",
            "by": "PASS du CHK",
            "job": "Assistante sociale",
            "at": _ago(hours=2),
            "delay": "Aujourd’hui",
            "tone": "danger",
            "state": "À trier",
            "new": True,
        },
        {
            "who": "Bernadette HO-A-CHUCK",
            "age": "88 ans",
            "place": "Sinnamary",
            "reason": "Chutes à répétition, vit seule",
            "by": "Mme Sylvie Clet",
            "job": "Infirmière",
            "at": _at(-1, 15, 10),
            "delay": "Sous une semaine",
            "tone": "neutral",
            "state": "En évaluation",
            "new": False,
        },
        {
            "who": "Ezéchiel AGOMI",
            "age": "6 ans",
            "place": "Papaïchton",
            "reason": "Suspicion de trouble du développement, orientation",
            "by": "CDPS de Papaïchton",
            "job": "Médecin",
            "at": _at(-2, 9, 30),
            "delay": "Sous une semaine",
            "tone": "neutral",
            "state": "En attente d’une pièce",
            "new": False,
        },
    ]


def _directory():
    return [
        {
            "name": "Dr Émilie Horth",
            "what": "Médecine physique et de réadaptation",
            "where": "Centre hospitalier de Cayenne",
            "distance": "11 km",
            "km": 11,
            "act": "Toxine botulique",
            "slot": _at(9, 10),
            "capacity": "2 créneaux",
            "at": _ago(hours=20),
            "tone": "success",
        },
        {
            "name": "Hôpital de jour SSR",
            "what": "Soins de suite et de réadaptation",
            "where": "Rémire-Montjoly",
            "distance": "14 km",
            "km": 14,
            "act": "Toxine botulique",
            "slot": _at(23, 9),
            "capacity": "1 place",
            "at": _ago(days=3),
            "tone": "success",
        },
        {
            "name": "Consultation avancée de neurologie",
            "what": "Neurologie",
            "where": "Centre hospitalier de Kourou",
            "distance": "52 km",
            "km": 52,
            "act": "Avis, pas d’injection",
            "slot": None,
            "capacity": "Complet",
            "at": _ago(days=1),
            "tone": "neutral",
        },
        {
            "name": "Centre hospitalier de l’Ouest guyanais",
            "what": "Neurologie",
            "where": "Saint-Laurent-du-Maroni",
            "distance": "245 km",
            "km": 245,
            "act": "Toxine botulique",
            "slot": None,
            "capacity": "Non renseigné",
            "at": _ago(days=94),
            "tone": "warning",
        },
    ]


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
        "icons": _icon_names(),
        "notes": _notes(),
        "needs": _plan(),
        "team": _team(),
        "patients": _patients(),
        "requests": _requests(),
        "places": _directory(),
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
        **(_chart(view) if view in dict((key, 0) for key, *_ in CHART_TABS) else {}),
    }
    return render(request, f"gallery/{view}.html", context)


def _icon_names():
    from carbet.core.templatetags.carbet import ICONS

    return sorted(ICONS)
