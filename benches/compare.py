#!/usr/bin/env python3
"""Whole runs of the command beside other ways to the same result, as a Markdown table.

    compare.py parquet|kafka|batching [--rounds N] [--records N] [--only TEXT]

Needs target/release/license-stream, curl, kcat, taskset, /usr/bin/time and what scripts/with-services.sh gives; `make
bench` has all of that. In each round every comparison runs once, one side directly after the other and each side first in
every other round, so that a machine that is busy elsewhere is so for both. Ratios are medians of the rounds' ratios.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from machine import ROOT, describe, first_line

COMMAND = str(ROOT / "target/release/license-stream")
WORK = ROOT / "target/bench"
OUT = WORK / "out"
# With remote_data a record has about 625 bytes, and without it about 235. Into Kafka the body is longer: beginning and end,
# where brokers are looked for and checkpoints are read, take some tenths of a second whatever is between them.
RECORDS = {"parquet": {"whole": 450_000, "lean": 1_200_000}, "kafka": {"whole": 1_600_000}, "batching": {"whole": 1_600_000}}
PARTITIONS = 3


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


def our_parquet(body: Body, http: bool = False, prefix: tuple[str, ...] = ()) -> Run:
    run = license_stream("parquet", body, http, "--out", str(OUT), prefix=prefix)
    run.written = sum(file.stat().st_size for file in OUT.glob("*.parquet"))
    shutil.rmtree(OUT)
    return run


def duckdb(body: Body, columns: str, threads: str, http: bool = False, prefix: tuple[str, ...] = ()) -> Run:
    OUT.mkdir(exist_ok=True)
    out = OUT / "licenses.parquet"
    source = "/dev/stdin" if http else str(body.file)
    script = str(ROOT / "benches/duckdb_to_parquet.py")
    command = [*prefix, sys.executable, script, source, str(out), threads, columns]
    run, printed = measured(curl(body), command) if http else measured(command)
    result = json.loads(printed)
    assert result["rows"] == body.records, result
    run.seconds, run.written = result["seconds"], out.stat().st_size
    shutil.rmtree(OUT)
    return run


def curl(body: Body) -> list[str]:
    return ["curl", "-sSfN", "-H", "Authorization: Bearer simulator-token", body.url]


class Broker:
    def __init__(self) -> None:
        self.address = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
        self.admin = AdminClient({"bootstrap.servers": self.address})
        self.topics = 0
        self.process = next(filter(self.is_it, Path("/proc").glob("[0-9]*")), None)

    def is_it(self, process: Path) -> bool:
        """Whether it is the broker, as scripts/kafka.sh starts it: from a directory that has its address."""
        with contextlib.suppress(OSError):
            last = process.joinpath("cmdline").read_bytes().rstrip(b"\0").rpartition(b"\0")[2]
            properties = Path(os.fsdecode(last))
            if properties.name == "server.properties":
                return properties.with_name("bootstrap").read_text().strip() == self.address
        return False

    def cpu(self) -> float:
        """Seconds of the processor that the broker has taken, in user and kernel; 0 of one that is elsewhere."""
        if self.process is None:
            return 0
        fields = self.process.joinpath("stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def measured(self, run: Callable[[], Run]) -> Run:
        before = self.cpu()
        ran = run()
        ran.broker_cpu = self.cpu() - before
        return ran

    @contextlib.contextmanager
    def topic(self, records: int, is_exact: bool = True) -> Iterator[str]:
        """A new topic, which must hold so many records afterwards, or at least so many."""
        self.topics += 1
        name = f"compare-{os.getpid()}-{self.topics}"
        self.admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result()
        yield name
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "compare"})
        partitions = (TopicPartition(name, number) for number in range(PARTITIONS))
        found = sum(consumer.get_watermark_offsets(partition)[1] for partition in partitions)
        consumer.close()
        self.admin.delete_topics([name])[name].result()
        assert found == records or (found > records and not is_exact), f"{found} records of {records} are in the topic"

    def ours(self, body: Body, codec: str, *options: str) -> Run:
        # The end of each transaction takes an offset of its own.
        is_exact = "exactly-once" not in options
        with self.topic(body.records, is_exact) as topic:
            settings = ["--brokers", self.address, "--topic", topic, "-X", f"compression.type={codec}"]
            return self.measured(lambda: license_stream("kafka", body, True, *settings, *options))

    def kcat(self, body: Body, codec: str) -> Run:
        """With the settings that license-stream has by default, as far as they make it faster."""
        settings = ["acks=all", f"compression.type={codec}", "linger.ms=200", "batch.size=1000000"]
        settings += ["queue.buffering.max.messages=1000000"]
        options = [option for setting in settings for option in ("-X", setting)]
        with self.topic(body.records) as topic:
            kcat = ["kcat", "-q", "-P", "-b", self.address, "-t", topic, *options]
            return self.measured(lambda: measured(curl(body), kcat)[0])

    def librdkafka(self, produce: str, body: Body, codec: str) -> Run:
        """With our keys, headers and settings; its time is without that of reading the body into memory."""
        with self.topic(body.records) as topic:
            command = [produce, str(body.file), body.account, self.address, topic, codec]
            ran: list[dict] = []

            def run() -> Run:
                run, printed = measured(command)
                ran.append(json.loads(printed))
                return run

            run = self.measured(run)
            run.seconds = ran[0]["seconds"]
            return run

    def console_producer(self, body: Body) -> Run:
        """Kafka's own, of Java, as it is but for what kcat has too."""
        jars = subprocess.run([ROOT / "scripts/kafka.sh", "fetch"], stdout=subprocess.PIPE, text=True, check=True)
        settings = ["acks=all", "linger.ms=200", "batch.size=1000000"]
        options = [option for setting in settings for option in ("--command-property", setting)]
        with self.topic(body.records) as topic:
            java = ["java", "-cp", f"{jars.stdout.strip()}/*", "org.apache.kafka.tools.ConsoleProducer"]
            java += ["--bootstrap-server", self.address, "--topic", topic, *options]
            return self.measured(lambda: measured(curl(body), java)[0])


def executable_of_bench(name: str) -> str:
    command = ["cargo", "bench", "--features", "cli", "--bench", name, "--no-run", "--message-format", "json"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    made = (json.loads(line) for line in built.splitlines())
    return next(it["executable"] for it in made if it.get("executable") and it["target"]["name"] == name)


@contextlib.contextmanager
def simulator(records: int) -> Iterator[tuple[str, str]]:
    """A Truto API of our own in a process of its own; its address, and the account that it has."""
    command = [COMMAND, "simulate", "--records", str(records), "--listen", "127.0.0.1:0"]
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



def into_parquet(*, whole: Body, lean: Body) -> Iterator[Comparison]:
    one_core = ("taskset", "-c", "0")
    for columns, corpus, name in [("typed", lean, "no `remote_data`"), ("json", whole, "`remote_data` as JSON")]:
        for threads, prefix, where, goal in [("1", one_core, "one core", 1.5), ("all", (), "all cores", 2)]:
            yield Comparison(
                f"file → Parquet, {name}, {where}",
                "DuckDB",
                f"{2 if columns == 'json' else goal}×",
                corpus.bytes,
                lambda corpus=corpus, prefix=prefix: our_parquet(corpus, prefix=prefix),
                lambda corpus=corpus, columns=columns, threads=threads, prefix=prefix: duckdb(
                    corpus, columns, threads, prefix=prefix
                ),
            )
    yield Comparison(
        "HTTP → Parquet, `remote_data` as JSON",
        "`curl \\| duckdb`",
        "2.5×",
        whole.bytes,
        lambda: our_parquet(whole, http=True),
        lambda: duckdb(whole, "json", "all", http=True),
    )
    yield Comparison(
        "HTTP → Parquet, `remote_data` as JSON",
        "the same from a file",
        "0.9×",
        whole.bytes,
        lambda: our_parquet(whole, http=True),
        lambda: our_parquet(whole),
    )


def into_kafka(*, whole: Body) -> Iterator[Comparison]:
    broker = Broker()
    for codec in ["none", "lz4", "zstd"]:
        yield Comparison(
            f"HTTP → Kafka, compression {codec}",
            "`curl \\| kcat -P`",
            "1×",
            whole.bytes,
            lambda codec=codec: broker.ours(whole, codec),
            lambda codec=codec: broker.kcat(whole, codec),
        )
    alone = executable_of_bench("produce")
    for codec in ["none", "lz4", "zstd"]:
        yield Comparison(
            f"HTTP → Kafka, compression {codec}",
            "librdkafka alone, from memory",
            "0.9×",
            whole.bytes,
            lambda codec=codec: broker.ours(whole, codec),
            lambda codec=codec: broker.librdkafka(alone, whole, codec),
        )
    bare = ["--headers", "none", "--key", "none"]
    registry = os.environ["LICENSE_STREAM_REGISTRY"]
    variants = [
        ("exactly once", "0.9×", ["--delivery", "exactly-once"]),
        ("no headers", "", bare[:2]),
        ("`--value json-normalized`", "", ["--value", "json-normalized"]),
        ("`--value avro`", "0.8×", ["--value", "avro", "--register", "auto", "--schema-registry", registry]),
    ]
    for what, goal, options in variants:
        yield Comparison(
            f"HTTP → Kafka, {what}",
            "our default",
            goal,
            whole.bytes,
            lambda options=options: broker.ours(whole, "none", *options),
            lambda: broker.ours(whole, "none"),
        )
    yield Comparison(
        "HTTP → Kafka, no headers and no key",
        "`curl \\| kcat -P`",
        "",
        whole.bytes,
        lambda: broker.ours(whole, "none", *bare),
        lambda: broker.kcat(whole, "none"),
    )
    yield Comparison(
        "HTTP → Kafka, compression none",
        "`curl \\| kafka-console-producer`",
        "",
        whole.bytes,
        lambda: broker.ours(whole, "none"),
        lambda: broker.console_producer(whole),
    )


def batching(*, whole: Body) -> Iterator[Comparison]:
    """What other values of the settings that decide about batches would be like, each beside the default."""
    broker = Broker()
    for codec in ["none", "zstd"]:
        for setting in ["linger.ms=5", "linger.ms=50", "linger.ms=1000", "batch.size=100000", "batch.size=300000"]:
            yield Comparison(
                f"{codec}, `{setting}`",
                "`linger.ms=200`, `batch.size=1000000`",
                "",
                whole.bytes,
                lambda codec=codec, setting=setting: broker.ours(whole, codec, "-X", setting),
                lambda codec=codec: broker.ours(whole, codec),
            )


GROUPS = {"parquet": into_parquet, "kafka": into_kafka, "batching": batching}


def row(comparison: Comparison, rounds: list[tuple[Run, Run]], into: str, records: int) -> str:
    def medians(value: Callable[[Run], float], digits: int = 0) -> list[str]:
        return [f"{statistics.median(value(pair[side]) for pair in rounds):,.{digits}f}" for side in (0, 1)]

    ratios = [theirs.seconds / ours.seconds for ours, theirs in rounds]
    cells = [comparison.what, comparison.peer, *medians(lambda run: comparison.bytes / 1e6 / run.seconds)]
    cells += [f"{statistics.median(ratios):.2f}× ({min(ratios):.2f}–{max(ratios):.2f})", comparison.goal]
    cells += [" / ".join(medians(lambda run: run.mebibytes))]
    if into == "parquet":
        cells += [" / ".join(medians(lambda run: run.written / 1e6))]
    else:
        millions = records / 1e6
        cells += [" / ".join(medians(lambda run: run.cpu / millions, 1))]
        cells += [" / ".join(medians(lambda run: run.broker_cpu / millions, 1))]
    return f"| {' | '.join(cells)} |"


def versions() -> list[str]:
    import duckdb as engine

    kcat = subprocess.run(["kcat", "-V"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    kcat_version = re.search(r"Version ([\d.]+).*librdkafka ([\d.]+)", kcat, re.DOTALL)
    pom = (ROOT / "tests/kafka/pom.xml").read_text()
    kafka = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([\d.]+)<", pom)
    return [
        f"DuckDB {engine.__version__}",
        " ".join(first_line("curl", "--version").split()[:2]),
        f"kcat {kcat_version[1]} with librdkafka {kcat_version[2]}" if kcat_version else "kcat",
        f"Kafka {kafka[1]} on the same machine" if kafka else "Kafka on the same machine",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("into", choices=GROUPS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, help="of each body; by default as many as make 280 MB, and 1 GB into Kafka")
    parser.add_argument("--only", default="", metavar="TEXT", help="compare only what has this in its name")
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    os.environ["TRUTO_API_TOKEN"] = "simulator-token"
    with contextlib.ExitStack() as bodies:
        read = {
            name: bodies.enter_context(body(name, args.records or records))
            for name, records in RECORDS[args.into].items()
        }
        chosen = [each for each in GROUPS[args.into](**read) if args.only in each.what]
        found: list[list[tuple[Run, Run]]] = [[] for _ in chosen]
        for number in range(args.rounds):
            for comparison, rounds in zip(chosen, found):
                if number % 2 == 0:
                    ours, theirs = comparison.ours(), comparison.theirs()
                else:
                    theirs, ours = comparison.theirs(), comparison.ours()
                rounds.append((ours, theirs))
                ratio = theirs.seconds / ours.seconds
                cpu = f"{ours.cpu:.1f} and {theirs.cpu:.1f} s of CPU"
                print(f"round {number + 1}: {comparison.what}: {ratio:.2f}× {comparison.peer}; {cpu}", file=sys.stderr)
    of_brokers = ["CPU s per million / its", "broker's CPU s per million / its"]
    last = ["output MB / its"] if args.into == "parquet" else of_brokers
    names = ["what", "against", "MB/s", "MB/s of it", "ratio (range)", "goal", "peak MiB / its", *last]
    print(f"| {' | '.join(names)} |\n|---|---|{'--:|' * (len(names) - 2)}")
    for comparison, rounds in zip(chosen, found):
        print(row(comparison, rounds, args.into, read["whole"].records))
    with_what = {"whole": "with `remote_data`", "lean": "without"}
    sizes = [f"{it.bytes / 1e6:.0f} MB in {it.records:,} licenses {with_what[name]}" for name, it in read.items()]
    print(f"\n{args.rounds} rounds; {', '.join(sizes)}. {describe(*versions())}")


main()
