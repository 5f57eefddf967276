//! Arrow batches into Parquet, without a disk.

use std::io;

use criterion::Criterion;
use license_stream::License;
use license_stream::sink::parquet::writer_properties;
use parquet::arrow::ArrowWriter;

use crate::corpus::{LEAN, RECORDS, WHOLE};
use crate::decode::batches;
use crate::group;

pub(crate) fn bench(criterion: &mut Criterion) {
    for (name, corpus) in [("parquet", &*WHOLE), ("parquet, no remote_data", &*LEAN)] {
        let mut group = group(criterion, name, corpus.body.len());
        group.bench_function("encode", |bencher| {
            let batches: Vec<_> = batches(corpus).collect();
            bencher.iter(|| {
                let properties = Some(writer_properties());
                let mut writer = ArrowWriter::try_new(io::sink(), License::schema(), properties)
                    .expect("the schema has a Parquet form");
                for batch in &batches {
                    writer.write(batch).expect("a sink takes everything");
                }
                let metadata = writer.close().expect("a sink takes everything");
                assert_eq!(metadata.file_metadata().num_rows(), RECORDS as i64);
            });
        });
        group.finish();
    }
}
