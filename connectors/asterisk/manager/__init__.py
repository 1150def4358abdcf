"""Manager interface (AMI) of an Asterisk: the live stream of its calls, queues and agents.

`ami_protocol` is the format and `manager_session` one connection. `call_tracker` is the memory of earlier messages.
`message_translator` and `queue_status` convert messages to records of the log.
"""
