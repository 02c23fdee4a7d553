"""Where the cache lives: a table of its own, on a connection of its own."""

from typing import Any


class CacheRouter:
    """Send the cache to the "cache" connection, which commits by itself.

    In the request's transaction, a count of attempts would be undone with a refusal, and its lock
    would make everyone behind one address wait for each other.
    """

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "cache" if model._meta.app_label == "django_cache" else None

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return self.db_for_read(model)
