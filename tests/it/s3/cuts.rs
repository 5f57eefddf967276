//! Connections to the store that are cut at random bytes.

use crate::stores;
use crate::support::s3::Bucket;

#[test]
fn what_arrives_is_the_same_whatever_is_cut() {
    stores::what_arrives_is_the_same_whatever_is_cut::<Bucket>();
}
