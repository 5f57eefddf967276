//! Reads a recorded body into Arrow batches without a runtime: bytes in, batches out.
//!
//!     cargo run --features arrow --example push_decoder -- body.ndjson
//!
//! A body to try it on: `license-stream simulate --records 100000 --out body.ndjson`.
//!
//! In a program of your own this takes the feature `arrow`, and arrow-array to read columns. Where the
//! bytes come from is your affair: a file here, but as well a socket, a decompressor or another
//! language's buffer.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::process::ExitCode;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use license_stream::decode::arrow::{BatchOptions, LicenseBatchBuilder};
use license_stream::frame::{Framer, FramerOptions};

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: push_decoder FILE");
        return ExitCode::from(2);
    };
    match File::open(&path).and_then(read) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(mut body: impl Read) -> io::Result<()> {
    let mut framer = Framer::new(FramerOptions::default());
    let mut builder = LicenseBatchBuilder::new(BatchOptions::default());
    let mut ended = false;
    while !ended {
        // 1. A chunk, cut wherever it happens to be cut.
        let mut chunk = Vec::with_capacity(64 << 10);
        body.by_ref().take(64 << 10).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            // Only a body that is known to be whole may be finished: a last line without a line feed
            // then counts as a record.
            framer.finish();
            ended = true;
        } else {
            framer.push(chunk.into());
        }
        // 2. Blocks of whole records, until the framer wants more.
        loop {
            match framer.next_block() {
                Ok(None) => break,
                Ok(Some(block)) => builder.append(&block, |reject| {
                    // What is wrong and where, but not the record itself.
                    eprintln!("rejected: {} at {}", reject.message, reject.position);
                    ControlFlow::Continue(())
                }),
                // A record that is too long to be held; framing goes on behind it.
                Err(error) if error.is_record() => eprintln!("rejected: {error}"),
                // Not one record is broken but what is around them.
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        // 3. A batch, whenever it suits you.
        if builder.len() >= 8192 || ended {
            let batch = builder.flush();
            let assigned = batch["assigned_quantity"].as_primitive::<Float64Type>();
            let assigned: f64 = assigned.iter().flatten().sum();
            println!("{} licenses, {assigned} seats assigned", batch.num_rows());
        }
    }
    println!("read to {}", framer.position());
    Ok(())
}
