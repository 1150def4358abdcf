"""SQL tables of the notifier's state.

`topic.telling` is 1 once notifications are sent. `rereading` has a row while events may be duplicates of earlier ones.
`held` names each clock with a held-back incident, and the time until which it is held back.

`alerts.round` is `Incident.round`. `alerts.shown_by` is the start time of the Alertmanager that received the beginning.
"""

from typing import Final

TABLES: Final = tuple(
    f"CREATE {definition}"
    for definition in (
        "TABLE IF NOT EXISTS topic (id TEXT NOT NULL, telling INTEGER NOT NULL)",
        "TABLE IF NOT EXISTS rereading (topic TEXT PRIMARY KEY)",
        "TABLE IF NOT EXISTS offsets (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL)",
        """TABLE IF NOT EXISTS clocks (
            name TEXT PRIMARY KEY, known BLOB NOT NULL, open INTEGER NOT NULL, changed_at INTEGER NOT NULL
        ) WITHOUT ROWID""",
        "INDEX IF NOT EXISTS clocks_by_age ON clocks (open, changed_at)",
        """TABLE IF NOT EXISTS alerts (
            receiver TEXT, key TEXT, round INTEGER NOT NULL, incident BLOB NOT NULL, ended INTEGER NOT NULL,
            shown_at INTEGER, shown_by INTEGER, closed_at INTEGER, PRIMARY KEY (receiver, key)
        ) WITHOUT ROWID""",
        """TABLE IF NOT EXISTS messages (
            number INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, content BLOB NOT NULL,
            queued_at INTEGER NOT NULL, tried INTEGER NOT NULL DEFAULT 0
        )""",
        "INDEX IF NOT EXISTS messages_by_receiver ON messages (receiver, number)",
        """TABLE IF NOT EXISTS refused (
            number INTEGER PRIMARY KEY, receiver TEXT NOT NULL, content BLOB NOT NULL, queued_at INTEGER NOT NULL,
            refused_at INTEGER NOT NULL, reason TEXT NOT NULL
        )""",
        "TABLE IF NOT EXISTS held (name TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID",
        """TABLE IF NOT EXISTS unsent (
            kind TEXT, reason TEXT, number INTEGER NOT NULL, PRIMARY KEY (kind, reason)
        ) WITHOUT ROWID""",
    )
)
