"""The security core: what a command is, who signed it, whether it is fresh, and what to answer.

Everything here is pure: no input or output, no clock of its own (the time comes in as an argument), no threads,
no randomness. ``docs/protocol.md`` is the same in prose, with bytes to check against.

``token``    compact JWS with HS256, for commands and receipts
``keys``     keyrings: who shares which secret with whom
``claims``   the form of a command's and of a receipt's claims
``nonce``    the agent's rolling nonce and the commands it remembers
``verdict``  the checks of a command in their order
"""
