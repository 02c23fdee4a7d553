"""The page and API server's entry: plain WSGI, one process a core."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carbet.config.settings")
application = get_wsgi_application()

# What is loaded stays for the life of the process: leave it out of every collection. A page makes
# some thousands of objects, nearly all freed by their counts: look for cycles less often.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
