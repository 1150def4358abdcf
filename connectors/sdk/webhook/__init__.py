"""Base of connectors that receive messages by HTTP. The server responds with 2xx once a message's events are safe."""
