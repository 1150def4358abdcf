"""Kafka without Faust: the embedded broker, topic administration, authorization errors and plain readers."""
