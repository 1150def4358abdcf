"""The business metrics: what each is called, which channels have it, and how it is read from figures."""
