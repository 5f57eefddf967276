//! A Truto API of our own.
