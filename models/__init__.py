"""Event models, identifiers, topics, calendars and SLA policies. No I/O, no clock, no Kafka; imports no other package."""
