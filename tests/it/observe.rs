//! What an operator sees of a run: metrics, health, logs, how far it is.

mod dashboards;
mod jobs;
mod logs;
mod metrics;
mod progress;
mod server;
