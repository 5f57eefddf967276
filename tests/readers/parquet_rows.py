"""Prints the rows of a Parquet file, or of a directory of them, as a reader that is not ours sees them.

    parquet_rows.py duckdb|pyarrow|polars|parquet-java FILE-OR-DIR

They come in the order of the files' paths and of the rows within them, as engines.py says, so that what
engines print can be compared line by line.

Of a directory, every *.parquet below it is read, except under names that begin with `_` or `.`, which
engines take as not being data. Values that a path spells out (`account=…/`) are not added to the rows.
"""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import engines


def files(path: Path) -> list[Path]:
    if not path.exists():
        sys.exit(f"parquet_rows.py: {path}: no such file or directory")
    if not path.is_dir():
        return [path]
    visible = (
        file
        for file in path.rglob("*.parquet")
        if not any(part.startswith(("_", ".")) for part in file.relative_to(path).parts)
    )
    return sorted(file for file in visible if file.is_file())


def duckdb_rows(file: Path):
    source = "FROM read_parquet($file, hive_partitioning = false)"
    return engines.duckdb_rows(source, {"file": str(file)})


def pyarrow_rows(file: Path):
    import pyarrow.parquet as pq

    return engines.arrow_rows(pq.ParquetFile(file).iter_batches())


def polars_rows(file: Path):
    import polars as pl

    return engines.polars_rows(pl.read_parquet(file, hive_partitioning=False, glob=False))


def java_rows(files: list[Path]):
    """The rows of all files: a process each would take longer than their reading."""
    classes = os.environ.get("LICENSE_STREAM_PARQUET_JAVA")
    if not classes:
        sys.exit("parquet_rows.py: run this through scripts/with-services.sh, which has Parquet's reader in Java")
    java = os.path.join(os.environ.get("JAVA_HOME", ""), "bin/java") if "JAVA_HOME" in os.environ else "java"
    options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx2g"]
    process = subprocess.run(
        [java, *options, "-cp", classes, "Rows", *files], stdout=subprocess.PIPE, check=True
    )
    for line in process.stdout.split(b"\n")[:-1]:
        yield json.loads(line, object_hook=double)


def double(members: dict):
    """A double is printed by its bits, as no text of Java's and Python's is the same for each."""
    if members.keys() != {"bits"}:
        return members
    return struct.unpack(">d", int(members["bits"], 16).to_bytes(8, "big"))[0]


def of_all(rows):
    return lambda path: (row for file in files(Path(path)) for row in rows(file))


if __name__ == "__main__":
    by_engine = {"duckdb": duckdb_rows, "pyarrow": pyarrow_rows, "polars": polars_rows}
    by_engine = {engine: of_all(rows) for engine, rows in by_engine.items()}
    by_engine["parquet-java"] = lambda path: java_rows(files(Path(path)))
    for row in engines.main(by_engine, "FILE-OR-DIR"):
        print(engines.text(row))
