"""Prints the rows of an Arrow stream, as a reader that is not ours sees them.

    arrow_rows.py duckdb|pyarrow|polars FILE

FILE holds what was written to standard output. It is printed as engines.py says; DuckDB reads batches that pyarrow
hands over one by one. A stream that ends within a message is an error, after the rows before that, but with
Polars, which reads it whole before it has any.
"""

import engines


def opened(file: str):
    import pyarrow as pa

    return pa.ipc.open_stream(open(file, "rb"))


def duckdb_rows(file: str):
    return engines.duckdb_rows("FROM reader", {}, reader=opened(file))


def pyarrow_rows(file: str):
    return engines.arrow_rows(opened(file))


def polars_rows(file: str):
    import polars as pl

    return engines.polars_rows(pl.read_ipc_stream(file))


if __name__ == "__main__":
    by_engine = {"duckdb": duckdb_rows, "pyarrow": pyarrow_rows, "polars": polars_rows}
    for row in engines.main(by_engine, "FILE"):
        print(engines.text(row))
