"""Alembic's migrations of the timeline's tables."""
