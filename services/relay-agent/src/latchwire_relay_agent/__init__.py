"""The actuator service for relays: door locks and sockets on an Onion Relay Expansion, over I2C.

    i2c.py        the bus: opened when needed, transient errors retried within a time limit
    mcp23008.py   the chip of one board: cold or warm start without a click, every write read back
    registers.py  the chip's registers by name
    settings.py   what the configuration says of relays, checked at once
    relays.py     one handler a device, in the words of the kit: lock, unlock, on, off, status
    simulated.py  a chip that behaves as its data sheet says, its faults included
    hardware.py   puts these together for one agent's configuration

Nothing here knows MQTT or signatures: that is ``latchwire.actuator``, which calls the handlers.
"""
