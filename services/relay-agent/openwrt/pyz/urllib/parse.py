"""Nearly empty: paho-mqtt parses proxies' addresses with it, pathlib makes ``file:`` ones; neither happens here."""


def quote_from_bytes(_path: bytes) -> str:
    """What ``pathlib.Path.as_uri`` of Python 3.11 imports, and nobody here calls."""
    raise NotImplementedError("relay-agent.pyz has no urllib.parse")
