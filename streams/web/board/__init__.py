"""The board and the wall: what they show, and their texts."""
