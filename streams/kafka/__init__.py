"""Kafka without Faust: the embedded broker, topic administration, authorization checks and readers; never imports the engine."""
