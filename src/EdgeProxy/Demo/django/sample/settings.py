"""Settings of the sample project, for Django 3.2 and later.

    SLOT                   what X-Slot says: blue or green
    SAMPLE_ALLOWED_HOSTS   comma-separated ALLOWED_HOSTS; default *
    SAMPLE_SSL_REDIRECT    1: redirect what did not arrive over https to https
    SAMPLE_VERSION         what / says; default 1
    SAMPLE_BOOT_SECONDS    a slow start: seconds that the import takes; default 0
    SAMPLE_FAULT           import: fail while gunicorn imports the project
                           health-500, health-hang: what the health path does instead of responding
"""
import os

SLOT = os.environ.get("SLOT", "none")
VERSION = os.environ.get("SAMPLE_VERSION", "1")
FAULT = os.environ.get("SAMPLE_FAULT", "")
BOOT_SECONDS = float(os.environ.get("SAMPLE_BOOT_SECONDS", "0"))

DEBUG = False
SECRET_KEY = "a sample keeps no secrets"  # nothing here signs anything
ALLOWED_HOSTS = os.environ.get("SAMPLE_ALLOWED_HOSTS", "*").split(",")
SECURE_SSL_REDIRECT = os.environ.get("SAMPLE_SSL_REDIRECT", "") == "1"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

ROOT_URLCONF = "sample.urls"
WSGI_APPLICATION = "sample.wsgi.application"
INSTALLED_APPS = []
DATABASES = {}
USE_TZ = True
TIME_ZONE = "UTC"
MIDDLEWARE = [
    "sample.middleware.name_slot",  # outermost: also refused requests say which slot refused them
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]

# Errors with their traceback go to standard error, where systemd and EdgeProxy look for them.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}
