#!/usr/bin/env python3
"""Prints as a Markdown table how long DuckDB takes to read a file of ours, beside one that it wrote itself.

    reads.py [--rounds N] [--records N]

Both have the same licenses, columns, codec and level. In each round each query is asked of both, one directly after the
other and each first in every other round, each time by a connection of its own. The answers must be the same. The files come from the page cache.
"""

import argparse
import os
import shutil
import statistics
import sys
import time
from pathlib import Path

import duckdb

from into_parquet import engine_command
from machine import describe
from runs import WORK, body, license_stream, measured

COLUMNS = (
    "id, assigned_quantity, available_quantity, created_at, currency, description, is_paid, name, products, roles, status, "
    "unit_amount, updated_at, remote_data"
)
LOOK_UPS = 10


def queries(ids: list[str]) -> list[tuple[str, list[str]]]:
    everything = ", ".join(f"max(hash({column}))" for column in COLUMNS.split(", "))
    looked_up = [f"SELECT {everything} FROM it WHERE id = '{id}'" for id in ids]
    return [
        ("all columns", [f"SELECT {everything} FROM it"]),
        ("one column, `sum(assigned_quantity)`", ["SELECT sum(assigned_quantity) FROM it"]),
        ("one column, `count(DISTINCT name)`", ["SELECT count(DISTINCT name) FROM it"]),
        (f"{LOOK_UPS} licenses by `id`, one after the other", looked_up),
    ]


def asked(file: Path, statements: list[str]) -> tuple[float, list]:
    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW it AS FROM read_parquet('{file}')")
    begun = time.perf_counter()
    answers = [connection.execute(statement).fetchall() for statement in statements]
    return time.perf_counter() - begun, answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--records", type=int, default=1_600_000)
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    os.environ["TRUTO_API_TOKEN"] = "simulator-token"
    lake, theirs = WORK / "reads", WORK / "reads-duckdb.parquet"
    shutil.rmtree(lake, ignore_errors=True)
    with body("whole", args.records) as whole:
        license_stream("parquet", whole, False, "--out", str(lake), "--bloom", "id")
        measured(engine_command("duckdb", str(whole.file), theirs, "all", "json"))
    (ours,) = lake.glob("*.parquet")
    _, ((ids,),) = asked(ours, [f"SELECT list(id) FROM (SELECT id FROM it USING SAMPLE {LOOK_UPS} ROWS (reservoir, 7))"])
    print("| query | ours, ms | its own, ms | ratio (range) |\n|---|--:|--:|--:|")
    for what, statements in queries(ids[0]):
        found: list[tuple[float, float]] = []
        for number in range(args.rounds):
            order = [ours, theirs] if number % 2 == 0 else [theirs, ours]
            took = {file: asked(file, statements) for file in order}
            assert took[ours][1] == took[theirs][1], f"{what}: the answers differ"
            found.append((took[ours][0], took[theirs][0]))
            print(f"round {number + 1}: {what}: {found[-1][1] / found[-1][0]:.2f}×", file=sys.stderr)
        medians = (f"{statistics.median(pair[side] for pair in found) * 1e3:,.0f}" for side in (0, 1))
        ratios = [its / our for our, its in found]
        spread = f"{statistics.median(ratios):.2f}× ({min(ratios):.2f}–{max(ratios):.2f})"
        print(f"| {what} | {' | '.join(medians)} | {spread} |")
    sizes = f"Ours has {ours.stat().st_size / 1e6:.0f} MB, with a Bloom filter of `id`; its own {theirs.stat().st_size / 1e6:.0f} MB."
    print(f"\n{args.rounds} rounds; {args.records:,} licenses. {sizes} {describe(f'DuckDB {duckdb.__version__}')}")
    shutil.rmtree(lake)
    theirs.unlink()


main()
