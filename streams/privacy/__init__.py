"""GDPR requests of citizens: export, erasure and its proof. Imports `models`, `streams.core` and `streams.timeline` only."""
