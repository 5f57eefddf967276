#!/usr/bin/env python3
"""Puts what is on standard input into a document, and prints it too.

    section.py DOCUMENT NAME

In the document the lines `<!-- NAME -->` and `<!-- /NAME -->` mark the place. Empty input changes nothing and is
an error: what should have made it has failed.
"""

import re
import sys
from pathlib import Path


def main() -> None:
    document, name = Path(sys.argv[1]), sys.argv[2]
    section = sys.stdin.read().strip()
    if not section:
        sys.exit(f"section.py: nothing to put into section {name} of {document}")
    print(section)
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    place = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    text, count = place.subn(lambda _: f"{section}\n", document.read_text())
    if count != 1:
        sys.exit(f"section.py: {document} has section {name} {count} times, not once")
    document.write_text(text)


main()
