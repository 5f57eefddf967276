"""What both orchestrators are asked to do: pipelines, and how license-stream ends with them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WORK = Path(os.environ["WORK"])


@dataclass
class Case:
    name: str
    # What its account is known to do (scenario.json); none for a pipeline that is not there.
    account: str | None
    succeeds: bool
    tries: int
    # What is in its log.
    said: tuple[str, ...]
    token: str = "simulator-token"
    keys: str = ""
    # Whether it is stopped by a signal of its orchestrator.
    stopped: bool = False

    def prepare(self) -> None:
        pipeline = WORK / f"{self.name}.yaml"
        if self.account:
            pipeline.write_text(
                f"jobs:\n  - {{name: lake, to: parquet, base-url: '{os.environ['TRUTO_BASE_URL']}', retries: 0, "
                f"account: [{self.account}], out: '{WORK / self.name}' {self.keys}}}\n"
            )
        os.environ.update(TRUTO_API_TOKEN=self.token, LICENSE_STREAM_PIPELINE=str(pipeline))


@dataclass
class Orchestrator:
    name: str
    # Accounts of its own, whose faults are over once they have struck.
    flaky: str
    stalled: str
    # What it says of a command that it has stopped.
    interrupted: str
    # Runs the pipeline of the environment: whether it succeeded, and after how many tries.
    attempt: Callable[[], tuple[bool, int]]

    def run_all(self) -> None:
        for case in self.cases():
            case.prepare()
            if case.stopped:
                stop_once_it_reads(signal.SIGTERM)
            with Log(f"{self.name}-{case.name}") as log:
                succeeded, tries = self.attempt()
            judge(case, succeeded, tries, log.text)

    def cases(self) -> list[Case]:
        whole, broken = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
        return [
            Case("whole", whole, True, 1, ("'records': 500",)),
            Case("rejects", broken, True, 1, ("records were rejected: see the dead letters",), keys=", on-error: skip"),
            Case("flaky", self.flaky, True, 2, (f"ended with exit code 1; lake: account {self.flaky}",)),
            Case("refused", whole, False, 2, ("ended with exit code 3; lake: account",), token="wrong"),
            # Neither begins, so that there is no job to say why.
            Case("missing", None, False, 1, ("exit code 2; ", "missing.yaml cannot be read")),
            Case("misspelt", whole, False, 1, ("exit code 2; ", "`outt` is no key of jobs"), keys=", outt: x"),
            Case("no-token", whole, False, 1, ("exit code 2; lake: TRUTO_API_TOKEN: API token is empty",), token=""),
            # The few that had been read were delivered: the second try has the rest, 466 or 468.
            Case("stopped", self.stalled, True, 2, (self.interrupted, "'records': 46"), stopped=True),
        ]


class Log:
    """All that this process and those below it print meanwhile, also shown."""

    def __init__(self, name: str) -> None:
        self.path = WORK / f"{name}.log"

    def __enter__(self) -> "Log":
        sys.stdout.flush()
        sys.stderr.flush()
        self.kept = [os.dup(1), os.dup(2)]
        with self.path.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, kept in enumerate(self.kept, 1):
            os.dup2(kept, number)
            os.close(kept)
        self.text = self.path.read_text()


def stop_once_it_reads(number: signal.Signals) -> None:
    """Sends this process, and all of its group, a signal two seconds after a license-stream below it has begun."""
    os.setpgid(0, 0)

    def stop() -> None:
        while not children():
            time.sleep(0.1)
        time.sleep(2)
        os.killpg(0, number)

    threading.Thread(target=stop, daemon=True).start()


def children() -> list[str]:
    """The license-stream processes that this one has started and that go on."""
    command = ["ps", "-o", "pid=,comm=,stat=", "--ppid", str(os.getpid())]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return [line for line in listed.stdout.splitlines() if "license-stream" in line and "Z" not in line.split()[2]]


def judge(case: Case, succeeded: bool, tries: int, text: str) -> None:
    found = (succeeded, tries, all(words in text for words in case.said), children())
    if found != (case.succeeds, case.tries, True, []):
        sys.exit(f"{case.name}: {found}, not {case}:\n{text[-6000:]}")
    ended, times = "succeeded" if succeeded else "failed", "try" if tries == 1 else "tries"
    print(f"{case.name}: {ended} after {tries} {times}", flush=True)
