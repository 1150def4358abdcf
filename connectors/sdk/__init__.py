"""The public contract of a connector: configuration, source, mapping, publisher, spool, cursor."""
