"""Prints the rows of an Arrow stream or an Arrow file, as a reader that is not ours sees them.

    arrow_rows.py duckdb|pyarrow|polars FILE

FILE is what was written to standard output, or begins as Arrow files do. It is printed as engines.py says; DuckDB reads batches that pyarrow
hands over one by one. A stream that ends within a message is an error, after the rows before that, but with
Polars, which reads it whole before it has any.
"""

import engines


def is_file(file: str) -> bool:
    with open(file, "rb") as opened:
        return opened.read(6) == b"ARROW1"


def opened(file: str):
    import pyarrow as pa

    if not is_file(file):
        return pa.ipc.open_stream(open(file, "rb"))
    batches = pa.ipc.open_file(file)
    each = (batches.get_batch(number) for number in range(batches.num_record_batches))
    return pa.RecordBatchReader.from_batches(batches.schema, each)


def duckdb_rows(file: str):
    return engines.duckdb_rows("FROM reader", {}, reader=opened(file))


def pyarrow_rows(file: str):
    return engines.arrow_rows(opened(file))


def polars_rows(file: str):
    import polars as pl

    frame = pl.read_ipc(file) if is_file(file) else pl.read_ipc_stream(file)
    return engines.polars_rows(frame)


if __name__ == "__main__":
    by_engine = {"duckdb": duckdb_rows, "pyarrow": pyarrow_rows, "polars": polars_rows}
    for row in engines.main(by_engine, "FILE"):
        print(engines.text(row))
