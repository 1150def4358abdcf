"""The source systems of the département, each played through its own interface."""
