"""Prints the rows of a Parquet file, or of a directory of them, as a reader that is not ours sees them.

    parquet_rows.py duckdb|pyarrow FILE-OR-DIR

One JSON object a row, in the order of the files' paths and of the rows within them, so that what two
engines print can be compared line by line. Keys are sorted. A timestamp is an integer: microseconds since
1970 in UTC. Everything else is as JSON has it: null, numbers, text, lists, and objects for structs. What has
no such form, a timestamp inside of a list among it, is an error.

Of a directory, every *.parquet below it is read, except under names that begin with `_` or `.`, which
engines take as not being data. Values that a path spells out (`account=…/`) are not added to the rows.
"""

import json
import sys
from pathlib import Path


def files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    visible = (
        file
        for file in path.rglob("*.parquet")
        if not any(part.startswith(("_", ".")) for part in file.relative_to(path).parts)
    )
    return sorted(file for file in visible if file.is_file())


def duckdb_rows(file: Path):
    import duckdb

    # What DuckDB cannot do as installed is an error here, not a reason to fetch an extension.
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    source = "FROM read_parquet($file, hive_partitioning = false)"
    parameters = {"file": str(file)}
    described = connection.execute(f"DESCRIBE {source}", parameters).fetchall()
    names = [name for name, *_ in described]
    columns = ", ".join(
        f"epoch_us({quoted(name)})" if kind.startswith("TIMESTAMP") else quoted(name)
        for name, kind, *_ in described
    )
    connection.execute(f"SELECT {columns} {source}", parameters)
    while batch := connection.fetchmany(10_000):
        for values in batch:
            yield dict(zip(names, values))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def pyarrow_rows(file: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(file).iter_batches():
        columns = [
            column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
            if pa.types.is_timestamp(column.type)
            else column
            for column in batch.columns
        ]
        yield from pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist()


ENGINES = {"duckdb": duckdb_rows, "pyarrow": pyarrow_rows}


def main() -> None:
    if len(sys.argv) != 3 or sys.argv[1] not in ENGINES:
        sys.exit("usage: parquet_rows.py duckdb|pyarrow FILE-OR-DIR")
    rows = ENGINES[sys.argv[1]]
    path = Path(sys.argv[2])
    if not path.exists():
        sys.exit(f"parquet_rows.py: {path}: no such file or directory")
    sys.stdout.reconfigure(encoding="utf-8")
    for file in files(path):
        for row in rows(file):
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
