"""Latchwire: say it where you already talk, and a real lock or socket does it, once, now, or says why not.

Data goes one way: heard, allowed, signed, carried, verified, done, told. The floors, lowest first:

``model``, ``topics``, ``errors``  words that everybody shares
``protocol``                       what has to be right: tokens, keys, nonces, the verdict; pure
``bus``                            the only module that knows paho-mqtt
``config``, ``access``             the user's file; people and permissions
``actuator``, ``sender``           the two kits: acting and asking
``confirmation``, ``limits``       asking back, PINs; how often one person may work one device
``ingress``                        the whole asking side: may they, confirmed, signed, told
``service``                        the process of a service, and what it reads
``kit``                            what services are made from, ours and anybody's: docs/api.md
``cli``                            the command line

An import goes down this list, never up. This module imports nothing, so that an agent on a small board
pays for what it uses and no more.
"""

__all__ = ["__version__"]
__version__ = "0.1.0"
