"""An interpreter that imports packages, says so, and stays: what a service cannot do without.

    imports PACKAGE…

Run as a file, not as a module of ours, so that nothing else is imported.
"""

import sys
import time

for name in sys.argv[1:]:
    __import__(name)
sys.stderr.write("ready\n")
sys.stderr.flush()
time.sleep(600)
