"""The rows of the table, a module each: its constant ``ROW`` is all that is looked for (:mod:`bench.row`)."""
