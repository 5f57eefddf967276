"""Prints what DuckDB answers to a query, a JSON object a row: sql.py QUERY"""

import json
import sys

import duckdb


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    answer = duckdb.sql(sys.argv[1])
    for row in answer.fetchall():
        print(json.dumps(dict(zip(answer.columns, row))))


if __name__ == "__main__":
    main()
