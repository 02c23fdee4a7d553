"""Other systems told of what happens to a person."""

from django.apps import AppConfig


class SubscriptionsConfig(AppConfig):
    name = "carbet.coordination.subscriptions"
    label = "subscriptions"
    verbose_name = "Abonnements"
