"""One module for each dashboard, which defines its `PAGE`."""
