"""HTTP API of citizens' timelines and privacy requests, and the timeline page."""
