"""The shop: the routes of the sample project, two apps, PostgreSQL, static files with hashed names. SECRET_KEY is known to its units only."""
import os
from pathlib import Path

from sample.settings import *  # noqa: F401,F403

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["SECRET_KEY"]
ROOT_URLCONF = "webshop.urls"
WSGI_APPLICATION = "webshop.wsgi.application"
INSTALLED_APPS = ["django.contrib.staticfiles", "shop", "news"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "webshop"}}  # the local socket, as the user of the unit
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
STATIC_URL = "/static/"
STATIC_ROOT = os.environ["STATIC_ROOT"]
STATICFILES_STORAGE = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
MEDIA_ROOT = BASE_DIR / "media"
FAULT = ""
