"""Roles of API clients."""

from enum import StrEnum


class Role(StrEnum):
    """Role of a token's holder."""

    AGENT = "agent"
    """Answers citizens."""
    SUPERVISOR = "supervisor"
    """Manages the services: sees figures, but no citizen."""
    DPO = "dpo"
    """Data protection officer: handles citizens' requests about their data."""
    OPERATOR = "operator"
    """Runs the machines: sees dead letters by their reasons only."""
