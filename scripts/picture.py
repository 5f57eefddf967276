#!/usr/bin/env python3
"""Makes a picture of what a command leaves on a terminal: picture.py OUT.svg COMMAND...

COMMAND runs at a pseudo-terminal of 80 columns, in an empty directory and with what it needs of the environment and no
more, so that nothing of this machine gets into the picture. The first word is what is run, and shown by its name alone.
pyte is the terminal. The picture follows the colours that whoever looks at it prefers, light or dark.
"""

import html
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile

import pyte
from wcwidth import wcswidth

COLUMNS, ROWS = 80, 100

# Of a character and of a line, in pixels; around all of it; and the bar above.
WIDTH, HEIGHT, MARGIN, BAR = 8, 18, 16, 30

# Light and dark. Each colour has a contrast of 4.5 or more to the paper.
COLORS = {
    "paper": ("#ffffff", "#0f1317"),
    "line": ("#d0d7de", "#3d444d"),
    "ink": ("#1b2128", "#e5e9ed"),
    "brightblack": ("#59636e", "#9aa4af"),
    "red": ("#b3261e", "#ff8c82"),
    "green": ("#1d7a3c", "#6cc98a"),
    "brown": ("#8a5700", "#e0ae4f"),
    "blue": ("#2f6db3", "#6ba4e4"),
    "magenta": ("#6a4bbd", "#b8a2f2"),
    "cyan": ("#0b6b7a", "#6cc5d6"),
}


def record(command):
    """The screen that `command` leaves."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    stream.feed(f"\x1b[90m$\x1b[0m {pathlib.Path(command[0]).name} {' '.join(command[1:])}\r\n".encode())
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "rows", "50", "cols", str(COLUMNS)], stdin=theirs, check=True)
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with tempfile.TemporaryDirectory() as directory:
        running = subprocess.Popen(
            [os.path.abspath(command[0]), *command[1:]],
            stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, cwd=directory, env=environment,
        )
        os.close(theirs)
        while True:
            try:
                some = os.read(ours, 1 << 16)
            except OSError:
                break
            if not some:
                break
            # pyte knows no faint text: it is grey here.
            stream.feed(some.replace(b"\x1b[2m", b"\x1b[90m"))
        if running.wait() != 0:
            sys.exit(f"picture.py: {command[0]} has ended with {running.returncode}:\n" + "\n".join(screen.display))
    return screen


def pieces(row):
    """The texts of a row: where each begins, its style, and what it says. Blanks, two or more, part them."""

    def style(cell):
        # Wide characters, whose second cell is empty, are a text of their own: each font has other widths for them.
        return cell.fg, cell.bold, wcswidth(cell.data) != 1

    found, at = [], 0
    while at < COLUMNS:
        text, end = "", at
        while end < COLUMNS and style(row[end]) == style(row[at]):
            text += row[end].data
            end += 1
        parts = re.finditer(r"\S+(?: \S+)*", text)
        found += [(at + wcswidth(text[: part.start()]), style(row[at]), part[0]) for part in parts]
        at = end
    return found


def picture(screen, title):
    rows = [screen.buffer[number] for number in range(ROWS)]
    drawn = [pieces(row) for row in rows]
    while drawn and not drawn[-1]:
        drawn.pop()
    width = COLUMNS * WIDTH + 2 * MARGIN
    height = len(drawn) * HEIGHT + 2 * MARGIN + BAR
    used = sorted({style[0] for row in drawn for _, style, _ in row} - {"default"})
    named = {name: COLORS[name] for name in ["paper", "line", "ink", *used]}
    light, dark = (" ".join(f"--{name}: {both[side]};" for name, both in named.items()) for side in (0, 1))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{html.escape(title)}">',
        "<style>",
        f"svg {{ {light} }}",
        f"@media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}",
        "text { font: 13.3px ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; }",
        "text { fill: var(--ink); }",
        ".paper { fill: var(--paper); stroke: var(--line); } .dots { fill: var(--line); } .bold { font-weight: 700; }",
    ]
    lines += [f".{color} {{ fill: var(--{color}); }}" for color in used]
    lines += [
        "</style>",
        f'<rect class="paper" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        *(f'<circle class="dots" cx="{x}" cy="18" r="5"/>' for x in (20, 38, 56)),
    ]
    for number, row in enumerate(drawn):
        y = BAR + MARGIN + number * HEIGHT + 13
        line = []
        for column, (color, is_bold, _), text in row:
            classes = " ".join(filter(None, [color if color != "default" else "", "bold" if is_bold else ""]))
            classes = f' class="{classes}"' if classes else ""
            cells = wcswidth(text)
            # However wide the font is that is there, columns stay columns.
            line.append(
                f'<text{classes} x="{MARGIN + column * WIDTH}" y="{y}" textLength="{cells * WIDTH}" '
                f'lengthAdjust="spacingAndGlyphs">{html.escape(text, quote=False)}</text>'
            )
        # A row is a line of the file: the test reads them so.
        lines += [" ".join(line)] if line else []
    return "\n".join([*lines, "</svg>", ""])


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: picture.py OUT.svg COMMAND...")
    out, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
    shown = " ".join([pathlib.Path(command[0]).name, *command[1:]])
    out.write_text(picture(record(command), f"A terminal after {shown}"), encoding="utf-8")


main()
