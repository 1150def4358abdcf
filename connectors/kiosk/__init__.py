"""The desk: pages for a front desk that has no ticket machine, and the small server behind them.

Visitors take tickets on one page, agents call and serve them on another. The server numbers the tickets, keeps what was done in a
journal on disk, and tells it, signed, to a `webhook` connector, on this machine or far away. It does so itself, and not the
pages: so the secret stays out of browsers, several pages share one waiting room, and a visit is safe once it is in the journal,
whether the connector answers just then or not.
"""
