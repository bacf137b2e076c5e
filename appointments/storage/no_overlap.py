"""How the database itself refuses to book one time twice.

No two appointments of one schedule that hold their time overlap, buffers included. On PostgreSQL that is an
exclusion constraint, on SQLite triggers (whose check is sound because writers take turns, `BEGIN IMMEDIATE`).
PostgreSQL compares integers in a GiST index only with an extension, which may not be there; ranges it always does.
"""

from sqlalchemy import DDL, Table, event
from sqlalchemy.exc import IntegrityError

from appointments.booking import HOLDING

NAME = "appointments_no_overlap"
_HOLDING = ", ".join(f"'{status}'" for status in HOLDING)
_EXCLUSION_VIOLATION = "23P01"

POSTGRESQL = (
    (
        f"ALTER TABLE appointments ADD CONSTRAINT {NAME} EXCLUDE USING gist ("
        "int8range(schedule_id, schedule_id, '[]') WITH &&, tstzrange(blocked_from, blocked_until) WITH &&"
        f") WHERE (status IN ({_HOLDING}))"
    ),
)
# No visit blocks more than a day (appointments/schedules.py), so the search has a beginning, too.
_TRIGGER = """
CREATE TRIGGER {name}_{when} BEFORE {event} ON appointments WHEN NEW.status IN ({holding})
BEGIN
  SELECT RAISE(ABORT, '{name}') WHERE EXISTS (
    SELECT 1 FROM appointments
    WHERE schedule_id = NEW.schedule_id AND id <> NEW.id AND status IN ({holding})
      AND blocked_from < NEW.blocked_until AND blocked_until > NEW.blocked_from
      AND blocked_from > datetime(NEW.blocked_from, '-1 day', '-1 second')
  );
END
"""
SQLITE = tuple(
    _TRIGGER.format(name=NAME, when=when, event=event_, holding=_HOLDING)
    for when, event_ in (
        ("insert", "INSERT"),
        ("update", "UPDATE OF schedule_id, blocked_from, blocked_until, status"),
    )
)


def refuse_overlaps(table: Table) -> None:
    """Whoever creates this table gets the refusal with it."""
    for dialect, statements in (("postgresql", POSTGRESQL), ("sqlite", SQLITE)):
        for statement in statements:
            ddl = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


def is_overlap(error: IntegrityError) -> bool:
    """Whether this is that refusal."""
    return getattr(error.orig, "sqlstate", None) == _EXCLUSION_VIOLATION or NAME in str(error.orig)
