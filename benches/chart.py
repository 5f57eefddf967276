#!/usr/bin/env python3
"""Draws the tables of comparisons in docs/performance.md as bars, into SVG files beside it.

    chart.py            draws them
    chart.py --check    fails where a file is not what its table says

Throughput is what the bars show, ours above theirs, and beside them the ratio with its goal.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from machine import ROOT

DOCUMENT = ROOT / "docs/performance.md"
TITLES = {"parquet": "Into Parquet", "kafka": "Into Kafka"}

WIDTH, MARGIN = 860, 16
# Where bars begin, and how long the longest is.
LEFT, LONGEST = 330, 330
HEAD, BAR, GROUP = 64, 15, 52

# For a light page and for a dark one: readers of SVG pictures know only what the system prefers.
STYLE = """
svg { font: 13px system-ui, sans-serif }
.page { fill: #fff } text { fill: #1f2328 } .quiet { fill: #59636e }
.ours { fill: #0969da } .theirs { fill: #afb8c1 } .met { fill: #1a7f37 } .missed { fill: #9a6700 }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117 } text { fill: #f0f6fc } .quiet { fill: #9198a1 }
  .ours { fill: #4493f8 } .theirs { fill: #57606a } .met { fill: #3fb950 } .missed { fill: #d29922 }
}
"""


@dataclass
class Row:
    what: str
    against: str
    ours: float
    theirs: float
    ratio: str
    goal: str

    @property
    def verdict(self) -> str:
        if not self.goal:
            return "quiet"
        return "met" if float(self.ratio) >= float(self.goal.rstrip("×")) else "missed"


def rows(section: str) -> list[Row]:
    found = []
    for line in section.splitlines():
        cells = [cell.strip().replace("`", "").replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) < 6 or not re.match(r"[\d.]+×", cells[4]):
            continue
        what, against, ours, theirs, ratio, goal = cells[:6]
        amounts = (float(amount.replace(",", "")) for amount in (ours, theirs))
        found.append(Row(what, against, *amounts, ratio.partition("×")[0], goal))
    return found


def drawn(title: str, rows: list[Row]) -> str:
    height = HEAD + GROUP * len(rows) + MARGIN
    most = max(max(row.ours, row.theirs) for row in rows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}: throughput beside other ways to the same result</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text x="{MARGIN}" y="26" font-size="16" font-weight="600">{escape(title)}, MB of JSON a second</text>',
        f'<text class="quiet" x="{MARGIN}" y="46">The ratio is the median of rounds in turn; the table has its range.</text>',
    ]
    for number, row in enumerate(rows):
        top = HEAD + GROUP * number
        lines += [
            f'<text x="{MARGIN}" y="{top + 12}">{escape(row.what)}</text>',
            f'<text class="quiet" x="{MARGIN}" y="{top + 12 + BAR}">against {escape(row.against)}</text>',
        ]
        for place, (side, amount) in enumerate([("ours", row.ours), ("theirs", row.theirs)]):
            length = round(LONGEST * amount / most)
            y = top + (BAR + 2) * place
            lines += [
                f'<rect class="{side}" x="{LEFT}" y="{y}" width="{length}" height="{BAR}" rx="2"/>',
                f'<text class="quiet" x="{LEFT + length + 6}" y="{y + 12}">{amount:,.0f}</text>',
            ]
        goal = f", goal {row.goal}" if row.goal else ""
        lines.append(
            f'<text class="{row.verdict}" x="{WIDTH - MARGIN}" y="{top + 12 + BAR / 2}" text-anchor="end">'
            f"{row.ratio}×{escape(goal)}</text>"
        )
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    is_check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not is_check:
        sys.exit(__doc__)
    text = DOCUMENT.read_text()
    for name, title in TITLES.items():
        section = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
        found = rows(section[1]) if section else []
        if not found:
            sys.exit(f"chart.py: {DOCUMENT} has no table of comparisons in section {name}")
        file = DOCUMENT.with_name(f"performance-{name}.svg")
        picture = drawn(title, found)
        if not is_check:
            file.write_text(picture)
        elif not file.exists() or file.read_text() != picture:
            sys.exit(f"chart.py: {file} is not what its table says: run benches/chart.py")


main()
