"""The same routes as the sample backend that is built into EdgeProxy."""
from django.urls import path

from . import views

urlpatterns = [
    path("", views.identity),
    path("v1/config/feature-flags/", views.feature_flags),
    path("healthz", views.feature_flags),
    path("slow", views.slow),
    path("status/<int:code>", views.status),
    path("hash", views.hash_body),
    path("headers", views.headers),
    path("events", views.events),
    path("download", views.download),
]
