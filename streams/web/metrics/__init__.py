"""Business metrics: names, help texts, channels, and the functions that read them from figures."""
