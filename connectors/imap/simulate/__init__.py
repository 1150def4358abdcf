"""Simulated e-mail conversations in a real mailbox, for demonstrations and tests.

`scenarios` generates the conversations, `mailbox` writes the messages with APPEND, `command` is `accueil simulate imap`.
"""
