"""One citizen: linked identities, figures of contacts over weeks, and reattribution of contacts."""
