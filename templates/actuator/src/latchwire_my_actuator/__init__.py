"""The service my-actuator: ``main.py`` is all of it."""
