"""What every running service shares: its process, its health, and where it reads what it needs.

``frame``    signals, reload, start and stop, ``--health`` and ``--check``
``control``  the Unix socket that tells the health
``one_cpu``  where its threads run
``home``     endpoint, login, keys and agents beside the user's config.json
"""
