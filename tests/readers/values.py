"""Prints the licenses in a Kafka topic whose values have schemas in a registry, by Confluent's deserializers.

    values.py BOOTSTRAP TOPIC REGISTRY avro|protobuf|json-schema

One JSON object a message, by partition and offset: {headers, schema_id, row, text}. `row` has a member for each
column of docs/data.md, as parquet_rows.py prints it: times are microseconds since 1970, `remote_data` and
`_extra` JSON text. With json-schema those two are null, and `text` is the JSON that the value is, which
was found valid by the schema in the registry; with the others `text` is null. A tombstone has a null `row`.

How a value is decoded follows from the schema that the registry has under the id in the value, and from nothing
else.
"""

import json
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from topic import messages, text

NUMBERS = ("assigned_quantity", "available_quantity", "unit_amount")
TIMES = ("created_at", "updated_at")
COLUMNS = (
    "id", "assigned_quantity", "available_quantity", "created_at", "currency", "description", "is_paid", "name",
    "products", "remote_data", "roles", "status", "unit_amount", "updated_at", "_integrated_account_id",
    "_snapshot_id", "_extra",
)  # fmt: skip
MEMBERS = {"products": ("id", "name", "status"), "roles": ("id", "name")}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def micros(time: datetime | None) -> int | None:
    return None if time is None else (time - EPOCH) // timedelta(microseconds=1)


def schema_id(value: bytes) -> int:
    if value[0] != 0:
        sys.exit(f"values.py: byte {value[0]} begins no value of Confluent's wire format")
    return int.from_bytes(value[1:5], "big")


def from_avro(record: dict) -> dict:
    return record | {name: micros(record[name]) for name in TIMES}


def from_json(record: dict) -> dict:
    row = {name: record.get(name) for name in COLUMNS}
    for name in TIMES:
        row[name] = micros(row[name] and datetime.fromisoformat(row[name]))
    for name, members in MEMBERS.items():
        if row[name] is not None:
            # A null element is not one without members.
            row[name] = [None if item is None else {m: item.get(m) for m in members} for item in row[name]]
    return row | {"remote_data": None, "_extra": None}


def from_protobuf(message) -> dict:
    def get(message, name):
        return getattr(message, name) if not has_presence(message, name) or message.HasField(name) else None

    def has_presence(message, name):
        return message.DESCRIPTOR.fields_by_name[name].has_presence

    def items(name):
        if not message.HasField(name):
            return None
        return [
            None if item.is_null else {member: get(item, member) for member in MEMBERS[name]}
            for item in getattr(message, name).items
        ]

    row = {}
    for name in COLUMNS:
        value = items(name) if name in MEMBERS else get(message, name.lstrip("_"))
        if name in TIMES and value is not None:
            value = value.seconds * 1_000_000 + value.nanos // 1_000
        row[name] = value
    return row


def message_type(schema: str, directory: str):
    """The class that protoc generates of the file's first message."""
    from grpc_tools import protoc

    Path(directory, "registered.proto").write_text(schema, encoding="utf-8")
    well_known = files("grpc_tools") / "_proto"
    if protoc.main(["", f"-I{directory}", f"-I{well_known}", f"--python_out={directory}", "registered.proto"]):
        sys.exit("values.py: protoc does not take the schema that is registered")
    sys.path.insert(0, directory)
    import registered_pb2

    (name, *_) = registered_pb2.DESCRIPTOR.message_types_by_name
    return getattr(registered_pb2, name)


def main() -> None:
    if len(sys.argv) != 5 or sys.argv[4] not in ("avro", "protobuf", "json-schema"):
        sys.exit("usage: values.py BOOTSTRAP TOPIC REGISTRY avro|protobuf|json-schema")
    bootstrap, topic, url, form = sys.argv[1:]
    client = SchemaRegistryClient({"url": url})
    context = SerializationContext(topic, MessageField.VALUE)
    found = sorted(messages(bootstrap, topic, "read_committed"), key=lambda m: (m.partition(), m.offset()))
    ids = {schema_id(message.value()) for message in found if message.value() is not None}
    if len(ids) != 1:
        sys.exit(f"values.py: {len(ids)} schemas, not one")
    with tempfile.TemporaryDirectory() as directory:
        if form == "avro":
            row, deserialize = from_avro, AvroDeserializer(client)
        elif form == "json-schema":
            # -0 is a number of its own, which Python's integers do not know.
            decode = lambda text: json.loads(text, parse_int=float)  # noqa: E731
            row, deserialize = from_json, JSONDeserializer(None, schema_registry_client=client, json_decode=decode)
        else:
            kind = message_type(client.get_schema(min(ids)).schema_str, directory)
            row, deserialize = from_protobuf, ProtobufDeserializer(kind, {"use.deprecated.format": False})
        sys.stdout.reconfigure(encoding="utf-8")
        for message in found:
            value = message.value()
            line = {
                "headers": [[name, text(value)] for name, value in message.headers() or []],
                "schema_id": None if value is None else schema_id(value),
                "row": None if value is None else row(deserialize(value, context)),
                "text": text(value[5:]) if form == "json-schema" and value is not None else None,
            }
            print(json.dumps(line, ensure_ascii=False))


if __name__ == "__main__":
    main()
