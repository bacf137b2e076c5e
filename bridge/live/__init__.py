"""Live events: what happened, for the people whom it concerns, as it happens."""
