"""How a person lives: home, helpers, rights, protection, and what an emergency must know."""

from django.apps import AppConfig


class SituationsConfig(AppConfig):
    name = "carbet.coordination.situations"
    label = "situations"
    verbose_name = "Situations de vie"
