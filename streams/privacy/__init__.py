"""GDPR requests of citizens: export, erasure and its proof. Imports `models`, `core` and `timeline`."""
