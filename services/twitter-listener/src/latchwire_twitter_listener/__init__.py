"""The ingress for X (Twitter): a post by somebody you named becomes a signed command.

posts       what X sends → a post, or "not a post" with the reason
obeying     a post → a command, or why nothing happens
seen        each post acts once
people      names → numeric ids, looked at again daily
source      the seam behind which posts come from: ``stream`` or ``poll``
listener    ties these together and asks the signing half of Latchwire to do it
main        the program: the listener in the frame that all services share
"""

from typing import Final

__version__: Final = "0.1.0"
