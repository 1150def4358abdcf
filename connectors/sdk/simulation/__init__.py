"""Common parts of simulators: command-line options, an HTTP server, and a server that sends events over connections."""
