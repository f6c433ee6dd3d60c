"""The actuator service for Quarkifi MagIQ power sockets, which it reaches through their cloud over HTTPS.

    cloud.py          the seam: what a cloud can be asked, and what it says of a socket
    client.py         the real cloud: signed requests on one pooled session, and which failure means what
    transport.py      that session: one TLS context, no redirects, no cookies, live connections
    answers.py        an answer's bytes to what it says of the socket, pure
    simulated.py      a cloud inside the process, for an agent that `runs` `simulated`
    smart_socket.py   one handler a socket, in the words of the kit: on, off, toggle, status
    circuit.py        leaves a cloud that does not answer alone for a while, pure
    budget.py         how often sockets are looked at, pure
    credentials.py    key and secret, from the environment or from files
    settings.py       what the configuration says of the bridge, checked at once
    devices.py        puts these together for one agent's configuration
    main.py           the program

Nothing here knows MQTT or signed commands: that is ``latchwire.actuator``, which calls the handlers.
"""

__version__ = "0.1.0"
