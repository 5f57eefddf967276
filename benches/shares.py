#!/usr/bin/env python3
"""Prints as a Markdown table which share of the processor's time goes to what, in whole runs of the command.

    shares.py [--records N]

Needs target/release/license-stream, curl, KAFKA_BOOTSTRAP_SERVERS, and perf with the right to record the kernel too
(`sysctl kernel.perf_event_paranoid=1`, or root). A function belongs to what the first pattern says that fits its name, so what the compiler has put into
another function counts as that.
"""

import argparse
import collections
import contextlib
import os
import re
import shutil
import subprocess
import sys

from machine import describe
from runs import COMMAND, WORK, Body, body

KERNEL = "kernel: reading, writing, page faults, sockets"
KINDS = [
    ("compression (zstd)", r"(ZSTD|HUF|FSE|HIST|XXH|ERR_|_?POOL)_"),
    ("librdkafka", r"(rd_|rdk_|rdbuf|crc32c|mtx_|cnd_|thrd_)"),
    ("allocator", r"(_?_?rjem|je_|arena_|tcache_|edata_|pa[ic]_|hpa_|sec_|extent_|eset_|emap_|do_rallocx|malloc|free|c?alloc)"),
    ("copying memory", r"_*(memcpy|memmove|memset)"),
    ("locks, clocks, waiting", r"_*(GI__)?_*(vdso_|clock_get|pthread_|poll|futex|epoll)"),
    ("Arrow columns", r"<?(license_stream::decode::arrow|arrow|chrono)"),
    ("framing, scanning, checking, converting", r"<?(license_stream|memchr|lexical|core::str)"),
    ("Parquet encoding", r"<?(parquet|twox_hash|ahash|hashbrown)"),
]


def kind(symbol: str, is_kernel: bool) -> str:
    if is_kernel:
        return KERNEL
    return next((name for name, pattern in KINDS if re.match(pattern, symbol)), "other")


def shares(*arguments: str) -> dict[str, float]:
    data = WORK / "perf.data"
    record = ["perf", "record", "--quiet", "-F", "999", "-o", str(data), "--", COMMAND, *arguments, "--quiet"]
    subprocess.run(record, check=True)
    report = ["perf", "report", "-i", str(data), "--no-children", "--sort", "symbol", "--percent-limit", "0", "--stdio"]
    printed = subprocess.run(report, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    data.unlink()
    found: dict[str, float] = collections.Counter()
    for line in printed.splitlines():
        # A share, the level (`k` is the kernel's), and the name.
        if of := re.match(r"\s*([\d.]+)%\s+\[(.)\]\s+(.*)", line):
            found[kind(of[3].strip(), of[2] == "k")] += float(of[1])
    assert 95 < sum(found.values()) < 105, f"perf report was not understood: {found}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, help="of each body; by default as many as make 1 GB")
    args = parser.parse_args()
    if not shutil.which("perf"):
        sys.exit("shares.py: perf is not there: it is in Debian's package linux-perf")
    WORK.mkdir(parents=True, exist_ok=True)
    os.environ["TRUTO_API_TOKEN"] = "simulator-token"
    lake = WORK / "shares"

    def file(it: Body) -> list[str]:
        return ["parquet", "--out", str(lake), "--input", str(it.file)]

    def http(it: Body) -> list[str]:
        return ["--base-url", it.base_url, "--account", it.account]

    with contextlib.ExitStack() as bodies:
        whole = bodies.enter_context(body("whole", args.records or 1_600_000))
        lean = bodies.enter_context(body("lean", args.records or 4_600_000))
        topic = f"shares-{os.getpid()}"
        broker = ["--brokers", os.environ["KAFKA_BOOTSTRAP_SERVERS"], "--topic", topic, "--create-topic", "partitions=3"]
        runs = {
            "file → Parquet": file(whole),
            "file → Parquet, no `remote_data`": file(lean),
            "HTTP → Parquet": ["parquet", "--out", str(lake), *http(whole)],
            "HTTP → Kafka": ["kafka", *broker, *http(whole)],
        }
        found = {}
        for name, arguments in runs.items():
            found[name] = shares(*arguments)
            shutil.rmtree(lake, ignore_errors=True)
            print(f"{name} done", file=sys.stderr)
    print(f"| | {' | '.join(found)} |\n|---|{'--:|' * len(found)}")
    first = next(iter(found.values()))
    names = sorted((name for name, _ in [*KINDS, (KERNEL, "")]), key=lambda name: -first[name])
    for name in [*names, "other"]:
        cells = [f"{of[name]:.0f} %" if of[name] >= 0.5 else "–" for of in found.values()]
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"\n{describe()}")


main()
