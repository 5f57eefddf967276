#!/usr/bin/env python3
"""Prints as a Markdown table what records that nobody would send take in memory, at the peak of the whole command.

Needs target/release/license-stream and /usr/bin/time.
"""

import shutil
import subprocess
from collections.abc import Iterator

from machine import describe
from runs import COMMAND, WORK

# What --max-record-bytes allows by default.
MOST = 16 << 20


def filled(begin: str, unit: str, end: str) -> str:
    """A record as long as may be."""
    return begin + unit * ((MOST - len(begin) - len(end)) // len(unit)) + end


def bodies() -> Iterator[tuple[str, str]]:
    """What a body is, and the body."""
    yield 'one record, `"products":[{},{},…]`', filled('{"id":"a","products":[', "{},", "{}]}")
    yield 'one record, `"products":[0,0,…]`: numbers where objects should be', filled('{"id":"a","products":[', "0,", "0]}")
    yield 'one record, `"roles":[0,0,…]`', filled('{"id":"a","roles":[', "0,", "0]}")
    yield 'one record, unknown members `"":0,"":0,…`', filled('{"id":"a",', '"":0,', '"":0}')
    names = ",".join(f'"{number:x}":0' for number in range(1_300_000))
    # A body without any license is no listing, and ends the run.
    license = '{"id":"a"}\n'
    yield "an object of 1,300,000 distinct names without `id`, behind a license", license + "{" + names + "}"
    yield "3,000,000 lines `1`, behind a license", license + "1\n" * 3_000_000


def peak(*arguments: str) -> int:
    """MiB at the peak of a run that may reject what it reads."""
    report = WORK / "time"
    timed = ["/usr/bin/time", "--quiet", "-f", "%M", "-o", str(report)]
    command = [*timed, COMMAND, *arguments, "--quiet", "--on-error", "skip"]
    ran = subprocess.run(command, stdout=subprocess.DEVNULL)
    assert ran.returncode in (0, 4), f"{arguments} ended with {ran.returncode}"
    return round(int(report.read_text()) / 1024)


def main() -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    body, out = WORK / "records.ndjson", WORK / "records.parquet"
    print("| the body is nothing but | MB | peak into Parquet, MiB | as lines, MiB |\n|---|--:|--:|--:|")
    for what, text in bodies():
        body.write_text(text)
        lines = peak("ndjson", "--input", str(body))
        parquet = peak("parquet", "--no-checkpoint", "--input", str(body), "--out", str(out))
        print(f"| {what} | {len(text) / 1e6:.0f} | {parquet} | {lines} |", flush=True)
    body.unlink()
    shutil.rmtree(out)
    print(f"\n{describe()}")


main()
