"""One contact or agent: the row that its events fold to."""
