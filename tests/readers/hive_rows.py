"""Prints the rows of a directory of partitions (`key=value/…`) as a reader that is not ours sees them.

    hive_rows.py duckdb|pyarrow|polars DIR

They have the values that directories are named for and are printed as engines.py says, sorted by their text. The
directory is read as a whole, as each engine does it by itself with Hive partitions, but that the values of those
are told to be text: engines guess otherwise, and each in its own way.
"""

from pathlib import Path

import engines


def keys(directory: str) -> list[str]:
    file = next(Path(directory).rglob("*=*/*.parquet")).relative_to(directory)
    return [part.split("=")[0] for part in file.parts[:-1]]


def duckdb_rows(directory: str):
    source = "FROM read_parquet($files, hive_partitioning = true, hive_types_autocast = false)"
    return engines.duckdb_rows(source, {"files": directory + "/**/*.parquet"})


def pyarrow_rows(directory: str):
    import pyarrow as pa
    import pyarrow.dataset as ds

    schema = pa.schema([(key, pa.string()) for key in keys(directory)])
    partitioning = ds.partitioning(schema, flavor="hive")
    return engines.arrow_rows(ds.dataset(directory, partitioning=partitioning).to_batches())


def polars_rows(directory: str):
    import polars as pl

    schema = {key: pl.String for key in keys(directory)}
    files = directory + "/**/*.parquet"
    return engines.polars_rows(pl.read_parquet(files, hive_partitioning=True, hive_schema=schema))


if __name__ == "__main__":
    by_engine = {"duckdb": duckdb_rows, "pyarrow": pyarrow_rows, "polars": polars_rows}
    for line in sorted(map(engines.text, engines.main(by_engine, "DIR"))):
        print(line)
