"""Exactly-once stream processing on Faust and Kafka; imports nothing of Accueil's domain, only `streams.kafka`."""
