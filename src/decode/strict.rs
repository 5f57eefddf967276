//! Refuses what has another type than its column.

use super::Fault;
use super::fields::field;
use crate::reject::RejectReason;

/// Rejects a record in which a known field has a value of an unexpected type. Members of unknown
/// names are no such thing.
#[cfg(feature = "arrow")]
pub(super) fn check(fields: &super::fields::Fields<'_>) -> Result<(), Fault> {
    use super::read::{as_bool, as_number, as_time};
    use super::text::Text;

    let fits = |index: usize| {
        let Some(value) = fields.get(index) else { return true };
        match index {
            field::ASSIGNED_QUANTITY | field::AVAILABLE_QUANTITY | field::UNIT_AMOUNT => {
                as_number(value).is_some()
            }
            field::CREATED_AT | field::UPDATED_AT => as_time(value).is_some(),
            field::IS_PAID => as_bool(value).is_some(),
            field::PRODUCTS => fields.products.fits,
            field::ROLES => fields.roles.fits,
            field::REMOTE_DATA => true,
            _ => value.as_text().is_some_and(Text::is_decodable),
        }
    };
    match (0..field::COUNT).find(|index| !fits(*index)) {
        None => Ok(()),
        Some(index) => Err(fault(index)),
    }
}

/// What is wrong with a record in which the field of this index has a value of an unexpected type.
pub(super) fn fault(field: usize) -> Fault {
    Fault::new(RejectReason::UnexpectedType, MESSAGES[field], 0)
}

macro_rules! messages {
    ($($field:literal)*) => {
        [$(concat!("field `", $field, "` has a value of an unexpected type")),*]
    };
}

/// By index in [`License::FIELDS`](crate::license::License::FIELDS).
const MESSAGES: [&str; field::COUNT] = messages!(
    "id" "assigned_quantity" "available_quantity" "created_at" "currency" "description" "is_paid"
    "name" "products" "remote_data" "roles" "status" "unit_amount" "updated_at"
);

#[cfg(all(test, feature = "arrow"))]
mod tests {
    use super::super::fields::Fields;
    use super::*;
    use crate::decode::Limits;
    use crate::license::License;

    #[test]
    fn strict_reading_names_the_field() {
        for (field, message) in License::FIELDS.iter().zip(MESSAGES) {
            assert!(message.contains(&format!("`{field}`")));
            let record = format!(r#"{{"id":"a","{field}":{{"x":1}}}}"#);
            let mut fields = Fields::new();
            fields.scan(record.as_bytes(), &Limits::default()).unwrap();
            let expected = if *field == "remote_data" { None } else { Some(message) };
            assert_eq!(check(&fields).err().map(|fault| fault.what), expected);
        }
        let record = br#"{"id":"a","name":null,"products":[{"sku":1},null],"tier":3,"roles":[]}"#;
        let mut fields = Fields::new();
        fields.scan(record, &Limits::default()).unwrap();
        assert_eq!(check(&fields), Ok(()));
    }
}
