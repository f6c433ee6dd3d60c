"""Starts the relay agent, compiled.

This archive holds sources, so that it is the same whatever Python made it and serves every Python from 3.11. At the
first start on a machine it compiles itself, once, into one file beside it; ``--compile`` does that and nothing else.
"""

import os
import sys

BUILD = "@BUILD@"

FOLDERS = (os.path.dirname(sys.path[0]) or ".", os.environ.get("LATCHWIRE_RUN") or "/var/run/relay-agent")
NAME = f"relay-agent-{BUILD}.{sys.implementation.cache_tag}.zip"

compiled = next((path for path in (f"{folder}/{NAME}" for folder in FOLDERS) if os.path.exists(path)), None)
if compiled is None:
    from compiling import compile_once

    compiled = compile_once(sys.path[0], FOLDERS, NAME)
if sys.argv[1:] != ["--compile"]:
    sys.path[0] = compiled
    from latchwire_relay_agent.omega import main

    sys.exit(main())
