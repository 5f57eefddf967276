"""Prints what is in a Kafka topic, from the beginning of every partition to its present end.

    topic.py BOOTSTRAP TOPIC [read_committed|read_uncommitted]

One JSON object a message, by partition and offset: {partition, offset, timestamp, key, headers, value}.
`timestamp` is in milliseconds, or null; `headers` is a list of [name, value]. Keys and values are text;
bytes that are not UTF-8 appear as {"base64": "…"}, and none at all (a tombstone) as null.

The isolation level is read_committed unless told otherwise: messages of aborted transactions are left out,
and the end is where the first open transaction begins.
"""

import base64
import json
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

# Without any progress for this long, something is wrong.
PATIENCE_SECONDS = 30


def text(data: bytes | None):
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def messages(bootstrap: str, topic: str, isolation: str):
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "isolation.level": isolation,
            # Required by the client, and never joined: partitions are assigned, offsets not committed.
            "group.id": "license-stream-readers",
            "enable.auto.commit": False,
            # The end of a partition is told as an event, which also steps over transaction markers.
            "enable.partition.eof": True,
            # An end is noticed when the broker answers, which by default it puts off for half a second.
            "fetch.wait.max.ms": 20,
        }
    )
    try:
        # All topics: asking for this one could create it.
        known = consumer.list_topics(timeout=PATIENCE_SECONDS).topics
        if topic not in known:
            sys.exit(f"topic.py: {bootstrap} has no topic {topic!r}")
        ends = {}
        for partition in known[topic].partitions:
            _, ends[partition] = consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=PATIENCE_SECONDS
            )
        unread = set(ends)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in ends])
        progress = time.monotonic()
        while unread:
            message = consumer.poll(1)
            if message is None:
                if time.monotonic() - progress > PATIENCE_SECONDS:
                    sys.exit(f"topic.py: no end of {topic!r} in partitions {sorted(unread)}")
                continue
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                # What the client retries by itself is not for us to give up on.
                if error.retriable() or error.code() in (
                    KafkaError._TRANSPORT,
                    KafkaError._ALL_BROKERS_DOWN,
                ):
                    continue
                raise KafkaException(error)
            progress = time.monotonic()
            partition = message.partition()
            # A producer that goes on writing must not keep us here.
            if error is not None or message.offset() >= ends[partition]:
                unread.discard(partition)
            else:
                yield message
    finally:
        consumer.close()


def main() -> None:
    levels = ("read_committed", "read_uncommitted")
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], *([level] for level in levels)):
        sys.exit("usage: topic.py BOOTSTRAP TOPIC [read_committed|read_uncommitted]")
    bootstrap, topic = sys.argv[1:3]
    isolation = sys.argv[3] if len(sys.argv) == 4 else levels[0]
    found = sorted(messages(bootstrap, topic, isolation), key=lambda m: (m.partition(), m.offset()))
    sys.stdout.reconfigure(encoding="utf-8")
    for message in found:
        kind, timestamp = message.timestamp()
        print(
            json.dumps(
                {
                    "partition": message.partition(),
                    "offset": message.offset(),
                    "timestamp": timestamp if kind else None,
                    "key": text(message.key()),
                    "headers": [[name, text(value)] for name, value in message.headers() or []],
                    "value": text(message.value()),
                },
                ensure_ascii=False,
            )
        )


if __name__ == "__main__":
    main()
