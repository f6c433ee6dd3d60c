"""Asking back before something is done: "Reply YES within a minute", or the person's PIN.

``pending``     which question is open with whom, in memory: a restart forgets it, and nothing happens
``hashes``      PINs as salted scrypt hashes in a file of the state folder
``tries``       how many wrong PINs there were, on the disk, so that a restart gives no new tries
``pins``        both: is this the person's PIN, or are there no more tries
``confirming``  :class:`Confirming`: what an ingress that can ask has, and one that cannot has not

The words are the channel's own; what counts as an answer, for whom, how long and how often is decided here.
"""

from latchwire.confirmation.confirming import Confirming
from latchwire.confirmation.pending import SECONDS, Question
from latchwire.confirmation.pins import Pins

__all__ = ["SECONDS", "Confirming", "Pins", "Question"]
