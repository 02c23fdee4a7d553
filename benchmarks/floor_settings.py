"""Settings of the floor: the house's database, and nothing else of the house."""

from carbet.config import environment

SECRET_KEY = "floor"  # noqa: S105 - signs nothing
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.floor"
MIDDLEWARE: list[str] = []
INSTALLED_APPS: list[str] = []
DATABASES = {"default": environment.database("application")}
USE_TZ = True
