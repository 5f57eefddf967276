#!/usr/bin/env python3
"""Prints as a Markdown table what bodies of growing length take: peak memory, and throughput, to each destination.

    memory.py [MEGABYTES…]      by default 10 100 1000 10000

The bodies come over HTTP from a simulator in a process of its own. Needs target/release/license-stream, /usr/bin/time and
KAFKA_BOOTSTRAP_SERVERS: `make memory` has all of that.
"""

import json
import os
import shutil
import subprocess
import sys

from machine import describe
from runs import COMMAND, WORK, simulator

# What memory is to stay below, in MiB.
GOALS = {"NDJSON to /dev/null": "", "Kafka": "64", "Parquet": "160"}
BYTES_PER_RECORD = 625


def run(to: str, base_url: str, account: str, records: int) -> tuple[float, float]:
    """MiB at the peak, and MB a second of the whole process."""
    lake, report = WORK / "memory", WORK / "time"
    broker, topic = os.environ["KAFKA_BOOTSTRAP_SERVERS"], f"memory-{os.getpid()}-{records}"
    verb = {
        "NDJSON to /dev/null": ["ndjson"],
        "Kafka": ["kafka", "--brokers", broker, "--topic", topic, "--create-topic", "partitions=3"],
        "Parquet": ["parquet", "--out", str(lake)],
    }[to]
    timed = ["/usr/bin/time", "--quiet", "-f", "%M %e", "-o", str(report)]
    command = [*timed, COMMAND, *verb, "--base-url", base_url, "--account", account, "--json"]
    # Where standard output has the data, the summary is on standard error.
    has_data = verb[0] == "ndjson"
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE} if has_data else {"stdout": subprocess.PIPE}
    ran = subprocess.run(command, text=True, check=True, **streams)
    summary = json.loads((ran.stderr if has_data else ran.stdout).splitlines()[-1])
    assert (summary["outcome"], summary["records"]) == ("done", records), summary
    shutil.rmtree(lake, ignore_errors=True)
    kibibytes, seconds = map(float, report.read_text().split())
    return kibibytes / 1024, summary["bytes_read"] / 1e6 / seconds


def main() -> None:
    lengths = [int(megabytes) for megabytes in sys.argv[1:]] or [10, 100, 1_000, 10_000]
    WORK.mkdir(parents=True, exist_ok=True)
    os.environ["TRUTO_API_TOKEN"] = "simulator-token"
    found: dict[str, list[str]] = {to: [] for to in GOALS}
    for megabytes in lengths:
        records = megabytes * 1_000_000 // BYTES_PER_RECORD
        with simulator(records) as (base_url, account):
            for to, cells in found.items():
                mebibytes, rate = run(to, base_url, account, records)
                cells.append(f"{mebibytes:,.0f} · {rate:,.0f}")
                print(f"{megabytes} MB to {to}: {cells[-1]}", file=sys.stderr)
    names = ["MiB · MB/s", *(f"{megabytes:,} MB" for megabytes in lengths), "goal, MiB"]
    print(f"| {' | '.join(names)} |\n|---|{'--:|' * (len(names) - 1)}")
    for to, cells in found.items():
        print(f"| {' | '.join([to, *cells, GOALS[to]])} |")
    print(f"\n{describe()}")


main()
