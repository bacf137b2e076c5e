"""Tables and queries of the care domain (SQLAlchemy; SQLite and PostgreSQL)."""
