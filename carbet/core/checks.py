"""What must not go to production: asked by `carbet manage check --deploy`."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.checks import Warning as Doubt


@register(Tags.security, deploy=True)
def demonstration_is_off(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Refuse a demonstration: its passwords are public and its codes are shown."""
    if not settings.DEMONSTRATION:
        return []
    return [
        Error(
            "CARBET_DEMONSTRATION est actif : les mots de passe et les codes sont publics.",
            hint="Retirez CARBET_DEMONSTRATION, et chargez de vrais comptes.",
            id="carbet.E001",
        )
    ]


@register(Tags.security, deploy=True)
def secret_key_is_a_secret(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Refuse a secret key that is short, or that anyone could guess."""
    key = settings.SECRET_KEY
    if len(key) >= 50 and len(set(key)) >= 10 and "insecure" not in key:
        return []
    return [
        Error(
            "CARBET_SECRET_KEY est trop courte ou devinable.",
            hint="Donnez cinquante caractères au hasard, ou laissez Carbet en créer une.",
            id="carbet.E002",
        )
    ]


@register(Tags.security, deploy=True)
def pages_are_encrypted(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Refuse to speak in clear: cookies and pages would be readable on the way."""
    if settings.PUBLIC_URL.startswith("https://"):
        return []
    return [
        Error(
            "CARBET_PUBLIC_URL ne commence pas par https://.",
            hint="Donnez l’adresse que voient les navigateurs, derrière votre serveur TLS.",
            id="carbet.E003",
        )
    ]


@register(Tags.compatibility, deploy=True)
def custodian_has_a_number(app_configs: Any, **kwargs: Any) -> list[Doubt]:
    """Ask who keeps the documents of structures that have no national number."""
    said = settings.CUSTODIAN_NUMBER
    if said.isdecimal() and (said[0], len(said)) in (("1", 10), ("3", 15)):
        return []
    return [
        Doubt(
            "CARBET_CUSTODIAN ne dit pas qui conserve les documents produits ici.",
            hint="Donnez « 1 » suivi du FINESS, ou « 3 » suivi du SIRET, puis votre nom.",
            id="carbet.W004",
        )
    ]
