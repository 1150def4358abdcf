"""Manager interface (AMI) of an Asterisk: the live stream of its calls, queues and agents."""
