"""SLA clocks: intervals, deadlines and events. Imports only `models` and `streams.core`."""
