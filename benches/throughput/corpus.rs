//! The licenses that every benchmark reads.

use std::sync::LazyLock;

use bytes::Bytes;
use license_stream::frame::{Block, Framer, FramerOptions};
use license_stream::simulate::{LicenseGenerator, Simulator};

/// How many licenses there are: with `remote_data` about 64 MB.
pub(crate) const RECORDS: usize = 103_000;

/// What a source hands over at once: reads of a file are as long.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;

/// Licenses as the endpoint sends them.
pub(crate) static WHOLE: LazyLock<Corpus> = LazyLock::new(|| Corpus::new(&licenses()));

/// The same licenses when they are asked for without `remote_data`.
pub(crate) static LEAN: LazyLock<Corpus> =
    LazyLock::new(|| Corpus::new(&licenses().without_field("remote_data")));

/// The same licenses as [`WHOLE`] in one envelope, compact.
pub(crate) static ENVELOPE: LazyLock<Bytes> = LazyLock::new(|| {
    envelope(|body| {
        let lines = WHOLE.body.trim_ascii_end().iter();
        body.extend(lines.map(|byte| if *byte == b'\n' { b',' } else { *byte }));
    })
});

/// The same, printed over many lines.
pub(crate) static PRETTY: LazyLock<Bytes> = LazyLock::new(|| {
    envelope(|body| {
        for (index, record) in WHOLE.records().enumerate() {
            body.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
            let license: serde_json::Value = serde_json::from_slice(record).expect("it is JSON");
            serde_json::to_writer_pretty(&mut *body, &license).expect("a Vec takes everything");
        }
    })
});

fn envelope(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut body = b"{\"result\":[".to_vec();
    write(&mut body);
    body.extend_from_slice(b"],\"next_cursor\":null}");
    body.into()
}

/// A body and the blocks that it consists of.
pub(crate) struct Corpus {
    pub(crate) body: Bytes,
    pub(crate) blocks: Vec<Block>,
}

/// The simulator whose only account has the licenses of [`WHOLE`].
pub(crate) fn simulator() -> Simulator {
    Simulator::new().with_records(RECORDS as u64).with_chunk_bytes(CHUNK_BYTES)
}

fn licenses() -> LicenseGenerator {
    let simulator = simulator();
    simulator.licenses(&simulator.accounts()[0])
}

impl Corpus {
    fn new(licenses: &LicenseGenerator) -> Self {
        let mut body = Vec::new();
        licenses.write_ndjson(0..RECORDS as u64, &mut body).expect("a Vec takes everything");
        let body = Bytes::from(body);
        let mut blocks = Vec::new();
        frame(&body, |block| blocks.push(block));
        Self { body, blocks }
    }

    /// Each record's bytes.
    pub(crate) fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.blocks.iter().flat_map(Block::records).map(|record| record.bytes)
    }
}

/// Frames a body that comes in chunks.
pub(crate) fn frame(body: &Bytes, mut take: impl FnMut(Block)) {
    let mut framer = Framer::new(FramerOptions::default());
    let mut drain = |framer: &mut Framer| {
        while let Some(block) = framer.next_block().expect("no license is too long") {
            take(block);
        }
    };
    for chunk in chunks(body) {
        framer.push(chunk);
        drain(&mut framer);
    }
    framer.finish();
    drain(&mut framer);
}

/// A body in chunks as a source hands them over.
pub(crate) fn chunks(body: &Bytes) -> impl Iterator<Item = Bytes> {
    (0..body.len()).step_by(CHUNK_BYTES).map(|start| {
        let end = body.len().min(start + CHUNK_BYTES);
        body.slice(start..end)
    })
}
