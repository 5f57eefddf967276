"""NDJSON licenses to a Parquet file with DuckDB: duckdb_to_parquet.py INPUT OUTPUT THREADS typed|json

`typed` are the endpoint's 13 typed columns, and `json` is those and remote_data as JSON text. THREADS may be `all`.
Prints one JSON object. The seconds are those of the COPY alone, without starting Python and loading DuckDB.
"""

import json
import sys
import time

import duckdb

COLUMNS = {
    "id": "VARCHAR",
    "assigned_quantity": "DOUBLE",
    "available_quantity": "DOUBLE",
    "created_at": "TIMESTAMPTZ",
    "currency": "VARCHAR",
    "description": "VARCHAR",
    "is_paid": "BOOLEAN",
    "name": "VARCHAR",
    "products": "STRUCT(id VARCHAR, name VARCHAR, status VARCHAR)[]",
    "roles": "STRUCT(id VARCHAR, name VARCHAR)[]",
    "status": "VARCHAR",
    "unit_amount": "DOUBLE",
    "updated_at": "TIMESTAMPTZ",
}


def main() -> None:
    source, out, threads, what = sys.argv[1:]
    columns = COLUMNS | ({"remote_data": "JSON"} if what == "json" else {})
    connection = duckdb.connect()
    if threads != "all":
        connection.execute(f"SET threads = {int(threads)}")
    begun = time.perf_counter()
    # The level that license-stream uses; DuckDB's own default is 3.
    (rows,) = connection.execute(
        f"COPY (FROM read_ndjson('{source}', columns = {columns})) TO '{out}' "
        "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    ).fetchone()
    print(json.dumps({"rows": rows, "seconds": time.perf_counter() - begun}))


main()
