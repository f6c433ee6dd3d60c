"""The asking half of Latchwire: who, may they, sign, publish, wait for the receipt, tell.

``sender``        :class:`Sender`: one issuer's connection
``answer``        the five endings
``agents``        what was heard of the agents
``open_command``  one command from its signing to its end
``once``          the moment that its end comes, to wait for
``memory``        all that were published, and what is known never to be done
``receipts``      what comes of a receipt: an end, or one more try
``verification``  whether a receipt is an agent's word
"""

from latchwire.sender.answer import Answer, Ending
from latchwire.sender.sender import Sender

__all__ = ["Answer", "Ending", "Sender"]
