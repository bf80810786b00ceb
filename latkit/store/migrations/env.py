"""Run by Alembic: migrates the connection that ``latkit.store.migrate`` hands over."""

from alembic import context

from latkit.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
