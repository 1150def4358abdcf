"""SLA clocks: intervals, deadlines, and the events that clocks emit."""
