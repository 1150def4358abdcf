"""Reattributions that an earlier version wrote to `citizen.timeline.v1` are read as before."""

from streams.core.citizens import reattribution

STORED = (
    b'{"id":"11111111-1111-5111-8111-111111111111","citizen":"case:a1b2-x","contact":"call:s:1","channel":'
    b'"call","site":"siege","service":"rsa","type":"contact.adopted","happened_at":"2026-03-16T09:00:00Z",'
    b'"state":"closed","outcome":"answered","source":"accueil/worker","sector":"","detail":"","identities"'
    b':"","withdraws":"","told":[["call.queued",1773651600000,"rsa"]],"settled":[false,1773651600000,"soci'
    b'al"]}'
)
"""A record as version 0.1.0 of 2026-11-29 wrote it."""


def test_stored_reattribution_keeps_its_events_and_sector() -> None:
    entry = reattribution.decode(STORED)
    assert entry.events == (("call.queued", 1_773_651_600_000, "rsa"),)
    assert entry.assigned_sector == (False, 1_773_651_600_000, "social")
