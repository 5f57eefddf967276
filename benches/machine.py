"""What figures were measured on: a figure without it says nothing."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def first_line(*command: str) -> str:
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return ran.stdout.partition("\n")[0].strip()


def describe(*others: str) -> str:
    """A sentence for below a table; `others` are names and versions of further programs."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    git = ["git", "-C", str(ROOT)]
    # The tables are put into docs/ one after the other; only a change to what is measured counts.
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "src", "benches", "Cargo.toml", "Cargo.lock"])
    commit = first_line(*git, "rev-parse", "--short", "HEAD") + (" with changes" if changed.returncode else "")
    rustc = first_line("rustc", "--version").split(" (")[0]
    return (
        f"{datetime.date.today()}, {os.cpu_count()} cores of {cpu[1] if cpu else 'unknown make'}, "
        f"{memory:.0f} GiB of memory, Linux {platform.release()}; "
        + ", ".join([f"commit {commit}", rustc, *others])
        + f". Load average at the end: {os.getloadavg()[0]:.1f}."
    )
