"""Alembic's entry: runs the migrations on the connection that bridge.migrations gives it."""

from alembic import context

import bridge.storage.all_tables  # noqa: F401 -- completes the metadata
from appointments.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
