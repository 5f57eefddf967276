//! Connections to the store that are cut at random bytes, and answers that are not so.

use crate::stores;
use crate::support::s3::Bucket;

#[test]
fn what_arrives_is_the_same_whatever_is_cut() {
    stores::what_arrives_is_the_same_whatever_is_cut::<Bucket>();
}

#[test]
fn what_was_done_and_answered_by_500_is_there_once() {
    stores::what_was_done_and_answered_by_500_is_there_once::<Bucket>();
}
