//! What licenses of each integration look like, read from `integrations.txt`.

use std::sync::{Arc, LazyLock};

use super::template::Template;

static SOURCE: &str = include_str!("integrations.txt");

/// Every integration, as often as its weight says.
pub(super) static INTEGRATIONS: LazyLock<Vec<Integration>> = LazyLock::new(|| {
    // The file is compiled in, and a test parses it: no input can make this fail.
    parse(SOURCE).unwrap_or_else(|error| panic!("integrations.txt: {error}"))
});

/// One integration: the fields that its licenses have, in order.
#[derive(Clone, Debug)]
pub(super) struct Integration {
    pub(super) name: String,
    pub(super) fields: Arc<[Field]>,
}

/// One field of a license.
#[derive(Debug)]
pub(super) struct Field {
    /// Its place in [`FIELDS`].
    pub(super) number: usize,
    /// `,"name":` and the value.
    pub(super) text: Template,
    /// How long it is if the value is empty.
    pub(super) key_bytes: usize,
}

/// The fields of a license, in the order in which they are written.
pub(super) static FIELDS: [&str; 14] = [
    "id",
    "name",
    "assigned_quantity",
    "available_quantity",
    "created_at",
    "currency",
    "description",
    "is_paid",
    "products",
    "remote_data",
    "roles",
    "status",
    "unit_amount",
    "updated_at",
];

impl Field {
    fn parse(line: &str) -> Result<Self, String> {
        let (name, value) = line.split_once(": ").ok_or_else(|| format!("no field in `{line}`"))?;
        let number = FIELDS.iter().position(|field| *field == name);
        Ok(Field {
            number: number.ok_or_else(|| format!("`{name}` is no field"))?,
            text: Template::parse(&format!(",\"{name}\":{value}"))?,
            key_bytes: name.len() + 4,
        })
    }
}

fn parse(source: &str) -> Result<Vec<Integration>, String> {
    let mut integrations = Vec::new();
    // What stands before the first heading is about the file.
    for section in source.split("\n== ").skip(1) {
        let section = section.trim_end().replace("\n  ", "");
        let mut weight = 1;
        let mut fields = vec![Field::parse("id: \"<id>\"")?];
        let mut lines = section.lines();
        let name = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            match line.strip_prefix("weight: ") {
                Some(times) => weight = times.parse().map_err(|_| "a weight is no number")?,
                None => fields.push(Field::parse(line)?),
            }
        }
        fields.sort_by_key(|field| field.number);
        let integration = Integration { name, fields: fields.into() };
        integrations.extend(std::iter::repeat_n(integration, weight));
    }
    Ok(integrations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read() {
        let integrations = parse(SOURCE).unwrap();
        assert_eq!(SOURCE.matches("\n== ").count(), 25);
        assert_eq!(integrations.len(), 32);
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parse("\n== A\nnom: 1").unwrap_err(), "`nom` is no field");
        assert_eq!(parse("\n== A\nname").unwrap_err(), "no field in `name`");
    }
}
