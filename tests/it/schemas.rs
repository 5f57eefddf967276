//! One record, many schemas: they agree, and what is written and printed is as they say.

mod fields;
mod integrations;
mod printed;
