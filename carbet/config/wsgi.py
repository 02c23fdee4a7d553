"""The page and API server's entry: plain WSGI, one process a core."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carbet.config.settings")
application = get_wsgi_application()
