#!/usr/bin/env python3
"""Prints as a Markdown table what `cargo bench` has found last: target/criterion."""

import json

from machine import ROOT, describe


def found() -> list[tuple[float, str, str, list[float]]]:
    """When it was found, the group, what it is of, and MB a second: the median and the ends of its interval; in that order."""
    all_of_it = []
    for path in (ROOT / "target/criterion").glob("**/new/benchmark.json"):
        benchmark = json.loads(path.read_text())
        median = json.loads(path.with_name("estimates.json").read_text())["median"]
        megabytes = benchmark["throughput"]["Bytes"] / 1e6
        interval = median["confidence_interval"]
        rates = [
            megabytes / (nanoseconds / 1e9)
            for nanoseconds in (median["point_estimate"], interval["upper_bound"], interval["lower_bound"])
        ]
        what = " ".join(filter(None, [benchmark["function_id"], benchmark["value_str"]]))
        all_of_it.append((path.stat().st_mtime, benchmark["group_id"], what, rates))
    if not all_of_it:
        raise SystemExit("nothing was measured yet: run `cargo bench --features cli`")
    return sorted(all_of_it)


def main() -> None:
    print("| group | what | MB/s of JSON, median | 95 % interval |\n|---|---|--:|--:|")
    for _, group, what, (median, low, high) in found():
        print(f"| {group} | {what} | {median:,.0f} | {low:,.0f}–{high:,.0f} |")
    print(f"\n{describe()}")


if __name__ == "__main__":
    main()
