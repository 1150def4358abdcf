"""No samples of pseudonyms and contacts in PostgreSQL's statistics, which outlive the sampled rows."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Disable sampling and drop existing samples. Altering a column's type to itself drops them and writes nothing else."""
    if op.get_context().dialect.name == "postgresql":
        for table, column in (
            ("revocations", "one"),
            ("revocations", "other"),
            ("erasures", "contact"),
            ("erasure_contacts", "contact"),
        ):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE text, ALTER COLUMN {column} SET STATISTICS 0")
