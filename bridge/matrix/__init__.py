"""The typed client-server API and what we accept from a homeserver."""
