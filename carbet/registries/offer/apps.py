"""What a structure says of itself: its hours, its closures, its beds, and what is still missing."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home


class OfferConfig(AppConfig):
    name = "carbet.registries.offer"
    label = "offer"
    verbose_name = "Offre des structures"

    def ready(self) -> None:
        presenters = import_module("carbet.registries.offer.presenters")
        home.add(presenters.HOME)
