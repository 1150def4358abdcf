"""What happens to events: core (what they mean), engine (Faust made safe and fast), agents, web, and the command line."""
