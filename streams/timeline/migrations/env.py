"""What Alembic runs: on the connection that `streams.timeline.schema_upgrade` hands over."""

from alembic import context

from streams.timeline.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
