"""What is asked of whom, by when, done or refused."""

from importlib import import_module

from django.apps import AppConfig

from carbet.core import home


class TasksConfig(AppConfig):
    name = "carbet.coordination.tasks"
    label = "tasks"
    verbose_name = "Tâches"

    def ready(self) -> None:
        home.add(import_module("carbet.coordination.tasks.presenters").HOME)
