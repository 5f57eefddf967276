//! What is asked about accounts beside their licenses, and is not needed: it holds nothing up, takes nothing of
//! what licenses need, and says so.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use license_stream::simulate::{
    AccountGroup, Fault, FaultEndpoint, FaultKind, Listing, Refuse, Simulator, Stall,
};

use super::{command, group};
use crate::support::process::{Run, run};
use crate::support::truto::Truto;

const ACCOUNTS: usize = 3;

/// Three accounts of three licenses, whose answers to one of the questions have a fault.
fn faulty(fault: Fault, on: FaultEndpoint) -> (Truto, Vec<String>) {
    let group = AccountGroup { faults: vec![fault.on(on)], ..group(ACCOUNTS as u64, 3) };
    let simulator = Simulator::new().with_groups([group]).with_log(1000);
    let ids = simulator.account_ids().collect();
    (Truto::start(simulator), ids)
}

fn read(truto: &Truto, ids: &[String], flags: &[&str]) -> (Run, Duration) {
    let mut command = command("ndjson", truto);
    for id in ids {
        command.args(["--account", id]);
    }
    let begun = Instant::now();
    let got = run(command.arg("-v").args(flags));
    (got, begun.elapsed())
}

fn assert_all_read(got: &Run, what: &str) {
    let read = (Some(0), ACCOUNTS * 3);
    assert_eq!((got.code, got.text().lines().count()), read, "{what}: {}", got.stderr);
}

#[test]
fn a_question_that_is_refused_takes_no_retry_of_the_run() {
    for (status, on, asked, what) in [
        (
            500,
            FaultEndpoint::Capabilities,
            2,
            "whether it has licenses is not known: going on without (",
        ),
        (
            429,
            FaultEndpoint::Capabilities,
            2,
            "whether it has licenses is not known: going on without (",
        ),
        // The request for licenses decides whether the token is good.
        (
            401,
            FaultEndpoint::Capabilities,
            1,
            "whether it has licenses is not known: going on without (",
        ),
        (500, FaultEndpoint::Account, 1, "its integration is not known: going on without ("),
        (401, FaultEndpoint::Account, 1, "its integration is not known: going on without ("),
    ] {
        let (truto, ids) = faulty(Fault::status(status), on);
        let flags = ["--retry-budget", "0", "--max-wait", "0.05"];
        let (got, _) = read(&truto, &ids, &flags);
        assert_all_read(&got, &format!("{status} {on:?}"));
        // Of each account what it is, what it can do, and its licenses; one of them as often as it is asked.
        let requests = ACCOUNTS * (2 + asked);
        assert_eq!(truto.requests(), requests as u64, "{status} {on:?}: {}", got.stderr);
        for id in &ids {
            let told = format!("account {id}: {what}");
            assert!(got.stderr.contains(&told), "{status} {on:?}: {}", got.stderr);
        }
        let (quiet, _) = read(&truto, &ids[..0], &["--all-accounts", "--retry-budget", "0"]);
        assert_eq!(quiet.code, Some(0), "{status} {on:?}: {}", quiet.stderr);
    }
}

#[test]
fn an_answer_that_trickles_or_does_not_come_holds_nothing_up() {
    let trickle = FaultKind::Trickle(NonZeroU64::new(4).unwrap());
    let stall = FaultKind::StallHead(Stall::Forever);
    for (fault, why) in [
        (trickle, "answer has not come whole in 0.4 s (--idle-timeout))\n"),
        (stall, " in 0.4 s (--first-byte-timeout))\n"),
    ] {
        for on in [FaultEndpoint::Capabilities, FaultEndpoint::Account] {
            let (truto, ids) = faulty(Fault::new(fault.clone()), on);
            let flags = ["--idle-timeout", "0.4", "--first-byte-timeout", "0.4"];
            let (got, took) = read(&truto, &ids, &flags);
            assert_all_read(&got, &format!("{fault:?} {on:?}"));
            assert!(got.stderr.contains(why), "{fault:?} {on:?}: {}", got.stderr);
            assert!(took < Duration::from_secs(20), "{fault:?} {on:?}: {took:?}");
        }
    }
}

#[test]
fn a_list_that_is_waited_for_says_so() {
    let limit = Refuse::new(429).with_retry_after(1);
    let passing = Fault::status(502).times(1);
    let faults = vec![Fault::from(limit).times(1), passing];
    for (flags, long, short) in
        [(&[][..], true, false), (&["--verbose"], true, true), (&["-q"], false, false)]
    {
        let listing = Listing { faults: faults.clone(), ..Listing::default() };
        let simulator = Simulator::new().with_groups([group(3, 3)]).with_listing(listing);
        let truto = Truto::start(simulator);
        let got = run(command("accounts", &truto).args(flags));
        assert_eq!((got.code, got.text().lines().count()), (Some(0), 4), "{}", got.stderr);
        let told = |what: &str| got.stderr.contains(what);
        assert_eq!(told("rate limit is reached (status 429"), long, "{flags:?}: {}", got.stderr);
        assert_eq!(told("retry 1 of 5 in 1.0 s"), long, "{flags:?}: {}", got.stderr);
        assert_eq!(told("retry 2 of 5 in "), short, "{flags:?}: {}", got.stderr);
        assert_eq!(got.stderr.is_empty(), !long, "{flags:?}: {}", got.stderr);
    }
}

#[test]
fn a_page_of_accounts_that_trickles_fails() {
    let faults = vec![Fault::new(FaultKind::Trickle(NonZeroU64::new(4).unwrap()))];
    let listing = Listing { faults, ..Listing::default() };
    let simulator = Simulator::new().with_groups([group(3, 3)]).with_listing(listing);
    let truto = Truto::start(simulator);
    for verb in [&["accounts"][..], &["ndjson", "--all-accounts"]] {
        let mut command = command(verb[0], &truto);
        command.args(&verb[1..]).args(["--idle-timeout", "0.4", "--retries", "1"]);
        let got = run(&mut command);
        assert_eq!(got.code, Some(1), "{verb:?}: {}", got.stderr);
        let told = "tried 2 times: answer has not come whole in 0.4 s (--idle-timeout)";
        assert!(got.stderr.contains(told), "{verb:?}: {}", got.stderr);
    }
}
