"""The ingress for WhatsApp through Twilio: hears a signed message, asks the kit, answers in plain words.

    app → conversation → journal     has this message been heard before?
                       → words       what does it mean?
                       → asking      the kit: may they, sign, publish, wait for the receipt
                       → replies     the outcome in plain words

Nothing in this package knows how a command is signed, or MQTT.
"""

__version__ = "0.1.0"
