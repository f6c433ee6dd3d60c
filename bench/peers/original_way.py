"""The job of WhatsApp to MagIQ as the original sample does it: one Flask route that posts to the cloud itself.

    original_way URL CA

``requests.post`` makes a new TLS connection each time; ``app.run`` serves, in a thread for each request. Like the
sample it checks neither who asks nor what the cloud answers. One thing is in its favour: it trusts the one certificate
in CA, and needs not read the bundle of a hundred and forty for each request. Asked for anything, it tells its port.
"""

import hashlib
import hmac
import logging
import sys
import threading
from datetime import UTC, datetime

import requests
from flask import Flask, request
from twilio.twiml.messaging_response import MessagingResponse
from werkzeug.serving import make_server

from bench.worker import serve
from support.magiq_cloud import KEY, SECRET


def app(url: str, ca: str) -> Flask:
    """The route."""
    made = Flask(__name__)

    def switch(device: str, state: str) -> None:
        timestamp = datetime.now(UTC).isoformat(timespec="microseconds")
        headers = {
            "MQ-TIMESTAMP": timestamp,
            "MQ-API-KEY": KEY,
            "MQ-SIGNATURE": hmac.new(SECRET.encode(), (KEY + timestamp).encode(), hashlib.sha256).hexdigest(),
        }
        device_state = {"deviceId": device, "deviceChangeCounter": 10, "deviceState": {"switch_1": state}}
        body = {"deviceId": device, "action": "SET", "device": device_state}
        requests.post(url, json=body, headers=headers, verify=ca)  # noqa: S113  # the sample sets no time-out

    @made.post("/whatsapp")
    def whatsapp() -> str:
        words = request.values.get("Body", "").lower().split()
        state = "1" if "on" in words else "0"
        switch("".join(words[1:-1]), state)
        response = MessagingResponse()
        response.message(f"Done: turned {'ON' if state == '1' else 'OFF'}")
        return str(response)

    return made


def main(url: str, ca: str) -> None:
    """Runs it, as ``app.run`` does."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app(url, ca), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    serve(lambda _: server.port)


if __name__ == "__main__":
    main(*sys.argv[1:])
