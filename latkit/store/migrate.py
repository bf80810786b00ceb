"""Bringing a database to the newest schema, or refusing one that is not a dataset."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, Text, column, inspect, select, table

from latkit.errors import StoreError
from latkit.store import dialect
from latkit.store.database import reading, writing
from latkit.store.failures import place, translated
from latkit.store.schema import VERSION, VERSION_TABLE


def bring_up_to_date(engine: Engine) -> None:
    """Create or migrate the tables where need be; costs one query where they are current.

    Raises StoreError for a database of another program or of a newer latkit, which is left as
    it was.
    """
    with reading(engine) as connection:
        if _version(connection) == VERSION:
            return
        _refuse_foreign(connection, place(engine.url))
    with translated(place(engine.url)):
        dialect.let_readers_in(engine)
    with writing(engine) as connection:
        # Another process may have done it all meanwhile.
        if _version(connection) != VERSION:
            _upgrade(connection, place(engine.url))


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    query = select(column("version_num", Text)).select_from(table(VERSION_TABLE))
    return connection.execute(query).scalar_one_or_none()


def _refuse_foreign(connection: Connection, place: str) -> None:
    tables = inspect(connection).get_table_names()
    if tables and VERSION_TABLE not in tables:
        raise StoreError(
            f"{place} holds another program's tables ({', '.join(sorted(tables)[:3])})",
            "set LATKIT_DB to a database of latkit's own",
        )


def _upgrade(connection: Connection, place: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "latkit.store:migrations")
    config.attributes["connection"] = connection
    revisions = ScriptDirectory.from_config(config).walk_revisions()
    found = _version(connection)
    if found is not None and found not in {revision.revision for revision in revisions}:
        raise StoreError(
            f"{place} was written by a newer latkit (schema {found})",
            "pip install --upgrade latkit",
        )
    command.upgrade(config, "head")
