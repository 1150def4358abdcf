"""What simulations of source systems have in common.

`commands` is what their commands have: options, when they end, and the settings that they print. `serving` serves an app over
HTTP, `talking` talks over connections to who listens, `posting` sends until it is taken.
"""
