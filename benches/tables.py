"""The tables that stand in documents, between the lines `<!-- NAME -->` and `<!-- /NAME -->`."""

import re
from dataclasses import dataclass
from pathlib import Path

from machine import ROOT

DOCUMENT = ROOT / "docs/performance.md"


@dataclass
class Row:
    """A row of a comparison."""

    what: str
    against: str
    ours: float
    theirs: float
    ratio: str
    goal: str
    # MiB at the peak: ours and its.
    peaks: tuple[float, float]

    @property
    def verdict(self) -> str:
        if not self.goal:
            return "quiet"
        return "met" if float(self.ratio) >= float(self.goal.rstrip("×")) else "missed"


def section(name: str, document: Path = DOCUMENT) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", document.read_text(), re.DOTALL)
    return found[1] if found else ""


def number(text: str) -> float:
    return float(text.replace(",", ""))


def rows(section: str) -> list[Row]:
    found = []
    for line in section.splitlines():
        cells = [cell.strip().replace("`", "").replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) < 7 or not re.match(r"[\d.]+×", cells[4]):
            continue
        what, against, ours, theirs, ratio, goal, peaks = cells[:7]
        our_peak, its_peak = (number(peak) for peak in peaks.split("/"))
        found.append(Row(what, against, number(ours), number(theirs), ratio.partition("×")[0], goal, (our_peak, its_peak)))
    return found
