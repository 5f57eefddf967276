#!/usr/bin/env python3
"""Prints as a Markdown table how what `cargo bench` has found last in the groups of decoding stands to its goals."""

from criterion_table import found
from machine import describe


def main() -> None:
    rates = {(group, what): rate for _, group, what, (rate, _, _) in found()}

    def rate(group: str, what: str = "license-stream") -> float:
        return rates[group, what]

    def times(group: str, peer: str, what: str = "license-stream") -> str:
        return f"{rate(group, what) / rate(group, peer):.2f}"

    whole, lean = "arrow", "arrow, no remote_data"
    structs, threads = "sonic-rs into structs", "license-stream, two threads"
    rows = [
        ("Arrow batches of the 13 typed columns, against arrow-json", "3 times", f"{times(lean, 'arrow-json')} times", ""),
        ("with `remote_data`, a 14th column, which arrow-json passes over", "", "", f"{times(whole, 'arrow-json')} times"),
        ("Arrow batches, against sonic-rs into borrowed structs", "1 times", f"{times(lean, structs)} times", f"{times(whole, structs)} times"),
        ("Arrow batches, one core, MB/s", "1,000", f"{rate(lean):,.0f}", f"{rate(whole):,.0f}"),
        ("the same, against that without `remote_data`", "85 %", "", f"{rate(whole) / rate(lean):.0%}".replace("%", " %")),
        ("Arrow batches on two threads, against one", "1.8 times", *(f"{times(it, 'license-stream', threads)} times" for it in (lean, whole))),
        ("a record checked and its `id` found, MB/s", "1,200", "", f"{rate('identify'):,.0f}"),
        ("framing of lines, against memchr", "0.5 times", "", f"{times('frame', 'memchr')} times"),
        ("framing of an envelope, compact, MB/s", "1,500", "", f"{rate('frame, envelope'):,.0f}"),
        ("framing of an envelope, printed over many lines, MB/s", "", "", f"{rate('frame, pretty'):,.0f}"),
    ]
    print("| what | goal | without `remote_data` | with |\n|---|--:|--:|--:|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(f"\n{describe()}")


main()
