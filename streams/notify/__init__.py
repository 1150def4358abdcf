"""Alerts from `contact.sla.v1`: incidents, and those who are told of them."""
