"""The service my-observer: ``main.py`` is all of it."""
