//! A license as the endpoint describes it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::timestamp::Timestamp;

/// A license of one integrated account, after Truto's documentation of
/// `GET /unified/user-directory/licenses`.
///
/// Only [`id`](Self::id) is required. A field that is absent and one that is `null` are both
/// `None`. Nothing is lost to a type: where the value of a known field has another type than
/// documented, the field is `None` and the value stands in [`extra`](Self::extra) under its name.
///
/// ```
/// use license_stream::License;
///
/// let json = r#"{"id":"e5","assigned_quantity":"many","is_paid":true,"tier":3}"#;
/// let license: License = serde_json::from_str(json)?;
/// assert_eq!(license.id, "e5");
/// assert_eq!(license.is_paid, Some(true));
/// assert_eq!(license.assigned_quantity, None);
/// assert_eq!(license.extra["assigned_quantity"].get(), "\"many\"");
/// assert_eq!(license.extra["tier"].get(), "3");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct License {
    /// Unique identifier of the license within its account; at least one character.
    pub id: String,
    /// How many licenses have been assigned to users.
    pub assigned_quantity: Option<f64>,
    /// How many licenses can be assigned to users in total: not what remains.
    pub available_quantity: Option<f64>,
    /// When the license was created.
    pub created_at: Option<Timestamp>,
    /// Currency of [`unit_amount`](Self::unit_amount).
    pub currency: Option<String>,
    /// Description for people.
    pub description: Option<String>,
    /// Whether the license is paid for.
    pub is_paid: Option<bool>,
    /// Name for people.
    pub name: Option<String>,
    /// The products that are part of the license. A list may hold `null`.
    pub products: Option<Vec<Option<Product>>>,
    /// What the provider's own API answered, as it came.
    pub remote_data: Option<Box<RawValue>>,
    /// Roles that the license can be given to. A list may hold `null`.
    pub roles: Option<Vec<Option<Role>>>,
    /// `active` or `inactive`, as documented; other values are passed on.
    pub status: Option<String>,
    /// Price of one license, in [`currency`](Self::currency).
    pub unit_amount: Option<f64>,
    /// When the license was last changed.
    pub updated_at: Option<Timestamp>,
    /// Fields that the documentation does not know, and known ones of an unexpected type, with
    /// their JSON text as it came. Of a repeated field it has the last; a column `_extra` has each, since
    /// JSON text can say a name twice.
    pub extra: BTreeMap<String, Box<RawValue>>,
}

/// A product that is part of a license.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Product {
    /// Unique identifier of the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Provisioning status: `active`, `inactive`, `errored`, `needs_input`, `needs_confirmation` or
    /// `pending`, as documented; other values are passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// A role that a license can be given to.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Role {
    /// Unique identifier of the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Product {
    /// The documented members.
    pub const FIELDS: [&str; 3] = ["id", "name", "status"];
}

impl Role {
    /// The documented members.
    pub const FIELDS: [&str; 2] = ["id", "name"];
}

impl License {
    /// The endpoint's fields, in the order of its documentation and of every schema here.
    pub const FIELDS: [&str; 14] = [
        "id",
        "assigned_quantity",
        "available_quantity",
        "created_at",
        "currency",
        "description",
        "is_paid",
        "name",
        "products",
        "remote_data",
        "roles",
        "status",
        "unit_amount",
        "updated_at",
    ];

    fn take(&mut self, field: &str, raw: Box<RawValue>) {
        let taken = match field {
            "assigned_quantity" => take(&mut self.assigned_quantity, &raw),
            "available_quantity" => take(&mut self.available_quantity, &raw),
            "created_at" => take(&mut self.created_at, &raw),
            "currency" => take(&mut self.currency, &raw),
            "description" => take(&mut self.description, &raw),
            "is_paid" => take(&mut self.is_paid, &raw),
            "name" => take(&mut self.name, &raw),
            "products" => {
                let build = |[id, name, status]: [_; 3]| Product { id, name, status };
                take_list(&mut self.products, &raw, Product::FIELDS, build)
            }
            "remote_data" => {
                self.remote_data = (raw.get() != "null").then_some(raw);
                return;
            }
            "roles" => {
                let build = |[id, name]: [_; 2]| Role { id, name };
                take_list(&mut self.roles, &raw, Role::FIELDS, build)
            }
            "status" => take(&mut self.status, &raw),
            "unit_amount" => take(&mut self.unit_amount, &raw),
            "updated_at" => take(&mut self.updated_at, &raw),
            _ => false,
        };
        if taken {
            self.extra.remove(field);
        } else {
            self.extra.insert(field.to_owned(), raw);
        }
    }
}

/// Sets `slot` from `raw`, to `None` where the type is another; whether nothing was lost.
fn take<T: DeserializeOwned>(slot: &mut Option<T>, raw: &RawValue) -> bool {
    let read = serde_json::from_str(raw.get());
    let fits = read.is_ok();
    *slot = read.unwrap_or_default();
    fits
}

/// Sets `slot` from a list of objects whose `names` hold strings, with `None` in place of what has
/// another type; whether nothing was lost, not even a member of another name.
fn take_list<T, const N: usize>(
    slot: &mut Option<Vec<Option<T>>>,
    raw: &RawValue,
    names: [&str; N],
    build: impl Fn([Option<String>; N]) -> T,
) -> bool {
    type Members = BTreeMap<String, Box<RawValue>>;
    let mut elements = None::<Vec<Box<RawValue>>>;
    let mut lossless = take(&mut elements, raw);
    let mut element = |raw: Box<RawValue>| {
        let mut members = None::<Members>;
        lossless &= take(&mut members, &raw);
        let mut members = members?;
        let values = names.map(|name| {
            let mut value = None;
            if let Some(raw) = members.remove(name) {
                lossless &= take(&mut value, &raw);
            }
            value
        });
        lossless &= members.is_empty();
        Some(build(values))
    };
    *slot = elements.map(|elements| elements.into_iter().map(&mut element).collect());
    lossless
}

impl<'de> Deserialize<'de> for License {
    /// Reads a license from JSON with serde_json; [`RawValue`] ties it to that crate.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LicenseVisitor;

        impl<'de> Visitor<'de> for LicenseVisitor {
            type Value = License;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a license object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<License, A::Error> {
                let mut license = License::default();
                let mut id = Ok(String::new());
                while let Some(field) = map.next_key::<String>()? {
                    let raw = map.next_value::<Box<RawValue>>()?;
                    match field.as_str() {
                        "id" => id = serde_json::from_str(raw.get()),
                        _ => license.take(&field, raw),
                    }
                }
                match id {
                    Ok(id) if !id.is_empty() => Ok(License { id, ..license }),
                    _ => Err(A::Error::custom("field `id` is missing, empty or not a string")),
                }
            }
        }

        deserializer.deserialize_map(LicenseVisitor)
    }
}

impl Serialize for License {
    /// Writes the fields that are there, in the order of [`License::FIELDS`], then the extra ones.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        macro_rules! entries {
            ($($field:ident)*) => {$(
                if let Some(value) = &self.$field {
                    map.serialize_entry(stringify!($field), value)?;
                }
            )*};
        }
        entries!(
            assigned_quantity available_quantity created_at currency description is_paid name
        );
        let typed = |field: &str| !self.extra.contains_key(field);
        if let Some(products) = self.products.as_ref().filter(|_| typed("products")) {
            map.serialize_entry("products", products)?;
        }
        entries!(remote_data);
        if let Some(roles) = self.roles.as_ref().filter(|_| typed("roles")) {
            map.serialize_entry("roles", roles)?;
        }
        entries!(status unit_amount updated_at);
        for (name, value) in &self.extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> License {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn reads_every_field_and_writes_it_back() {
        let json = concat!(
            r#"{"id":"a","assigned_quantity":3.0,"available_quantity":10.5,"#,
            r#""created_at":"2024-09-01T10:00:00Z","currency":"EUR","description":"d\n","#,
            r#""is_paid":false,"name":"開発","products":[{"id":"p","name":"n","status":"s"},null],"#,
            r#""remote_data":{"b": 1e400, "a":[]},"roles":[{"id":"r"}],"status":"active","#,
            r#""unit_amount":1.25,"updated_at":"2024-09-01T10:00:00.001Z","zz":[ 1 ]}"#
        );
        let license = read(json);
        assert_eq!(license.products.as_ref().unwrap()[1], None);
        assert_eq!(serde_json::to_string(&license).unwrap(), json);
    }

    #[test]
    fn null_is_absent_and_the_last_of_a_repeated_field_counts() {
        let license = read(r#"{"id":"a","name":"x","name":null,"id":"b","status":1,"status":"s"}"#);
        assert_eq!((license.id.as_str(), &license.name), ("b", &None));
        assert_eq!(license.status.as_deref(), Some("s"));
        assert!(license.extra.is_empty());
    }

    #[test]
    fn an_unexpected_type_is_kept() {
        let license = read(
            r#"{"id":"a","created_at":"soon","is_paid":"yes","unit_amount":1e400,"roles":{"id":1}}"#,
        );
        assert_eq!(
            license.extra.keys().collect::<Vec<_>>(),
            ["created_at", "is_paid", "roles", "unit_amount"]
        );
        assert_eq!(license.created_at, None);
    }

    #[test]
    fn numbers_are_the_nearest() {
        for number in ["122.416294033786585", "1e23", "2.2250738585072011e-308", "-0", "1e-400"] {
            let license = read(&format!(r#"{{"id":"a","unit_amount":{number}}}"#));
            let nearest: f64 = number.parse().unwrap();
            assert_eq!(license.unit_amount.map(f64::to_bits), Some(nearest.to_bits()), "{number}");
        }
    }

    #[test]
    fn a_list_with_unknown_members_is_typed_and_kept() {
        let license = read(r#"{"id":"a","products":[{"id":"p","sku":9}]}"#);
        assert_eq!(license.products.unwrap()[0].as_ref().unwrap().id.as_deref(), Some("p"));
        assert_eq!(license.extra["products"].get(), r#"[{"id":"p","sku":9}]"#);
    }

    #[test]
    fn a_license_needs_an_id() {
        for json in [r#"{}"#, r#"{"id":""}"#, r#"{"id":7}"#, r#"{"id":null}"#, r#"[]"#, r#"{"#] {
            assert!(serde_json::from_str::<License>(json).is_err(), "{json}");
        }
    }
}
