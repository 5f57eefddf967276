//! `public-api FILE`: prints the public items of a library, one a line, sorted, out of rustdoc's JSON.
//!
//! What is the same for nearly all types is left out: blanket implementations, and auto traits, to which the library
//! holds itself by assertions at compile time.

use std::error::Error;
use std::io::{BufWriter, Write, stdout};

/// The format that this version of the crate `public-api` reads; rustdoc of Rust 1.95 writes it.
const FORMAT: u64 = 57;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: public-api FILE")?;
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    let format = json["format_version"].as_u64().unwrap_or_default();
    if format != FORMAT {
        let message = format!(
            "rustdoc writes format {format} of its JSON, and public-api in scripts/public-api/Cargo.toml reads \
             {FORMAT}: take the version of it for that format, and set FORMAT in src/main.rs"
        );
        return Err(message.into());
    }
    let api = public_api::Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    let mut out = BufWriter::new(stdout().lock());
    for item in api.items() {
        writeln!(out, "{item}")?;
    }
    Ok(out.flush()?)
}
