"""Forecast of arrivals, and the number of agents needed. Pure functions; imports nothing of Accueil."""
