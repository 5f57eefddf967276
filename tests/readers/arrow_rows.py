"""Prints the rows of an Arrow stream, as a reader that is not ours sees them.

    arrow_rows.py duckdb|pyarrow FILE

FILE holds what was written to standard output. It is printed as parquet_rows.py does a Parquet file; DuckDB reads
batches that pyarrow hands over one by one. A stream that ends within a message is an error, after the rows before
that.
"""

import json
import sys

import pyarrow as pa
from parquet_rows import quoted


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def duckdb_rows(reader):
    import duckdb

    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    names = reader.schema.names
    columns = ", ".join(
        f"epoch_us({quoted(field.name)})" if pa.types.is_timestamp(field.type) else quoted(field.name)
        for field in reader.schema
    )
    connection.execute(f"SELECT {columns} FROM reader")
    while batch := connection.fetchmany(10_000):
        for values in batch:
            yield dict(zip(names, values))


def pyarrow_rows(reader):
    for batch in reader:
        yield from plain(batch).to_pylist()


ENGINES = {"duckdb": duckdb_rows, "pyarrow": pyarrow_rows}


def main() -> None:
    if len(sys.argv) != 3 or sys.argv[1] not in ENGINES:
        sys.exit("usage: arrow_rows.py duckdb|pyarrow FILE")
    sys.stdout.reconfigure(encoding="utf-8")
    with open(sys.argv[2], "rb") as file, pa.ipc.open_stream(file) as reader:
        for row in ENGINES[sys.argv[1]](reader):
            json.dump(
                row,
                sys.stdout,
                sort_keys=True,
                ensure_ascii=False,
                allow_nan=False,
                separators=(",", ":"),
            )
            print()


if __name__ == "__main__":
    main()
