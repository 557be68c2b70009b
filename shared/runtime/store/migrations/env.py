"""Alembic runs this to migrate: it works on the connection that `shared.runtime.store.migrate` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
