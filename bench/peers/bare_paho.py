"""A round trip as one would write it with bare paho-mqtt, unsigned: publish, the other side answers, read the answer.

    bare_paho answer HOST PORT NAME PASSWORD COMMAND_TOPIC ANSWER_TOPIC DELAY
    bare_paho ask    HOST PORT NAME PASSWORD COMMAND_TOPIC ANSWER_TOPIC DELAY

The answering side answers in ``on_message`` and runs ``loop_forever``; the asking side has ``loop_start`` and a queue.
QoS 1 both ways, TCP_NODELAY on, MQTT 3.1.1, which is paho's default. ``DELAY`` is ``nodelay``, or ``nagle``:
TCP_NODELAY left as it is; or ``mqtt5``: the same on MQTT 5, with a Message Expiry Interval on the command, as ours
has it; or ``one-cpu``: all threads of an end on one CPU, as ours are. ``answer-after`` answers from a thread of its
own, as everything does that works hardware.
"""

import queue
import socket
import sys
import threading
from collections.abc import Callable, Sequence

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bench.worker import serve_samples
from latchwire.service.one_cpu import settle

ANSWER_SECONDS = 20.0


def connected(words: Sequence[str], hear: str, heard: Callable[[bytes], object]) -> paho.Client:
    """A client that is connected and subscribed; the words are host, port, name, password, …, the delay."""
    host, port, name, password, *_, delay = words
    subscribed = threading.Event()
    protocol = MQTTProtocolVersion.MQTTv5 if delay == "mqtt5" else MQTTProtocolVersion.MQTTv311
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=protocol)
    client.username_pw_set(name, password)
    if delay != "nagle":
        client.on_socket_open = _no_delay
    client.on_connect = lambda *_: void(client.subscribe(hear, qos=1))
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, message: void(heard(bytes(message.payload)))
    client.connect(host, int(port))
    client.loop_start()
    if not subscribed.wait(10):
        raise SystemExit("the broker does not answer")
    return client


def _no_delay(_client: paho.Client, _data: object, sock: object) -> None:
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def main(part: str, *words: str) -> None:
    """Runs one side."""
    command, answer = words[4:6]
    if words[-1] == "one-cpu":
        settle("bench", {}, acts=part != "ask")
    if part == "ask":
        answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        client = connected(words, answer, answers.put)

        def once() -> None:
            expiry = None
            if words[-1] == "mqtt5":
                expiry = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
                expiry.MessageExpiryInterval = 35
            client.publish(command, b"unlock", qos=1, properties=expiry)
            answers.get(timeout=ANSWER_SECONDS)

        serve_samples(once)
        return
    work: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def reply(payload: bytes) -> None:
        client.publish(answer, payload, qos=1)

    def reply_to_all() -> None:
        while True:
            reply(work.get())

    after = part == "answer-after"
    client = connected(words, command, work.put if after else reply)
    if after:
        threading.Thread(target=reply_to_all, daemon=True).start()
    serve_samples(lambda: None)


def void(_: object) -> None:
    """Drops a value."""


if __name__ == "__main__":
    main(*sys.argv[1:])
