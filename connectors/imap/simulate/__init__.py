"""Mail that nobody wrote, in a real mailbox, for demonstrations and tests.

`lives` says what becomes of each conversation, `mailbox` writes it by APPEND, `command` is `accueil simulate imap`.
"""
