"""Empty: paho-mqtt asks it for proxies only where the package PySocks is installed.

The real one would load http.client, email, tempfile and three decompressors: two megabytes of memory, and two packages
more on the flash. A test reads paho's source and fails when a version of it uses this at another place.
"""
