"""Benchmarks: Latchwire beside what its people would use instead, and beside the floor.

``make bench`` runs all of it and writes ``docs/performance/``. A machine is noisy, so no absolute time is a goal: all
variants of a row are measured in one run, in turns of a few milliseconds in shuffled order, and what is judged is a
ratio of two of them, with an interval that says how far it can be trusted.

``row``         what a row is, and what it hands back
``lab``         what a row measures with: brokers, programs, peers; all of it ends with the row
``measuring``   turns in shuffled order
``statistics``  percentiles, ratios and their intervals
``worker``      a peer in a process of its own, asked line by line
``report``      the table, ``docs/performance/README.md``
``plots``       the pictures; the only module that needs matplotlib, and runs in an environment of its own
``rows/``       one module a row
``peers/``      what is measured against, and the driven ends of ours
"""
