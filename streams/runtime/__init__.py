"""Process entry points, the supervisor of `accueil up`, health, logs and the instance lock; may import every package but `streams.cli`."""
