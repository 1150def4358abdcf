"""Notifications of SLA incidents, from `contact.sla.v1` to Alertmanager, webhooks and mail."""
