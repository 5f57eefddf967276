"""What the readers of rows have in common: engines that are not ours, and how a row is printed.

An engine is told what to read and yields a dict a row. One JSON object a row is printed, with sorted keys. A
timestamp is an integer: microseconds since 1970 in UTC. Everything else is as JSON has it: null, numbers, text,
lists, and objects for structs. What has no such form, a timestamp inside of a list among it, is an error.
"""

import json
import sys

BATCH_ROWS = 10_000


def duckdb_rows(source: str, parameters: dict, **views):
    """The rows of `source`, the FROM clause of a query, in which `views` have names."""
    import duckdb

    # What DuckDB cannot do as installed is an error here, not a reason to fetch an extension.
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    for name, view in views.items():
        connection.register(name, view)
    # Of a stream that can be read once, only its schema is asked for here.
    described = connection.execute(f"DESCRIBE {source}", parameters).fetchall()
    names = [name for name, *_ in described]
    columns = ", ".join(
        f"epoch_us({quoted(name)})" if kind.startswith("TIMESTAMP") else quoted(name)
        for name, kind, *_ in described
    )
    connection.execute(f"SELECT {columns} {source}", parameters)
    while batch := connection.fetchmany(BATCH_ROWS):
        for values in batch:
            yield dict(zip(names, values))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def arrow_rows(batches):
    """The rows of pyarrow's batches."""
    import pyarrow as pa

    for batch in batches:
        columns = [
            column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
            if pa.types.is_timestamp(column.type)
            else column
            for column in batch.columns
        ]
        yield from pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist()


def polars_rows(frame):
    """The rows of a frame of Polars."""
    import polars as pl

    for part in frame.with_columns(pl.col(pl.Datetime).dt.epoch("us")).iter_slices(BATCH_ROWS):
        yield from part.to_dicts()


def text(row: dict) -> str:
    return json.dumps(
        row, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


def main(engines: dict, operand: str):
    """The rows of the operand that the command line has, by the engine that it has."""
    if len(sys.argv) != 3 or sys.argv[1] not in engines:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(engines)} {operand}")
    sys.stdout.reconfigure(encoding="utf-8")
    return engines[sys.argv[1]](sys.argv[2])
