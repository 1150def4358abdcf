"""Kiosk: web pages and a small server for a front desk without a ticket machine.

Visitors take tickets on one page; agents call and serve visitors on another. The server numbers the tickets, journals every
action on disk, and posts it, signed, to a `webhook` connector on this or another machine. The pages do not post to the connector
themselves. The secret therefore stays out of browsers, several pages share one waiting room, and an action is safe once it is in
the journal, even while the connector is unreachable. May import `connectors.sdk` and `models`.
"""
