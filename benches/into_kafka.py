"""The command into Kafka, beside other producers."""

import atexit
import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import page_cache
from machine import ROOT
from runs import Body, Comparison, Run, curl, license_stream, measured

PARTITIONS = 3


class Broker:
    def __init__(self) -> None:
        self.address = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
        self.admin = AdminClient({"bootstrap.servers": self.address})
        self.topics = 0
        atexit.register(page_cache.give_back)
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
        page_cache.fill()
        yield name
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "compare"})
        partitions = (TopicPartition(name, number) for number in range(PARTITIONS))
        found = sum(consumer.get_watermark_offsets(partition)[1] for partition in partitions)
        consumer.close()
        self.admin.delete_topics([name])[name].result()
        assert found == records or (found > records and not is_exact), f"{found} records of {records} are in the topic"

    def warm_up(self, body: Body) -> None:
        """Has the broker's virtual machine compile what every run needs: of a new broker, that takes 10 s of the processor."""
        for codec in ["none", "zstd"]:
            self.ours(body, codec)
            self.kcat(body, codec)

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
        """By `benches/produce`, with our keys, headers and settings; its time is without that of reading the body into memory."""
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


def into_kafka(*, whole: Body) -> Iterator[Comparison]:
    broker = Broker()
    broker.warm_up(whole)
    for codec in ["none", "lz4", "zstd"]:
        yield Comparison(
            f"HTTP → Kafka, compression {codec}",
            "`curl \\| kcat -P`",
            "1×",
            whole.bytes,
            lambda codec=codec: broker.ours(whole, codec),
            lambda codec=codec: broker.kcat(whole, codec),
        )
    alone = os.environ["LICENSE_STREAM_PRODUCE"]
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
    broker.warm_up(whole)
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
