"""What an alert is about, by which way it is told, and what happens to it."""

from django.db import models


class AlertKind(models.TextChoices):
    SUPPORT_REQUEST = "support_request", "Demande d’appui"
    SUPPORT_ANSWER = "support_answer", "Réponse à votre demande d’appui"
    CIRCLE = "circle", "Cercle de soins"
    URGENT_NOTE = "urgent_note", "Note urgente"
    NOTE = "note", "Note du cahier"
    NOTE_MENTION = "note_mention", "On vous appelle dans le cahier"
    PLAN_PROPOSED = "plan_proposed", "Plan à approuver"
    PLAN_DECIDED = "plan_decided", "Plan approuvé ou commenté"
    GLASS = "glass", "Accès exceptionnel"
    TASK = "task", "Tâche"
    STAY = "stay", "Entrée ou sortie d’établissement"
    SUBSCRIPTION = "subscription", "Abonnement d’un logiciel arrêté"
    APPOINTMENT = "appointment", "Rendez-vous"
    MESSAGE = "message", "Message"
    MENTION = "mention", "On vous demande dans une discussion"
    URGENT_MESSAGE = "urgent_message", "Message urgent"
    OFFER = "offer", "Page de structure à mettre à jour"
    CASE = "case", "Dossier d’appui confié"
    DETECTED = "detected", "Signal à regarder"
    DOCUMENT = "document", "Document reçu"


class Channel(models.TextChoices):
    """By which way an alert leaves the screen."""

    PUSH = "push", "Notification"
    MAIL = "mail", "E-mail"
    SMS = "sms", "SMS"


class PersonChoice(models.TextChoices):
    """Which alerts about one person leave the screen."""

    ALL = "all", "Toutes les alertes"
    URGENT = "urgent", "Les urgentes seulement"
    NONE = "none", "Aucune, même urgente"


class StepKind(models.TextChoices):
    """What happened to an urgent alert."""

    RAISED = "raised", "Alerte envoyée"
    ESCALATED = "escalated", "Sans lecture : transmise à"
    NOBODY = "nobody", "Sans lecture : personne de plus à prévenir"
    READ = "read", "Lue par"
    TAKEN = "taken", "« Je m’en occupe » :"
    RELEASED = "released", "Ne peut plus s’en occuper :"


class Closure(models.TextChoices):
    """Why an escalation stopped."""

    READ = "read", "Lue"
    TAKEN = "taken", "Prise en charge"
    NOBODY = "nobody", "Plus personne à prévenir"


class DeliveryStatus(models.TextChoices):
    WAITING = "waiting", "À envoyer"
    SENT = "sent", "Envoyé"
    DROPPED = "dropped", "Non envoyé"
