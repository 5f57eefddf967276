#!/usr/bin/env python3
"""Says in the README what the tables of docs/performance.md come to.

    headline.py            writes it
    headline.py --check    fails where it is not what the tables say
"""

import re
import sys

from machine import ROOT
from tables import DOCUMENT, Row, rows, section

README = ROOT / "README.md"


def spread(found: list[Row]) -> str:
    """The lowest and the highest ratio."""
    ratios = sorted((row.ratio for row in found), key=float)
    return ratios[0] if ratios[0] == ratios[-1] else f"{ratios[0]} to {ratios[-1]}"


def date(section: str) -> str:
    return re.search(r"\d{4}-\d\d-\d\d", section)[0]


def headline() -> str:
    parquet, kafka = section("parquet"), section("kafka")
    files = [row for row in rows(parquet) if row.what.startswith("file")]
    against = {peer: [row for row in files if row.against == peer] for peer in ("DuckDB", "Polars")}
    (kcat,) = (row for row in rows(kafka) if row.against == "curl | kcat -P" and row.what.endswith("compression none"))
    ours, its = kcat.peaks
    peak = max(row.peaks[0] for row in rows(parquet))
    dates = " and ".join(sorted({date(parquet), date(kafka)}))
    cores = re.search(r"(\d+) cores", parquet)[1]
    return (
        f"On {cores} cores, by the tables of {dates} in [docs/performance.md](docs/performance.md):\n"
        f"from a file into Parquet {spread(against['DuckDB'])} times as fast as DuckDB and {spread(against['Polars'])} times as fast "
        f"as Polars,\nof 1 GB in {peak:,.0f} MiB at most; into Kafka, uncompressed, {kcat.ratio} times as fast as "
        f"`curl | kcat`, in {ours:,.0f} MiB\nwhere that takes {its:,.0f}.\n"
    )


def main() -> None:
    is_check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not is_check:
        sys.exit(__doc__)
    said, found = headline(), section("headline", README)
    if not found:
        sys.exit(f"headline.py: {README} has no section headline")
    if not is_check:
        README.write_text(README.read_text().replace(found, said))
    elif found != said:
        sys.exit(f"headline.py: {README} does not say what the tables of {DOCUMENT} say: run benches/headline.py")


main()
