//! Events as JSON, one object a line.

use std::fmt::{self, Debug};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::screen;

/// Writes each event with its time, level and target, its own fields, and those of the spans that it is in, such
/// as account and snapshot: all of them members of one object.
///
/// That of `tracing-subscriber` would bring two crates along, and have all that read JSON compiled anew.
pub(super) struct Json;

/// The fields of a span, kept with it.
struct Fields(Map<String, Value>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Json {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut members = Members(Map::new());
        attributes.record(&mut members);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Fields(members.0));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            let mut members = Members(std::mem::take(&mut fields.0));
            values.record(&mut members);
            fields.0 = members.0;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut time = String::new();
        // Into a text it cannot fail.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        let mut members = Members(Map::new());
        let texts = [("timestamp", time.as_str()), ("level", metadata.level().as_str())];
        for (name, text) in texts.into_iter().chain([("target", metadata.target())]) {
            members.0.insert(name.to_owned(), text.into());
        }
        // From the outermost to the innermost; what is said again is the same, or more.
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                members.0.extend(fields.0.clone());
            }
        }
        event.record(&mut members);
        let mut line = Value::Object(members.0).to_string();
        line.push('\n');
        screen::write(line.as_bytes());
    }
}

/// Takes fields as members of an object.
struct Members(Map<String, Value>);

impl Members {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Members {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.insert(field, format!("{value:?}"));
    }
}

impl Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json")
    }
}
