"""Appointments that do not exist, in a fake of RDV Service Public that speaks its real interfaces.

It signs webhooks as the real one does, answers the requests of its API that the connector makes, and refuses what that refuses.
"""
