"""Who is seen when, by whom: visits, appointments, free slots, absences."""

from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "carbet.coordination.scheduling"
    label = "scheduling"
    verbose_name = "Agenda partagé"
