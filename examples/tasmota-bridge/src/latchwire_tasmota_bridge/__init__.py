"""Tasmota and ESPHome switches as Latchwire devices: ``main.py`` is where to begin to read."""
