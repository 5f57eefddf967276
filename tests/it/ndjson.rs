//! `license-stream ndjson`: the bytes that come out are those that came.

mod out;

use std::io::Write;
use std::num::NonZeroU64;
use std::process::Stdio;

use license_stream::simulate::{Fault, FaultKind, Simulator};

use crate::support::command::license_stream;
use crate::support::compress::FORMS;
use crate::support::process::{Run, run, run_with_input, start};
use crate::support::truto::Truto;

fn assert_done(run: &Run) {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn licenses_come_out_as_they_came() {
    // Chunks that end anywhere, some of them within a character.
    let truto =
        Truto::start(Simulator::new().with_seed(7).with_records(3000).with_chunk_bytes(777));
    let got = run(&mut truto.command("ndjson"));
    assert_done(&got);
    assert!(got.stdout == truto.licenses(0..3000));
    assert_eq!(truto.requests(), 1);
}

#[test]
fn a_recorded_body_may_be_compressed() {
    let directory = tempfile::tempdir().unwrap();
    let licenses = Truto::start(Simulator::new()).licenses(0..3000);
    for (form, name) in FORMS.into_iter().filter(|(_, name)| *name != "br") {
        let path = directory.path().join(name);
        let packed = form.compress(&licenses);
        std::fs::write(&path, &packed).unwrap();
        let got = run(license_stream().args(["ndjson", "--input"]).arg(&path));
        if !matches!(packed[0], 0x1f | 0x28 | 0x78) {
            // deflate without zlib's frame has nothing to be told by.
            assert_ne!(got.code, Some(0));
            continue;
        }
        assert_done(&got);
        assert!(got.stdout == licenses, "{name}");
        let cut = &packed[..packed.len() - 1];
        let got = run_with_input(license_stream().args(["ndjson", "--input", "-"]), cut);
        assert_eq!(got.code, Some(1), "{name}");
        assert!(got.stderr.contains("cut before its end") || got.stderr.contains("damaged"));
    }
}

#[test]
fn remote_data_is_left_out_by_the_api() {
    let truto = Truto::start(Simulator::new().with_records(100));
    let got = run(truto.command("ndjson").arg("--ignore-remote-data"));
    assert_done(&got);
    let want = truto.licenses_without("remote_data", 0..100);
    assert!(got.stdout == want && want != truto.licenses(0..100));
}

#[test]
fn the_first_license_is_out_while_the_server_holds_the_rest() {
    let truto = Truto::start(Simulator::new().with_records(1000).with_hold_after_records(1));
    let mut running = start(&mut truto.command("ndjson"));
    assert_eq!(running.line(), truto.licenses(0..1));
    truto.until_held();
    truto.release();
    let got = running.finish();
    assert_done(&got);
    assert!(got.stdout == truto.licenses(1..1000));
}

#[test]
fn a_line_of_standard_input_is_out_while_the_pipe_is_open() {
    let mut running =
        start(license_stream().args(["ndjson", "--input", "-"]).stdin(Stdio::piped()));
    let mut stdin = running.stdin.take().unwrap();
    for line in ["{\"id\":\"1\"}\n", "{\"id\":\"2\",\"name\":null}\n"] {
        stdin.write_all(line.as_bytes()).unwrap();
        assert_eq!(running.line(), line.as_bytes());
    }
    stdin.write_all(b"{\"id\":\"3\"}").unwrap();
    drop(stdin);
    let got = running.finish();
    assert_done(&got);
    assert_eq!(got.text(), "{\"id\":\"3\"}\n");
}

#[test]
fn what_stands_between_the_records_is_not_passed_on() {
    let bodies = [
        ("", ""),
        ("\n\r\n \t\n", ""),
        ("{\"id\":\"a\"}", "{\"id\":\"a\"}\n"),
        ("{\"id\":\"a\"}\r\n{\"id\":\"b\"}\r\n", "{\"id\":\"a\"}\n{\"id\":\"b\"}\n"),
        ("\n\n{\"id\":\"a\"}\n\n\r\n{\"id\":\"b\"}\n\n", "{\"id\":\"a\"}\n{\"id\":\"b\"}\n"),
        (
            "\u{feff}{\"id\":\"a\"}\n{\"id\":\"\u{feff}\"}\n",
            "{\"id\":\"a\"}\n{\"id\":\"\u{feff}\"}\n",
        ),
        ("\u{feff}\r\n{\"id\":\"a\"}", "{\"id\":\"a\"}\n"),
        // White space within a record, escapes and numbers stay as they are.
        (
            " { \"id\" : \"\\u00e9\\/😀\", \"unit_amount\":1.50e+02,\t\"x\":[ ] } \r\n",
            "{ \"id\" : \"\\u00e9\\/😀\", \"unit_amount\":1.50e+02,\t\"x\":[ ] }\n",
        ),
    ];
    let directory = tempfile::tempdir().unwrap();
    for (body, want) in bodies {
        let file = directory.path().join("body");
        std::fs::write(&file, body).unwrap();
        let from_file = run(license_stream().args(["ndjson", "--input"]).arg(&file));
        assert_done(&from_file);
        assert_eq!(from_file.text(), want, "{body:?} from a file");
        let mut command = license_stream();
        let from_stdin = run_with_input(command.args(["ndjson", "--input", "-"]), body.as_bytes());
        assert_done(&from_stdin);
        assert_eq!(from_stdin.text(), want, "{body:?} from standard input");
    }
}

#[test]
fn a_recorded_body_is_the_same_as_the_api() {
    let truto = Truto::start(Simulator::new().with_seed(1).with_records(5000));
    let body = truto.licenses(0..5000);
    let got = run_with_input(license_stream().args(["ndjson", "--input", "-"]), &body);
    assert_done(&got);
    assert!(got.stdout == body);
}

#[test]
fn records_before_a_cut_are_delivered_and_the_part_of_one_is_not() {
    let plan = Simulator::new().with_records(100);
    let whole = Truto::start(plan.clone()).licenses(0..40).len() as u64;
    for (extra, why) in [(0, "between two records"), (1, "within a record"), (300, "far within")] {
        let truto = Truto::start(plan.clone().with_cut_after(whole + extra));
        let got = run(truto.command("ndjson").arg("--retries=0"));
        assert_eq!(got.code, Some(1), "{why}: {}", got.stderr);
        assert!(got.stdout == truto.licenses(0..40), "{why}");
        let place = format!("body was cut before its end at byte {whole}, line 41, record 40");
        assert!(got.stderr.contains(&place), "{why}: {}", got.stderr);
    }
}

#[test]
fn a_last_record_that_only_lacks_its_line_feed_is_not_delivered_after_a_cut() {
    let plan = Simulator::new().with_records(2);
    let body = Truto::start(plan.clone()).licenses(0..2).len() as u64;
    let truto = Truto::start(plan.with_cut_after(body - 1));
    let got = run(truto.command("ndjson").arg("--retries=0"));
    assert_eq!(got.code, Some(1), "{}", got.stderr);
    assert!(got.stdout == truto.licenses(0..1));
}

#[test]
fn a_reader_that_goes_away_ends_the_run() {
    let truto = Truto::start(Simulator::new().with_records(5000).with_hold_after_records(1));
    let mut running = start(&mut truto.command("ndjson"));
    running.line();
    running.close_stdout();
    truto.release();
    let got = running.finish();
    assert_eq!(got.code, Some(1));
    let message = "output did not take the licenses: whoever reads it has ended";
    assert!(got.stderr.contains(message), "{}", got.stderr);
}

#[test]
fn a_reset_is_a_cut_and_a_trickle_is_none() {
    let faults = [FaultKind::ResetAt(2_000), FaultKind::Trickle(NonZeroU64::new(4_000).unwrap())];
    for (fault, requests) in faults.into_iter().zip([2, 1]) {
        let fault = Fault::new(fault).times(1);
        let truto = Truto::start(Simulator::new().with_records(10).with_fault(fault));
        let got = run(&mut truto.command("ndjson"));
        assert_done(&got);
        assert!(got.stdout == truto.licenses(0..10));
        assert_eq!(truto.requests(), requests);
    }
}
