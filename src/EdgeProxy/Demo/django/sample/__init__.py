"""A small Django project to put behind EdgeProxy: one app, no database, every knob an environment variable (see settings.py)."""
