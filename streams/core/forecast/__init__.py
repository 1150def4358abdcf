"""Forecast of arrivals, and the number of agents that they need."""
