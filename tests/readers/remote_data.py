"""Puts typed `remote_data` together again, as docs/parquet.md says, and compares it with what was there.

    remote_data.py duckdb|pyarrow BODY FILE…

BODY has a license a line, FILE… are the Parquet or Arrow files of its snapshot, in their order. Prints one JSON object: `rows`, how
many of them have `typed` values and how many have `extra` ones, and of those that `differ` from the body the first ten.
"""

import decimal
import json
import sys
from pathlib import Path

import arrow_rows
import parquet_rows

GUIDE = Path(__file__).parents[2] / "docs" / "parquet.md"


def documented():
    """The function `whole` of the guide."""
    block = GUIDE.read_text().split("```python\ndef whole", 1)[1].split("```", 1)[0]
    names = {}
    exec("def whole" + block, names)
    return names["whole"]


def rows(engine: str, file: str):
    readers = arrow_rows if file.endswith(".arrow") else parquet_rows
    read = {"duckdb": readers.duckdb_rows, "pyarrow": readers.pyarrow_rows}[engine]
    return read(file if readers is arrow_rows else Path(file))


def exact(value):
    """What tells true from 1 and a number from what is only near to it."""
    if isinstance(value, dict):
        return {name: exact(member) for name, member in value.items()}
    if isinstance(value, list):
        return [exact(element) for element in value]
    if isinstance(value, float):
        # As it is written, which is what a JSON text has.
        return decimal.Decimal(repr(value)).normalize()
    if isinstance(value, (int, decimal.Decimal)) and not isinstance(value, bool):
        return decimal.Decimal(value).normalize()
    return (type(value).__name__, value)


def parsed(text: str):
    return json.loads(text, parse_float=decimal.Decimal, parse_int=decimal.Decimal)


def main():
    decimal.getcontext().prec = 500
    engine, body, *files = sys.argv[1:]
    whole = documented()
    there = (parsed(line).get("remote_data") for line in Path(body).read_text().splitlines())
    found = {"rows": 0, "typed": 0, "extra": 0, "differ": []}
    for file in files:
        for row in rows(engine, file):
            typed, extra = row.get("remote_data"), row["_remote_data_extra"]
            found["rows"] += 1
            found["typed"] += typed is not None
            found["extra"] += extra is not None
            value, want = whole(typed, None if extra is None else parsed(extra)), next(there)
            if exact(value) != exact(want):
                found["differ"].append([row["id"], str(value), str(want)])
    found["left"] = sum(1 for _ in there)
    found["differ"] = found["differ"][:10]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
