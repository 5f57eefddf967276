//! Records into the values of Kafka messages: what each format costs beside the bytes as they came.

use std::ops::ControlFlow;

use criterion::Criterion;
use license_stream::decode::{CheckedBlock, Limits};
use license_stream::encode::{EncodeOptions, EncodedBlock, Format};

use crate::corpus::{LEAN, RECORDS, WHOLE};
use crate::group;

pub(crate) fn bench(criterion: &mut Criterion) {
    for (name, corpus) in [("values", &*WHOLE), ("values, no remote_data", &*LEAN)] {
        let mut group = group(criterion, name, corpus.body.len());
        group.bench_function("json", |bencher| {
            let limits = Limits::default();
            bencher.iter(|| {
                let blocks = corpus.blocks.iter().cloned();
                let checked = blocks
                    .map(|block| CheckedBlock::check(block, &limits, |_| ControlFlow::Break(())));
                assert_eq!(checked.map(|block| block.len()).sum::<usize>(), RECORDS);
            });
        });
        for (name, format) in [
            ("json-normalized", Format::Json),
            ("avro", Format::Avro),
            ("protobuf", Format::Protobuf),
        ] {
            let mut options = EncodeOptions::new(format);
            options.schema_id = Some(1);
            options.account = Some("62f44730-dd91-461e-bd6a-aedd9e0ad79d".into());
            options.snapshot_id = Some("01a214bf-590b-7474-9d40-42ff36160fb6".into());
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let blocks = corpus.blocks.iter().cloned();
                    let encoded = blocks.map(|block| {
                        EncodedBlock::encode(block, &options, |_| ControlFlow::Break(()))
                    });
                    assert_eq!(encoded.map(|block| block.len()).sum::<usize>(), RECORDS);
                });
            });
        }
        group.finish();
    }
}
