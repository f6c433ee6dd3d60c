"""The service my-ingress: ``main.py`` is all of it."""
