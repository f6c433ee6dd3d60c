"""What is measured against, and the driven ends of ours: programs that :class:`bench.worker.Worker` starts."""
