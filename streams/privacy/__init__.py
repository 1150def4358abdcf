"""GDPR requests of citizens: export, erasure and retention. Imports `models`, `core` and `timeline`."""
