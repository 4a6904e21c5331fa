"""Each visit of the health path is a row of the database: a version that cannot write is not healthy."""
from django.conf import settings
from django.http import JsonResponse
from django.shortcuts import render

from .models import Item


def feature_flags(request):
    if settings.FAULT == "health-500":
        raise RuntimeError("the health path fails")
    return JsonResponse({"item": Item.objects.create(name="seen").pk})


def page(request):
    return render(request, "shop/page.html")
