"""A webhook as one would write it with Flask alone, behind the same server as ours.

    flask_route

It checks Twilio's signature, answers TwiML, and does nothing else. Asked for anything, it tells its port.
"""

from flask import Flask, Response, abort, request
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse

from bench.worker import serve
from latchwire_whatsapp_webhook import server
from support.house import PUBLIC, TOKEN


def app() -> Flask:
    """The route."""
    made = Flask(__name__)
    validator = RequestValidator(TOKEN)

    @made.post("/whatsapp")
    def whatsapp() -> Response:
        signature = request.headers.get("X-Twilio-Signature", "")
        if not validator.validate(f"{PUBLIC}/whatsapp", request.form, signature):
            abort(403)
        response = MessagingResponse()
        response.message("Done: the door is open.")
        return Response(str(response), content_type="text/xml; charset=utf-8")

    return made


def main() -> None:
    """Runs it, with the settings of our server."""
    running = server.Server(app(), listener=server.listen("127.0.0.1", 0))
    running.start()
    serve(lambda _: running.port)


if __name__ == "__main__":
    main()
