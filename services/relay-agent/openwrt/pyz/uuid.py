"""Empty: paho-mqtt makes a client id with it where it was given none, and keys for WebSockets; both never happen here.

A test reads paho's source and fails when a version of it uses this at another place.
"""
