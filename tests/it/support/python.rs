//! Readers of what we write that are not ours: DuckDB, pyarrow, Polars, and the Python client of Kafka. The
//! scripts in `tests/readers` say what each prints.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::kafka;

/// The engines that read whatever we write.
pub(crate) const ENGINES: [&str; 3] = ["duckdb", "pyarrow", "polars"];

/// Those of [`parquet_rows`]: these, and Parquet's own reader in Java, which Spark, Hive and Trino are built on.
pub(crate) const PARQUET_READERS: [&str; 4] = ["duckdb", "pyarrow", "polars", "parquet-java"];

/// What each of `engines` reads: the same, or the test fails.
pub(crate) fn agreed<T: PartialEq + std::fmt::Debug>(
    engines: &[&'static str],
    read: impl Fn(&str) -> T,
) -> T {
    let (first, others) = engines.split_first().unwrap();
    let seen = read(first);
    others.iter().for_each(|engine| assert_eq!(seen, read(engine), "{first}, {engine}"));
    seen
}

/// The rows of a Parquet file, or of a directory of them, as `engine` sees them.
pub(crate) fn parquet_rows(engine: &str, path: &Path) -> Vec<Value> {
    lines(reader("parquet_rows.py").arg(engine).arg(path))
}

/// The same rows as the text that the reader prints, for what [`Value`] does not hold exactly.
pub(crate) fn parquet_lines(engine: &str, path: &Path) -> Vec<String> {
    let text = printed(reader("parquet_rows.py").arg(engine).arg(path));
    text.lines().map(str::to_owned).collect()
}

/// The rows of a directory of partitions as `engine` sees them, with what directories are named for.
pub(crate) fn hive_rows(engine: &str, directory: &Path) -> Vec<Value> {
    lines(reader("hive_rows.py").arg(engine).arg(directory))
}

/// What the expressions of a dashboard, or of alert rules, select: an object for each selector.
pub(crate) fn promql(files: &[&Path]) -> Vec<Value> {
    lines(reader("promql.py").args(files))
}

/// The rows that DuckDB answers a query with.
pub(crate) fn duckdb(query: &str) -> Vec<Value> {
    lines(reader("sql.py").arg(query))
}

/// What `browser.py` says of a page.
pub(crate) fn browser(page: &Path, width: u32, scheme: &str) -> Vec<Value> {
    lines(reader("browser.py").arg(page).args([&width.to_string(), scheme]))
}

/// What `remote_data.py` says of typed `remote_data` in files, against what was in the body.
pub(crate) fn remote_data(engine: &str, body: &Path, files: &[PathBuf]) -> Value {
    let mut found = lines(reader("remote_data.py").arg(engine).arg(body).args(files));
    assert_eq!(found.len(), 1, "one object for {}", body.display());
    found.remove(0)
}

/// How a Parquet file is laid out: row groups, codecs, logical types.
pub(crate) fn parquet_meta(path: &Path) -> Value {
    let mut found = lines(reader("parquet_meta.py").arg(path));
    assert_eq!(found.len(), 1, "one object for {}", path.display());
    found.remove(0)
}

/// How the column chunks of a Parquet file are encoded; with a column and a value, whether its bloom filter
/// excludes that.
pub(crate) fn parquet_chunks(path: &Path, probe: Option<[&str; 2]>) -> Value {
    let mut found = lines(reader("parquet_chunks.py").arg(path).args(probe.into_iter().flatten()));
    assert_eq!(found.len(), 1, "one object for {}", path.display());
    found.remove(0)
}

/// The rows of an Arrow stream in a file, as [`parquet_lines`] has those of Parquet; what the reader said, if
/// it refused the stream.
pub(crate) fn arrow_lines(engine: &str, path: &Path) -> Result<Vec<String>, String> {
    let output = reader("arrow_rows.py").arg(engine).arg(path).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    Ok(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

/// The names of the columns of an Arrow stream in a file.
pub(crate) fn arrow_columns(path: &Path) -> Vec<String> {
    const NAMES: &str = r#"
import sys, pyarrow as pa
for name in pa.ipc.open_stream(open(sys.argv[1], "rb")).schema.names:
    print(name)
"#;
    let text = printed(python().args(["-c", NAMES]).arg(path));
    text.lines().map(str::to_owned).collect()
}

/// The committed messages of a topic, by partition and offset.
pub(crate) fn topic_messages(topic: &str) -> Vec<Value> {
    topic_messages_at(&kafka::bootstrap(), topic)
}

/// The same of a broker of the test's own.
pub(crate) fn topic_messages_at(bootstrap: &str, topic: &str) -> Vec<Value> {
    lines(reader("topic.py").args([bootstrap, topic]))
}

/// The licenses in a topic whose values are `form`, as the deserializers of Confluent read them with the
/// schema in the registry at `registry`.
pub(crate) fn topic_values(topic: &str, registry: &str, form: &str) -> Vec<Value> {
    lines(reader("values.py").args([&kafka::bootstrap(), topic, registry, form]))
}

/// Makes a topic of three partitions that takes batches of so many bytes.
pub(crate) fn create_topic(bootstrap: &str, topic: &str, max_message_bytes: u32) {
    let config = json!({"max.message.bytes": max_message_bytes.to_string()});
    create_topic_of(bootstrap, topic, 3, &config);
}

/// Makes a topic with the settings `config`.
pub(crate) fn create_topic_of(bootstrap: &str, topic: &str, partitions: u32, config: &Value) {
    const CREATE: &str = r#"
import json, sys, time
from confluent_kafka.admin import AdminClient, NewTopic
bootstrap, name, partitions, config = sys.argv[1:]
topic = NewTopic(name, int(partitions), 1, config=json.loads(config))
admin = AdminClient({"bootstrap.servers": bootstrap})
for created in admin.create_topics([topic]).values():
    created.result()
# A broker may know of it a moment later than who made it.
while admin.list_topics(name, timeout=10).topics[name].error is not None:
    time.sleep(0.01)
"#;
    let (partitions, config) = (partitions.to_string(), config.to_string());
    printed(python().args(["-c", CREATE, bootstrap, topic, &partitions, &config]));
}

/// A header of one of these messages.
pub(crate) fn header<'a>(message: &'a Value, name: &str) -> &'a str {
    let headers = message["headers"].as_array().unwrap();
    let header = headers.iter().find(|header| header[0] == name).unwrap();
    header[1].as_str().unwrap()
}

/// What is wrong with the documents, one JSON value a line, by the JSON Schema at `schema`.
pub(crate) fn schema_violations(schema: &Path, documents: &str) -> Vec<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(documents.as_bytes()).unwrap();
    let text = printed(reader("schema_violations.py").arg(schema).arg(file.path()));
    text.lines().map(str::to_owned).collect()
}

/// What `s3.py` says of a server.
pub(crate) fn s3(endpoint: &str, arguments: &[&str]) -> String {
    printed(reader("s3.py").arg(endpoint).args(arguments))
}

/// What `azure.py` says of a server.
pub(crate) fn azure(endpoint: &str, arguments: &[&str]) -> String {
    printed(reader("azure.py").arg(endpoint).args(arguments))
}

/// A Python that has what `tests/requirements.txt` names.
pub(crate) fn python() -> Command {
    let interpreter = match std::env::var_os("LICENSE_STREAM_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => root().join(".cache/venv/bin/python"),
    };
    assert!(
        interpreter.exists(),
        "this test needs the readers of tests/requirements.txt, and {} does not exist: run `make test` or \
         `scripts/python.sh venv`, or set LICENSE_STREAM_PYTHON to a Python that has them",
        interpreter.display()
    );
    let mut command = Command::new(interpreter);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn reader(script: &str) -> Command {
    let mut command = python();
    command.arg(root().join("tests/readers").join(script));
    command
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a reader prints, one JSON value a line.
fn lines(command: &mut Command) -> Vec<Value> {
    let text = printed(command);
    let parse = |line| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{command:?}: {error}: {line}"))
    };
    text.lines().map(parse).collect()
}

/// What a reader prints. A reader that fails fails the test with what it said.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("readers print UTF-8")
}
