"""Processes: the supervisor, the entry point of each process, health, logs and the instance lock."""
