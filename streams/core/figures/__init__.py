"""Figures: exact counts and distributions, and the facts of a contact that change them."""
