"""Common parts of simulators of source systems.

`cli_options`: command-line options and printed settings. `http_app`: HTTP servers. `event_server`: servers that send events over
connections. `poster`: clients that send messages. `switchboard`: callers and agents, with their `call_profile` and `call_ledger`.
"""
