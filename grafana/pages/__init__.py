"""One module for each dashboard, whose `PAGE` says what is on it."""
