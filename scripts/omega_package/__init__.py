"""Builds what is copied to an Omega: ``dist/relay-agent.pyz`` and ``dist/relay-agent_VERSION_all.ipk``.

closure   which modules relay-agent reaches when it runs from a bundle
locked    paho-mqtt and smbus2, in the versions and with the contents that the lock file names
archive   relay-agent.pyz
ipk       OpenWrt's package
"""
