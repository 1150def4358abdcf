"""The manager interface (AMI) of an Asterisk: what happens there, as it happens.

`wire` is the format, `session` a connection, `watch` what is remembered, `translation` and `snapshot` tell as records of the log
what messages say, and `part` is all of it as a part of the source.
"""
