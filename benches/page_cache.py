"""The page cache, as full as that of a machine that has been in use for a while."""

import os
from pathlib import Path

from runs import WORK

FILE = WORK / "nothing"
# About what the kernel keeps free by itself.
LEFT_FREE = 256 << 20
CHUNK = 16 << 20


def fill() -> None:
    """Takes what memory is free for pages of a file that has no content.

    The host of a virtual machine may take back what is free in it. Each page of a topic that is new then costs a fault of the
    host's as well: one run had the broker spend 1 s in the kernel, and the next one, of the same records, 4.7 s. A page that
    another file gives up costs none.
    """
    rest = free() - LEFT_FREE
    if rest <= 0:
        return
    with FILE.open("ab+", buffering=0) as sparse:
        begin = sparse.seek(0, os.SEEK_END)
        sparse.truncate(begin + rest)
        while sparse.read(CHUNK):
            pass


def give_back() -> None:
    FILE.unlink(missing_ok=True)


def free() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemFree:")) * 1024
