"""One target under atheris: ``python -m fuzz.engine TARGET [libFuzzer's options and folders]``.

Only the code of Latchwire is instrumented, so that what guides the search is Latchwire's own branches and not those of
the properties that the target asserts, or of a library.
"""

import importlib
import logging
import sys
from typing import Final

import atheris

OURS: Final = ("latchwire", "latchwire_twitter_listener", "latchwire_whatsapp_webhook")


def main() -> None:
    """Runs until libFuzzer has done what its options say; its exit status is the process's."""
    name = sys.argv.pop(1)
    logging.disable()
    with atheris.instrument_imports(include=OURS):
        target = importlib.import_module(f"fuzz.targets.{name}")
    sys.argv[0] = f"{sys.executable} -m fuzz.engine {name}"  # libFuzzer starts itself anew to merge
    atheris.Setup([*sys.argv, f"-max_len={target.LONGEST}"], target.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
