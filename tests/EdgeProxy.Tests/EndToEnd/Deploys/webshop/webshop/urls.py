"""The sample project's routes; the health path and the page are the shop's own."""
from django.urls import path
from sample.urls import urlpatterns as sample
from shop import views

urlpatterns = [path("v1/config/feature-flags/", views.feature_flags), path("page", views.page), *sample]
