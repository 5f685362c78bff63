"""Copies of tracking stores: all rows of one database in another, whatever the two are."""

from __future__ import annotations

import sqlalchemy


def copy_store(source: str, target: str) -> None:
    """Fill a tracking store with the rows of another one, in place of its own; the artifacts stay where they are."""
    old, new = sqlalchemy.create_engine(source), sqlalchemy.create_engine(target)
    tables = sqlalchemy.MetaData()
    tables.reflect(new)
    with old.connect() as reading, new.begin() as writing:
        for table in reversed(tables.sorted_tables):
            writing.execute(table.delete())  # the experiment "Default", say
        for table in tables.sorted_tables:
            kept = [column for column in table.columns if not column.computed]
            if rows := [dict(row) for row in reading.execute(sqlalchemy.select(*kept)).mappings()]:
                writing.execute(table.insert(), rows)
            count_on(writing, table)
    old.dispose()
    new.dispose()


def count_on(connection: sqlalchemy.Connection, table: sqlalchemy.Table) -> None:
    """Have PostgreSQL number the next row after those that have come with their numbers; SQLite does so by itself."""
    if (column := table.autoincrement_column) is None or connection.dialect.name != "postgresql":
        return
    sequence = sqlalchemy.func.pg_get_serial_sequence(table.name, column.name)
    greatest = sqlalchemy.select(sqlalchemy.func.max(column)).scalar_subquery()
    connection.execute(sqlalchemy.select(sqlalchemy.func.setval(sequence, greatest)))
