//! Avro: fields have no names in the data, so all must be the same and stand in the same order.

use serde_json::Value;

use super::named;

pub(super) fn check(ours: &str, other: &str) -> Result<(), String> {
    let ours: Value = serde_json::from_str(ours).map_err(|error| error.to_string())?;
    let other: Value =
        serde_json::from_str(other).map_err(|_| "it cannot be read as Avro".to_owned())?;
    record(&ours, &other)
}

fn record(ours: &Value, other: &Value) -> Result<(), String> {
    let (Some(fields), Some(others)) = (ours["fields"].as_array(), other["fields"].as_array())
    else {
        return Err("it is not of a record".to_owned());
    };
    let name = |field: &Value| field["name"].as_str().unwrap_or_default().to_owned();
    let has = |fields: &[Value], wanted: &str| fields.iter().any(|field| name(field) == wanted);
    if let Some(unknown) = others.iter().map(name).find(|it| !has(fields, it)) {
        return Err(format!("its {} is none that is written", named(&unknown)));
    }
    for (index, field) in fields.iter().enumerate() {
        let wanted = name(field);
        match others.get(index) {
            Some(other) if name(other) == wanted => {
                if shape(&field["type"]) != shape(&other["type"]) {
                    return Err(format!("its {} has another type", named(&wanted)));
                }
            }
            _ if has(others, &wanted) => {
                return Err(format!("its {} stands in another place", named(&wanted)));
            }
            _ => return Err(format!("it lacks {}", named(&wanted))),
        }
    }
    Ok(())
}

/// What of a type decides how a value is laid out.
fn shape(of: &Value) -> Value {
    match of {
        Value::Array(branches) => branches.iter().map(shape).collect(),
        Value::Object(members) => match members.get("type") {
            Some(Value::String(kind)) => match kind.as_str() {
                "record" => {
                    let fields = members.get("fields").and_then(Value::as_array);
                    let fields = fields.into_iter().flatten();
                    let field =
                        |it: &Value| Value::from(vec![it["name"].clone(), shape(&it["type"])]);
                    fields.map(field).collect()
                }
                "array" => vec!["array".into(), shape(&of["items"])].into(),
                // A logical type does not change the bytes.
                kind => kind.into(),
            },
            Some(inner) => shape(inner),
            None => Value::Null,
        },
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::LICENSE_AVRO;

    #[test]
    fn the_same_layout_fits_whatever_is_said_of_it() {
        assert_eq!(check(LICENSE_AVRO, LICENSE_AVRO), Ok(()));
        let mut other: Value = serde_json::from_str(LICENSE_AVRO).unwrap();
        other["name"] = "Other".into();
        for field in other["fields"].as_array_mut().unwrap() {
            field.as_object_mut().unwrap().remove("doc");
        }
        other["fields"][0]["type"] =
            serde_json::json!({"type": "string", "avro.java.string": "String"});
        other["fields"][3]["type"][1] = "long".into();
        assert_eq!(check(LICENSE_AVRO, &other.to_string()), Ok(()));
    }

    #[test]
    fn another_layout_is_told_by_its_field() {
        let other = |change: fn(&mut Vec<Value>)| {
            let mut other: Value = serde_json::from_str(LICENSE_AVRO).unwrap();
            change(other["fields"].as_array_mut().unwrap());
            check(LICENSE_AVRO, &other.to_string()).unwrap_err()
        };
        assert_eq!(
            other(|fields| fields[1]["type"][1] = "float".into()),
            "its field `assigned_quantity` has another type"
        );
        assert_eq!(other(|fields| drop(fields.pop())), "it lacks field `_extra`");
        assert_eq!(
            other(|fields| fields.swap(4, 5)),
            "its field `currency` stands in another place"
        );
        assert_eq!(
            other(|fields| fields.push(serde_json::json!({"name": "x", "type": "long"}))),
            "its field `x` is none that is written"
        );
        assert_eq!(check(LICENSE_AVRO, "\"string\"").unwrap_err(), "it is not of a record");
        assert_eq!(check(LICENSE_AVRO, "{").unwrap_err(), "it cannot be read as Avro");
    }
}
