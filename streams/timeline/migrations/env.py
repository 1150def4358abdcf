"""Environment of Alembic, using the connection from `streams.timeline.schema_upgrade`."""

from alembic import context

from streams.timeline.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
