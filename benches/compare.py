#!/usr/bin/env python3
"""Whole runs of the command beside other ways to the same result, as a Markdown table.

    compare.py parquet|kafka|batching [--rounds N] [--records N] [--only TEXT]

Needs target/release/license-stream, curl, kcat, taskset, /usr/bin/time and what scripts/with-services.sh gives; `make
bench` has all of that. In each round every comparison runs once, one side directly after the other and each side first in
every other round, so that a machine that is busy elsewhere is so for both. Ratios are medians of the rounds' ratios.
"""

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable

from into_kafka import batching, into_kafka
from into_parquet import into_parquet
from machine import ROOT, describe, first_line
from runs import WORK, Comparison, Run, body

# As many as make 1 GB: with remote_data a record has about 625 bytes, and without it about 215. Of a shorter body the start, and
# the end, where brokers are waited for or a file is synced, would be much of what is measured.
RECORDS = {
    "parquet": {"whole": 1_600_000, "lean": 4_600_000},
    "kafka": {"whole": 1_600_000},
    "batching": {"whole": 1_600_000},
}
GROUPS = {"parquet": into_parquet, "kafka": into_kafka, "batching": batching}


def row(comparison: Comparison, rounds: list[tuple[Run, Run]], into: str, records: int) -> str:
    def medians(value: Callable[[Run], float], digits: int = 0) -> list[str]:
        return [f"{statistics.median(value(pair[side]) for pair in rounds):,.{digits}f}" for side in (0, 1)]

    ratios = [theirs.seconds / ours.seconds for ours, theirs in rounds]
    cells = [comparison.what, comparison.peer, *medians(lambda run: comparison.bytes / 1e6 / run.seconds)]
    cells += [f"{statistics.median(ratios):.2f}× ({min(ratios):.2f}–{max(ratios):.2f})", comparison.goal]
    cells += [" / ".join(medians(lambda run: run.mebibytes))]
    if into == "parquet":
        cells += [" / ".join(medians(lambda run: run.written / 1e6))]
    else:
        millions = records / 1e6
        cells += [" / ".join(medians(lambda run: run.cpu / millions, 1))]
        cells += [" / ".join(medians(lambda run: run.broker_cpu / millions, 1))]
    return f"| {' | '.join(cells)} |"


def versions() -> list[str]:
    import duckdb as engine

    kcat = subprocess.run(["kcat", "-V"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    kcat_version = re.search(r"Version ([\d.]+).*librdkafka ([\d.]+)", kcat, re.DOTALL)
    pom = (ROOT / "tests/kafka/pom.xml").read_text()
    kafka = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([\d.]+)<", pom)
    return [
        f"DuckDB {engine.__version__}",
        " ".join(first_line("curl", "--version").split()[:2]),
        f"kcat {kcat_version[1]} with librdkafka {kcat_version[2]}" if kcat_version else "kcat",
        f"Kafka {kafka[1]} on the same machine" if kafka else "Kafka on the same machine",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("into", choices=GROUPS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, help="of each body; by default as many as make 1 GB")
    parser.add_argument("--only", default="", metavar="TEXT", help="compare only what has this in its name")
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    os.environ["TRUTO_API_TOKEN"] = "simulator-token"
    with contextlib.ExitStack() as bodies:
        read = {
            name: bodies.enter_context(body(name, args.records or records))
            for name, records in RECORDS[args.into].items()
        }
        chosen = [each for each in GROUPS[args.into](**read) if args.only in each.what]
        found: list[list[tuple[Run, Run]]] = [[] for _ in chosen]
        for number in range(args.rounds):
            for comparison, rounds in zip(chosen, found):
                if number % 2 == 0:
                    ours, theirs = comparison.ours(), comparison.theirs()
                else:
                    theirs, ours = comparison.theirs(), comparison.ours()
                rounds.append((ours, theirs))
                ratio = theirs.seconds / ours.seconds
                cpu = f"{ours.cpu:.1f} and {theirs.cpu:.1f} s of CPU"
                print(f"round {number + 1}: {comparison.what}: {ratio:.2f}× {comparison.peer}; {cpu}", file=sys.stderr)
    of_brokers = ["CPU s per million / its", "broker's CPU s per million / its"]
    last = ["output MB / its"] if args.into == "parquet" else of_brokers
    names = ["what", "against", "MB/s", "MB/s of it", "ratio (range)", "goal", "peak MiB / its", *last]
    print(f"| {' | '.join(names)} |\n|---|---|{'--:|' * (len(names) - 2)}")
    for comparison, rounds in zip(chosen, found):
        print(row(comparison, rounds, args.into, read["whole"].records))
    with_what = {"whole": "with `remote_data`", "lean": "without"}
    sizes = [f"{it.bytes / 1e6:.0f} MB in {it.records:,} licenses {with_what[name]}" for name, it in read.items()]
    print(f"\n{args.rounds} rounds; {', '.join(sizes)}. {describe(*versions())}")


main()
