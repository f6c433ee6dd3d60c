"""Nearly empty: paho-mqtt parses a proxy's address with it, pathlib makes ``file:`` addresses; both never happen here."""


def quote_from_bytes(_path: bytes) -> str:
    """What ``pathlib.Path.as_uri`` of Python 3.11 imports, and nobody here calls."""
    raise NotImplementedError("relay-agent.pyz has no urllib.parse")
