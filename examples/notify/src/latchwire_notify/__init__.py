"""Tells the owner by ntfy, or any webhook, who opened what and what is wrong. It begins in ``main.py``."""
