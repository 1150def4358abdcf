"""The base of connectors whose systems push: a small HTTP server that answers 2xx only for what is safe."""
