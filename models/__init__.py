"""The vocabulary of Accueil: events, contacts, identities, topics, reasons. No I/O, no clock, no Kafka."""
