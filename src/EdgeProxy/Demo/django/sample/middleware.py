"""Middleware of the sample project."""
from django.conf import settings


def name_slot(get_response):
    """Every response says which slot gave it."""

    def middleware(request):
        response = get_response(request)
        response["X-Slot"] = settings.SLOT
        return response

    return middleware
