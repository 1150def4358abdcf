"""Process entry points, the supervisor of `accueil up`, health, logs and the instance lock.

May import every package but `streams.cli`.
"""
