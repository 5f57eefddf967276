//! What the tests of all subjects share.

pub(crate) mod command;
pub(crate) mod kafka;
pub(crate) mod python;
