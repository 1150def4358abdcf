"""Source systems of the simulated département, each operated through its own interface."""
