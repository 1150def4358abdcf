"""Shared code of the connectors that read a mailbox: headers, conversations, classification and mapping of messages."""
