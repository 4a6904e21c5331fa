"""What is told."""
from django.db import models


class Entry(models.Model):
    title = models.CharField(max_length=100)
    body = models.TextField()
