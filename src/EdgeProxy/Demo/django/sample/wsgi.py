"""What gunicorn runs: sample.wsgi."""
import os
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sample.settings")

from django.conf import settings  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

time.sleep(settings.BOOT_SECONDS)
if settings.FAULT == "import":
    raise RuntimeError("the import fails because SAMPLE_FAULT=import")

application = get_wsgi_application()
