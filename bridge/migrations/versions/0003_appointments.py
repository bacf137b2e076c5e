"""Appointments"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_HOLDING = "('proposed', 'booked', 'arrived', 'fulfilled')"
_EXCLUSION = (
    "ALTER TABLE appointments ADD CONSTRAINT appointments_no_overlap EXCLUDE USING gist ("
    "int8range(schedule_id, schedule_id, '[]') WITH &&, tstzrange(blocked_from, blocked_until) WITH &&"
    f") WHERE (status IN {_HOLDING})"
)
_TRIGGER = """
CREATE TRIGGER appointments_no_overlap_{name} BEFORE {event} ON appointments WHEN NEW.status IN {holding}
BEGIN
  SELECT RAISE(ABORT, 'appointments_no_overlap') WHERE EXISTS (
    SELECT 1 FROM appointments
    WHERE schedule_id = NEW.schedule_id AND id <> NEW.id AND status IN {holding}
      AND blocked_from < NEW.blocked_until AND blocked_until > NEW.blocked_from
      AND blocked_from > datetime(NEW.blocked_from, '-1 day', '-1 second')
  );
END
"""


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("professional", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sa.UniqueConstraint("professional", name=op.f("uq_schedules_professional")),
    )
    op.create_table(
        "appointments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("schedule_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("visit_type", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("blocked_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("booked_by", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=True),
        sa.Column("holds_for", sa.Text(), nullable=True),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("cancel_reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "blocked_from <= starts_at AND starts_at < ends_at AND ends_at <= blocked_until",
            name=op.f("ck_appointments_order"),
        ),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name=op.f("fk_appointments_schedule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointments")),
    )
    for name, columns in (
        ("ix_appointments_schedule", ["schedule_id", "blocked_from"]),
        ("ix_appointments_patient", ["patient", "starts_at"]),
        ("ix_appointments_series", ["series_id"]),
        ("ix_appointments_holds", ["holds_for"]),
        ("ix_appointments_answer", ["status", "answer_by"]),
    ):
        op.create_index(name, "appointments", columns)
    _refuse_overlaps()
    op.create_table(
        "waiting",
        sa.Column("appointment_id", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_waiting_appointment_id")
        ),
        sa.PrimaryKeyConstraint("appointment_id", name=op.f("pk_waiting")),
    )
    op.create_table(
        "calendar_feeds",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_calendar_feeds")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_calendar_feeds_secret_sha256")),
    )


def _refuse_overlaps() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_EXCLUSION)
        return
    columns = "UPDATE OF schedule_id, blocked_from, blocked_until, status"
    for name, event in (("insert", "INSERT"), ("update", columns)):
        op.execute(_TRIGGER.format(name=name, event=event, holding=_HOLDING))


def downgrade() -> None:
    op.drop_table("calendar_feeds")
    op.drop_table("waiting")
    op.drop_table("appointments")
    op.drop_table("schedules")
