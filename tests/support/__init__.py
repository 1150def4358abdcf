"""Helpers of the tests: plain modules."""
