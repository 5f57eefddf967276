"""NDJSON licenses to a Parquet file: to_parquet.py ENGINE INPUT OUTPUT THREADS typed|json

`typed` are the endpoint's 13 typed columns, and `json` is those and remote_data as JSON text, which only DuckDB has. ENGINE
is duckdb, polars or pyarrow; the last two keep times as text, since they read no time with an offset. THREADS may be `all`.
Prints one JSON object. The seconds are those of the conversion, without starting Python and loading the engine.
"""

import json
import os
import sys
import time
from collections.abc import Callable

# The level that license-stream uses.
LEVEL = 1

TEXT = ["id", "created_at", "currency", "description", "name", "status", "updated_at"]
NUMBERS = ["assigned_quantity", "available_quantity", "unit_amount"]
LISTS = {"products": ["id", "name", "status"], "roles": ["id", "name"]}


def duckdb(source: str, out: str, threads: str, what: str) -> tuple[int, float]:
    import duckdb as engine

    columns = {name: "VARCHAR" for name in TEXT} | {name: "DOUBLE" for name in NUMBERS} | {"is_paid": "BOOLEAN"}
    columns |= {name: "TIMESTAMPTZ" for name in ("created_at", "updated_at")}
    for name, fields in LISTS.items():
        columns[name] = f"STRUCT({', '.join(f'{field} VARCHAR' for field in fields)})[]"
    if what == "json":
        columns["remote_data"] = "JSON"
    connection = engine.connect()
    if threads != "all":
        connection.execute(f"SET threads = {int(threads)}")
    begun = time.perf_counter()
    (rows,) = connection.execute(
        f"COPY (FROM read_ndjson('{source}', columns = {columns})) TO '{out}' "
        f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {LEVEL})"
    ).fetchone()
    return rows, time.perf_counter() - begun


def polars(source: str, out: str, threads: str, _what: str) -> tuple[int, float]:
    if threads != "all":
        os.environ["POLARS_MAX_THREADS"] = threads
    import polars as engine

    schema = {name: engine.String for name in TEXT} | {name: engine.Float64 for name in NUMBERS}
    schema |= {"is_paid": engine.Boolean}
    for name, fields in LISTS.items():
        schema[name] = engine.List(engine.Struct({field: engine.String for field in fields}))
    begun = time.perf_counter()
    lines = engine.scan_ndjson(source, schema=schema, low_memory=True)
    lines.sink_parquet(out, compression="zstd", compression_level=LEVEL)
    seconds = time.perf_counter() - begun
    return engine.scan_parquet(out).select(engine.len()).collect().item(), seconds


def pyarrow(source: str, out: str, threads: str, _what: str) -> tuple[int, float]:
    import pyarrow as engine
    from pyarrow import json as lines
    from pyarrow import parquet

    if threads != "all":
        engine.set_cpu_count(int(threads))
    fields = [(name, engine.string()) for name in TEXT] + [(name, engine.float64()) for name in NUMBERS]
    fields += [("is_paid", engine.bool_())]
    for name, members in LISTS.items():
        fields.append((name, engine.list_(engine.struct([(member, engine.string()) for member in members]))))
    parsing = lines.ParseOptions(explicit_schema=engine.schema(fields), unexpected_field_behavior="ignore")
    begun, rows = time.perf_counter(), 0
    reading = lines.ReadOptions(use_threads=threads != "1", block_size=8 << 20)
    read = lines.open_json(source, read_options=reading, parse_options=parsing)
    with parquet.ParquetWriter(out, read.schema, compression="zstd", compression_level=LEVEL) as writer:
        for batch in read:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows, time.perf_counter() - begun


ENGINES: dict[str, Callable[[str, str, str, str], tuple[int, float]]] = {
    "duckdb": duckdb,
    "polars": polars,
    "pyarrow": pyarrow,
}


def main() -> None:
    engine, source, out, threads, what = sys.argv[1:]
    rows, seconds = ENGINES[engine](source, out, threads, what)
    print(json.dumps({"rows": rows, "seconds": seconds}))


main()
