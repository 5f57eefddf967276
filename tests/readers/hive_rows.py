"""Prints the rows of a directory of partitions (`key=value/…`) as a reader that is not ours sees them.

    hive_rows.py duckdb|pyarrow DIR

One JSON object a row, with the values that directories are named for, sorted by their text. The directory is
read as a whole, as each engine does it by itself with Hive partitions, but that the values of those are told to
be text: engines guess otherwise, and each in its own way. A timestamp is an integer: microseconds since 1970
in UTC.
"""

import json
import sys
from pathlib import Path


def duckdb_rows(directory: str):
    import duckdb

    # What DuckDB cannot do as installed is an error here, not a reason to fetch an extension.
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    source = "FROM read_parquet($files, hive_partitioning = true, hive_types_autocast = false)"
    parameters = {"files": directory + "/**/*.parquet"}
    described = connection.execute(f"DESCRIBE {source}", parameters).fetchall()
    names = [name for name, *_ in described]
    columns = ", ".join(
        f'epoch_us("{name}")' if kind.startswith("TIMESTAMP") else f'"{name}"'
        for name, kind, *_ in described
    )
    connection.execute(f"SELECT {columns} {source}", parameters)
    while batch := connection.fetchmany(10_000):
        for values in batch:
            yield dict(zip(names, values))


def pyarrow_rows(directory: str):
    import pyarrow as pa
    import pyarrow.dataset as ds

    file = next(Path(directory).rglob("*=*/*.parquet")).relative_to(directory)
    keys = [part.split("=")[0] for part in file.parts[:-1]]
    schema = pa.schema([(key, pa.string()) for key in keys])
    partitioning = ds.partitioning(schema, flavor="hive")
    for batch in ds.dataset(directory, partitioning=partitioning).to_batches():
        columns = [
            column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
            if pa.types.is_timestamp(column.type)
            else column
            for column in batch.columns
        ]
        yield from pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist()


ENGINES = {"duckdb": duckdb_rows, "pyarrow": pyarrow_rows}


def text(row: dict) -> str:
    return json.dumps(
        row, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


def main() -> None:
    if len(sys.argv) != 3 or sys.argv[1] not in ENGINES:
        sys.exit("usage: hive_rows.py duckdb|pyarrow DIR")
    sys.stdout.reconfigure(encoding="utf-8")
    for line in sorted(map(text, ENGINES[sys.argv[1]](sys.argv[2]))):
        print(line)


if __name__ == "__main__":
    main()
