//! What the tests of all subjects share.

pub(crate) mod answers;
pub(crate) mod body;
pub(crate) mod broker;
pub(crate) mod browser;
pub(crate) mod clock;
pub(crate) mod command;
pub(crate) mod compress;
pub(crate) mod guard;
pub(crate) mod kafka;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod python;
pub(crate) mod random;
pub(crate) mod registry;
pub(crate) mod relay;
pub(crate) mod replies;
pub(crate) mod run;
pub(crate) mod s3;
pub(crate) mod scripted;
pub(crate) mod series;
pub(crate) mod simulation;
pub(crate) mod tls;
pub(crate) mod truto;
pub(crate) mod typed;
pub(crate) mod watched;
