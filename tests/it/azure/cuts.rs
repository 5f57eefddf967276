//! Connections to the store that are cut at random bytes.

use crate::stores;
use crate::support::azure::Container;

#[test]
fn what_arrives_is_the_same_whatever_is_cut() {
    stores::what_arrives_is_the_same_whatever_is_cut::<Container>();
}
