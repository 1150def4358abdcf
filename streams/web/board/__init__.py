"""Contents and texts of the board and the wall, computed from snapshots."""
