"""Locks at 18:00 on weekdays, and whatever else a calendar rule says. It begins in ``main.py``."""
