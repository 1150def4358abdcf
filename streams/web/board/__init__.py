"""Contents and texts of the board and the wall. Most modules compute them from a snapshot.

`day_windows` and `typical_day` also sum the figure rows for the snapshots. `at_risk` reads clock events from Kafka.
"""
