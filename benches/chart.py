#!/usr/bin/env python3
"""Draws tables of docs/performance.md into SVG files beside it: comparisons as bars, memory as lines.

    chart.py            draws them
    chart.py --check    fails where a file is not what its table says

Throughput is what the bars show, ours above theirs, and beside them the ratio with its goal. The lines go over bodies
of growing length, a line for each destination: peak memory with what it is to stay below, and throughput.
"""

import math
import re
import sys
from dataclasses import dataclass
from functools import partial
from xml.sax.saxutils import escape

from tables import DOCUMENT, Row, rows, section

TITLES = {"parquet": "Into Parquet", "kafka": "Into Kafka"}

WIDTH, MARGIN = 860, 16
# Where bars begin, and how long the longest is.
LEFT, LONGEST = 330, 330
HEAD, BAR, GROUP = 64, 15, 52
# Of a panel of lines: where its axis is and how long, how high it is, and where the next panel begins.
AXIS, ACROSS, HIGH, PANEL = 44, 204, 190, 422
# Between the words at the ends of lines.
LINE = 16

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


# The same of lines: each has a colour, for its words too, and goals have those of their lines.
LINES = """
.grid { stroke: #d1d9e0 } path, .goal { fill: none; stroke-width: 2 } .goal { stroke-width: 1.5; stroke-dasharray: 5 4 }
path.a, .goal.a { stroke: #59636e } path.b, .goal.b { stroke: #8250df } path.c, .goal.c { stroke: #0969da }
circle.a, text.a { fill: #59636e } circle.b, text.b { fill: #8250df } circle.c, text.c { fill: #0969da }
@media (prefers-color-scheme: dark) {
  .grid { stroke: #3d444d }
  path.a, .goal.a { stroke: #9198a1 } path.b, .goal.b { stroke: #ab7df8 } path.c, .goal.c { stroke: #4493f8 }
  circle.a, text.a { fill: #9198a1 } circle.b, text.b { fill: #ab7df8 } circle.c, text.c { fill: #4493f8 }
}
"""


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


@dataclass
class Line:
    to: str
    # MB of the body, and what was measured there.
    points: list[tuple[float, float]]
    goal: float | None


def lines(section: str) -> tuple[list[Line], list[Line]]:
    """Of the table of memory: the peaks, and the throughputs."""
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    (_, *lengths, _), _, *body = table
    megabytes = [float(length.removesuffix(" MB").replace(",", "")) for length in lengths]
    peaks, rates = [], []
    for to, *cells, goal in body:
        measured = [[float(figure.replace(",", "")) for figure in cell.split(" · ")] for cell in cells]
        peak, rate = zip(*measured, strict=True)
        peaks.append(Line(to, list(zip(megabytes, peak, strict=True)), float(goal) if goal else None))
        rates.append(Line(to, list(zip(megabytes, rate, strict=True)), None))
    return peaks, rates


def panel(title: str, lines: list[Line], left: int) -> list[str]:
    most = max(amount for line in lines for amount in [line.goal or 0, *(amount for _, amount in line.points)])
    step = next(step for step in (10, 20, 50, 100, 200, 500, 1000, 2000) if most / step <= 6)
    top = step * math.ceil(most / step)
    lengths = [at for at, _ in lines[0].points]
    widest = math.log10(lengths[-1] / lengths[0]) or 1

    def x(at: float) -> float:
        return round(left + AXIS + ACROSS * math.log10(at / lengths[0]) / widest, 1)

    def y(amount: float) -> float:
        return round(HEAD + HIGH * (1 - amount / top), 1)

    end = left + AXIS + ACROSS
    drawn = [f'<text class="quiet" x="{left}" y="46">{escape(title)}</text>']
    for amount in range(0, top + 1, step):
        drawn += [
            f'<line class="grid" x1="{left + AXIS}" y1="{y(amount)}" x2="{end}" y2="{y(amount)}"/>',
            f'<text class="quiet" x="{left + AXIS - 8}" y="{y(amount) + 4}" text-anchor="end">{amount:,}</text>',
        ]
    for at in lengths:
        text = f"{at:,.0f} MB" if at < 1000 else f"{at / 1000:,.0f} GB"
        drawn.append(f'<text class="quiet" x="{x(at)}" y="{HEAD + HIGH + 20}" text-anchor="middle">{text}</text>')
    # Words stand where their lines end, from the highest down, and never on each other.
    above = -math.inf
    for colour, line in sorted(zip("abc", lines, strict=True), key=lambda entry: -entry[1].points[-1][1]):
        path = " L".join(f"{x(at)} {y(amount)}" for at, amount in line.points)
        drawn.append(f'<path class="{colour}" d="M{path}"/>')
        drawn += [f'<circle class="{colour}" cx="{x(at)}" cy="{y(amount)}" r="3.5"/>' for at, amount in line.points]
        words = f"{line.to.split()[0]} {line.points[-1][1]:,.0f}"
        if line.goal:
            height = y(line.goal)
            drawn.append(f'<line class="goal {colour}" x1="{left + AXIS}" y1="{height}" x2="{end}" y2="{height}"/>')
            words += f", goal {line.goal:,.0f}"
        above = max(above + LINE, y(line.points[-1][1]) + 4)
        drawn.append(f'<text class="{colour}" x="{end + 10}" y="{above}">{escape(words)}</text>')
    return drawn


def of_memory(section: str) -> str | None:
    if not re.search(r"\d · \d", section):
        return None
    peaks, rates = lines(section)
    height = HEAD + HIGH + 20 + MARGIN
    title = "Memory, and throughput, by the length of the body"
    size = f'viewBox="0 0 {WIDTH} {height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">',
            f'<title id="title">{title}: the table has the figures</title>',
            f"<style>{STYLE}{LINES}</style>",
            f'<rect class="page" width="{WIDTH}" height="{height}"/>',
            f'<text x="{MARGIN}" y="26" font-size="16" font-weight="600">{title}</text>',
            *panel("Peak of the process, MiB; goals are dashed", peaks, MARGIN),
            *panel("MB of JSON a second, from start to end", rates, MARGIN + PANEL),
            "</svg>",
            "",
        ]
    )


def of_comparison(title: str, section: str) -> str | None:
    found = rows(section)
    return drawn(title, found) if found else None


def main() -> None:
    is_check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not is_check:
        sys.exit(__doc__)
    pictures = {name: partial(of_comparison, title) for name, title in TITLES.items()} | {"memory": of_memory}
    for name, draw in pictures.items():
        picture = draw(section(name))
        if not picture:
            sys.exit(f"chart.py: {DOCUMENT} has no table in section {name}")
        file = DOCUMENT.with_name(f"performance-{name}.svg")
        if not is_check:
            file.write_text(picture)
        elif not file.exists() or file.read_text() != picture:
            sys.exit(f"chart.py: {file} is not what its table says: run benches/chart.py")


main()
