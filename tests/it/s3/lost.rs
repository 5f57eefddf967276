//! An object that is lost between a run that was killed and the next.

use license_stream::simulate::Simulator;

use super::{parquet, summary};
use crate::support::process::run;
use crate::support::s3::Bucket;
use crate::support::truto::Truto;

#[test]
fn an_object_that_is_lost_is_an_error_before_the_api_is_asked() {
    let truto = Truto::start(Simulator::new().with_seed(8).with_records(6_000).with_log(100));
    let bucket = Bucket::make("lost");
    let command = || {
        let mut command = parquet(&truto, &bucket);
        command.args(["--file-bytes", "1"]);
        command
    };
    let killed = run(command().env("LICENSE_STREAM_KILL_AT", "bucket-checkpoint-put:2"));
    assert_eq!(killed.code, None, "{}", killed.stderr);
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("bucket");
    bucket.get(&there);
    let names = std::fs::read_dir(&there).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.ends_with("-00000.parquet"));
    let [first] = &names[..] else { panic!("{names:?}") };
    bucket.remove(first);
    let requests = truto.requests_for_licenses();
    let refused = run(&mut command());
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    let wanted = format!("{}/{first} is not there any more", bucket.url());
    assert!(refused.stderr.contains(&wanted), "{}", refused.stderr);
    assert_eq!(truto.requests_for_licenses(), requests);

    // One that keeps no checkpoint begins anew, and forgets the one whose objects it removes.
    let without = summary(command().arg("--no-checkpoint"));
    assert_eq!(without["records"], 6_000);
    assert_eq!(summary(&mut command())["records"], 6_000);
}
