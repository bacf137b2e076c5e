"""The table of requests that carried an Idempotency-Key.

`scope_sha256` stands for caller, acting user, method, path and key. A row without `status` is being worked on
by the process `instance_id`, or by nobody when that is empty. The answer is sealed.
"""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from appointments.storage.schema import Instant, metadata

idempotency = Table(
    "idempotency",
    metadata,
    Column("scope_sha256", Text, primary_key=True),
    Column("operation_id", Text, nullable=False),
    Column("request_hmac", LargeBinary, nullable=False),
    Column("instance_id", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("status", Integer, nullable=True),
    Column("answer_sealed", LargeBinary, nullable=True),
)
Index("ix_idempotency_started_at", idempotency.c.started_at)
