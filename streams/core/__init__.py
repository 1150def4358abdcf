"""Rows and pure functions that fold events into state. No I/O, no clock, no Kafka; imports only `models`."""
