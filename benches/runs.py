"""Programs that are measured, and the bodies that they read."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from machine import ROOT

COMMAND = str(ROOT / "target/release/license-stream")
WORK = ROOT / "target/bench"


@dataclass
class Run:
    seconds: float
    # Peak resident memory, of all processes together.
    mebibytes: float
    # What was written, if it is a file.
    written: int = 0
    # Of the processor, in user and kernel, of all processes together.
    cpu: float = 0
    # The same of the broker meanwhile.
    broker_cpu: float = 0


@dataclass
class Body:
    records: int
    bytes: int
    file: Path
    # Where the same bytes come from a simulator.
    base_url: str
    account: str

    @property
    def url(self) -> str:
        query = f"integrated_account_id={self.account}&truto_response_format=stream"
        return f"{self.base_url}/unified/user-directory/licenses?{query}"


@dataclass
class Comparison:
    what: str
    peer: str
    # Nothing where there is none.
    goal: str
    bytes: int
    ours: Callable[[], Run]
    theirs: Callable[[], Run]


def measured(*commands: list[str]) -> tuple[Run, str]:
    """Runs commands as a pipeline; what the last one printed comes too."""
    os.sync()  # Nobody has to wait for what another has left to be written to disk.
    reports = [WORK / f"time-{number}" for number in range(len(commands))]
    processes: list[subprocess.Popen] = []
    begun = time.perf_counter()
    for command, report in zip(commands, reports):
        source = processes[-1].stdout if processes else subprocess.DEVNULL
        timed = ["/usr/bin/time", "--quiet", "-f", "%M %U %S", "-o", str(report), *command]
        processes.append(subprocess.Popen(timed, stdin=source, stdout=subprocess.PIPE))
        if source is not subprocess.DEVNULL:
            source.close()
    printed = processes[-1].stdout.read().decode()
    statuses = [process.wait() for process in processes]
    seconds = time.perf_counter() - begun
    if any(statuses):
        sys.exit(f"compare.py: {commands} ended with status {statuses}")
    reported = [[float(number) for number in report.read_text().split()] for report in reports]
    mebibytes = sum(kibibytes for kibibytes, _, _ in reported) / 1024
    cpu = sum(user + system for _, user, system in reported)
    return Run(seconds, mebibytes, cpu=cpu), printed


def license_stream(verb: str, body: Body, http: bool, *arguments: str, prefix: tuple[str, ...] = ()) -> Run:
    source = ["--base-url", body.base_url, "--account", body.account] if http else ["--input", str(body.file)]
    run, printed = measured([*prefix, COMMAND, verb, *source, "--json", *arguments])
    summary = json.loads(printed)
    assert (summary["records"], summary["bytes_read"]) == (body.records, body.bytes), summary
    return run


def curl(body: Body) -> list[str]:
    return ["curl", "-sSfN", "-H", "Authorization: Bearer simulator-token", body.url]


@contextlib.contextmanager
def simulator(records: int, accounts: int = 1) -> Iterator[tuple[str, str]]:
    """A Truto API of our own in a process of its own; its address, and the first account that it has."""
    of_each = ["--records", str(records), "--accounts", str(accounts)]
    command = [COMMAND, "simulate", *of_each, "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        said = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
        yield said["TRUTO_BASE_URL"], said["account"]
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def body(name: str, records: int) -> Iterator[Body]:
    """A recorded body, and a simulator that answers with it."""
    with simulator(records) as (base_url, account):
        made = Body(records, 0, WORK / f"{name}.ndjson", base_url, account)
        fields = "&truto_ignore_remote_data=true" if name == "lean" else ""
        recorded = [*curl(made)[:-1], made.url + fields, "-o", str(made.file)]
        subprocess.run(recorded, check=True)
        made.bytes = made.file.stat().st_size
        yield made
