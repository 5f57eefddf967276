//! Two runs of an account at once, and one whose blob is lost.

use license_stream::simulate::Simulator;

use super::parquet;
use crate::stores;
use crate::support::azure::Container;
use crate::support::process::run;
use crate::support::truto::Truto;

const COUNT: u64 = 6_000;

#[test]
fn the_later_run_takes_over_and_the_earlier_one_says_so() {
    // Between two files, and in the middle of one: its upload is given up.
    for file_bytes in ["400000", "256000000"] {
        stores::the_later_run_takes_over::<Container>(file_bytes);
    }
}

#[test]
fn a_blob_that_is_lost_is_an_error_before_the_api_is_asked() {
    let truto = Truto::start(Simulator::new().with_seed(8).with_records(COUNT).with_log(100));
    let container = Container::make("lost");
    let command = || {
        let mut command = parquet(&truto, &container);
        command.args(["--file-bytes", "1"]);
        command
    };
    let killed = run(command().env("LICENSE_STREAM_KILL_AT", "bucket-checkpoint-put:2"));
    assert_eq!(killed.code, None, "{}", killed.stderr);
    let mut keys = container.keys();
    keys.retain(|key| key.ends_with("-00000.parquet"));
    let [first] = &keys[..] else { panic!("{keys:?}") };
    let first = first.rsplit_once('/').unwrap().1;
    container.remove(first);
    let requests = truto.requests_for_licenses();
    let refused = run(&mut command());
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    let wanted = format!("{}/{first} is not there any more", container.url());
    assert!(refused.stderr.contains(&wanted), "{}", refused.stderr);
    assert_eq!(truto.requests_for_licenses(), requests);
}
