"""Stands in for the standard library's urllib, which paho-mqtt imports for proxies that the Omega has none of."""
