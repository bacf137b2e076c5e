"""What the homeserver pushes: stored, acknowledged, handled in order; and what it never pushed."""
