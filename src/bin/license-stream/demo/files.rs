//! The half of the demo that writes Parquet, and reads it again.

use std::fs::File;
use std::path::Path;

use console::{measure_text_width, style, truncate_str};
use license_stream::License;
use license_stream::sink::parquet::{ParquetOptions, ParquetSink, WrittenFile};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Row;
use parquet::schema::types::Type;

use super::{Demo, heading};
use crate::exit::Exit;
use crate::report::{human_bytes, human_count};

/// What is shown of a few rows, and how wide at most.
const COLUMNS: [(&str, usize); 5] =
    [("id", 13), ("name", 24), ("status", 8), ("is_paid", 7), ("assigned_quantity", 17)];
const ROWS: usize = 5;

pub(super) async fn show(demo: &Demo, out: &Path) -> anyhow::Result<Exit> {
    heading("1  HTTP → Parquet");
    let snapshot = uuid::Uuid::now_v7().to_string();
    let mut options = ParquetOptions::new(out, snapshot);
    options.account = Some(demo.account().into());
    let (summary, exit) =
        demo.stream("the files of the demo", ParquetSink::new(options).await?).await?;
    for file in summary.report.files {
        describe(&file)?;
    }
    println!();
    println!("  duckdb -c \"from '{}/*.parquet' limit 5\"", out.display());
    Ok(exit)
}

fn describe(file: &WrittenFile) -> anyhow::Result<()> {
    let reader = SerializedFileReader::new(File::open(&file.path)?)?;
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    println!("  {}", truncate_str(&name, 78, "…"));
    println!(
        "  {} rows in {} row {} of {} columns, {} with zstd:",
        human_count(file.rows),
        reader.num_row_groups(),
        if reader.num_row_groups() == 1 { "group" } else { "groups" },
        License::schema().fields().len(),
        human_bytes(file.bytes),
    );
    println!();
    let schema = reader.metadata().file_metadata().schema();
    let wanted = |field: &&parquet::schema::types::TypePtr| {
        COLUMNS.iter().any(|(name, _)| *name == field.name())
    };
    let fields = schema.get_fields().iter().filter(wanted).cloned().collect();
    let projection = Type::group_type_builder(schema.name()).with_fields(fields).build()?;
    print_row(&COLUMNS.map(|(name, _)| style(name.to_owned()).dim().to_string()));
    for row in reader.get_row_iter(Some(projection))?.take(ROWS) {
        let row = row?;
        print_row(&COLUMNS.map(|(name, _)| value(&row, name)));
    }
    Ok(())
}

fn value(row: &Row, column: &str) -> String {
    match row.get_column_iter().find(|(name, _)| *name == column) {
        Some((_, parquet::record::Field::Null)) | None => style("null").dim().to_string(),
        Some((_, parquet::record::Field::Str(text))) => text.clone(),
        Some((_, value)) => value.to_string(),
    }
}

fn print_row(cells: &[String; COLUMNS.len()]) {
    let cells = cells.iter().zip(COLUMNS).map(|(cell, (_, width))| {
        let cell = truncate_str(cell, width, "…");
        let padding = width.saturating_sub(measure_text_width(&cell));
        format!("{cell}{:padding$}", "")
    });
    println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
}
