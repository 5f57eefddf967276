//! A Truto API of our own.
mod generator;
pub use generator::LicenseGenerator;
