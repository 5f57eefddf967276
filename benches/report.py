#!/usr/bin/env python3
"""Prints as a Markdown table what `license-stream report` takes for lakes of many files, and of a long one.

    report.py [--rounds N] [--part N]      N: an Nth of the accounts and licenses, to try it

Needs target/release/license-stream and /usr/bin/time. The files have just been written, and come from the page cache.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys

from machine import describe
from runs import COMMAND, WORK, simulator

# Accounts, licenses of each, and how often they are read.
LAKES = [(10_000, 20, 2), (1_000, 20, 3), (1, 2_000_000, 1)]


def made(accounts: int, records: int, runs: int):
    """A lake that `parquet` has written."""
    lake = WORK / "report"
    shutil.rmtree(lake, ignore_errors=True)
    with simulator(records, accounts) as (base_url, _):
        for _ in range(runs):
            command = [COMMAND, "parquet", "--base-url", base_url, "--all-accounts", "--quiet", "--out", str(lake)]
            subprocess.run(command, check=True)
    return lake


def measured(lake) -> tuple[float, float]:
    """Seconds, and MiB at the peak, of one page."""
    page, report = WORK / "report.html", WORK / "time"
    timed = ["/usr/bin/time", "--quiet", "-f", "%e %M", "-o", str(report)]
    subprocess.run([*timed, COMMAND, "report", str(lake), "--quiet", "--out", str(page)], check=True)
    page.unlink()
    seconds, kibibytes = map(float, report.read_text().split())
    return seconds, kibibytes / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", type=int, default=1)
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    os.environ["TRUTO_API_TOKEN"] = "simulator-token"
    print("| accounts | licenses of each | runs | files | MB | seconds | peak, MiB |\n|--:|--:|--:|--:|--:|--:|--:|")
    for accounts, records, runs in LAKES:
        accounts = max(accounts // args.part, 1)
        records = records if accounts > 1 else records // args.part
        lake = made(accounts, records, runs)
        sizes = [file.stat().st_size for file in lake.glob("*.parquet")]
        assert len(sizes) >= accounts * runs, f"{len(sizes)} files"
        seconds, mebibytes = (statistics.median(of) for of in zip(*(measured(lake) for _ in range(args.rounds))))
        cells = [f"{accounts:,}", f"{records:,}", str(runs), f"{len(sizes):,}", f"{sum(sizes) / 1e6:,.0f}"]
        print(f"| {' | '.join([*cells, f'{seconds:.1f}', f'{mebibytes:.0f}'])} |", flush=True)
        print(f"{len(sizes)} files: {seconds:.1f} s", file=sys.stderr)
        shutil.rmtree(lake)
    print(f"\nMedians of {args.rounds} pages. {describe()}")


main()
