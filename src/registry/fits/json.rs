//! JSON Schema: what is written must be allowed, and what is required must be written.

use serde_json::Value;

use super::named;

pub(super) fn check(ours: &str, other: &str) -> Result<(), String> {
    let ours: Value = serde_json::from_str(ours).map_err(|error| error.to_string())?;
    let other: Value =
        serde_json::from_str(other).map_err(|_| "it cannot be read as JSON Schema".to_owned())?;
    object((&ours, &ours), (&other, &other))
}

/// A schema, and the document that its references lead into.
type Within<'a> = (&'a Value, &'a Value);

fn object((ours, our_root): Within<'_>, (other, other_root): Within<'_>) -> Result<(), String> {
    let required = |schema: &Value| -> Vec<String> {
        let names = schema["required"].as_array().into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let written = required(ours);
    if let Some(name) = required(other).iter().find(|name| !written.contains(name)) {
        return Err(format!("it requires {}, which is left out where it is null", named(name)));
    }
    for (name, property) in ours["properties"].as_object().into_iter().flatten() {
        let Some(other) = other["properties"].get(name) else {
            if other["additionalProperties"] == false {
                return Err(format!("it does not allow {}", named(name)));
            }
            continue;
        };
        let (property, other) = (resolved(property, our_root), resolved(other, other_root));
        if !types(other).is_none_or(|others| {
            types(property).is_some_and(|ours| ours.iter().all(|it| others.contains(it)))
        }) {
            return Err(format!("its {} allows other types", named(name)));
        }
        let items = (&property["items"], &other["items"]);
        if let (Value::Object(_), Value::Object(_)) = items {
            let ours = (resolved(items.0, our_root), our_root);
            let other = (resolved(items.1, other_root), other_root);
            object(ours, other).map_err(|why| format!("in its {}, {why}", named(name)))?;
        }
    }
    Ok(())
}

/// The types that a schema allows; all if it says nothing of them.
fn types(schema: &Value) -> Option<Vec<&str>> {
    match &schema["type"] {
        Value::String(one) => Some(vec![one]),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

/// What a reference within the document refers to.
fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::{LICENSE_JSON_SCHEMA, LICENSE_NORMALIZED_JSON_SCHEMA as OURS};

    #[test]
    fn what_allows_as_much_fits() {
        for other in [OURS, LICENSE_JSON_SCHEMA, "{}", r#"{"properties":{"x":{"type":"string"}}}"#]
        {
            assert_eq!(check(OURS, other), Ok(()));
        }
    }

    #[test]
    fn what_allows_less_is_told_by_its_field() {
        let other = |path: &str, value: Value| {
            let mut other: Value = serde_json::from_str(OURS).unwrap();
            *other.pointer_mut(path).unwrap() = value;
            check(OURS, &other.to_string()).unwrap_err()
        };
        assert_eq!(
            other("/required", json!(["id", "name"])),
            "it requires field `name`, which is left out where it is null"
        );
        assert_eq!(
            other("/properties/unit_amount/type", json!(["integer", "null"])),
            "its field `unit_amount` allows other types"
        );
        assert_eq!(other("/properties", json!({"id": {}})), "it does not allow field `_extra`");
        assert_eq!(
            other("/definitions/role/properties/id/type", json!("string")),
            "in its field `roles`, its field `id` allows other types"
        );
        assert_eq!(check(OURS, "{").unwrap_err(), "it cannot be read as JSON Schema");
    }
}
