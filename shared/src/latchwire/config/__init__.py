"""What the user wrote down: what there is, who may do what, and where it all lies.

``agent``        what one agent reads of it; runs on the Omega
``strict_json``  bytes to values, hostile ones refused; runs on the Omega
``home``         the user's config.json as frozen values, and ``load``
``reloading``    the same, looked at again whenever the file changed
``examples``     invented people must not stand beside real credentials
``environment``  the one table of environment variables, and secrets
``places``       the state folder

This module imports nothing: an agent on the Omega imports ``config.agent`` through it.
"""
