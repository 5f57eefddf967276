//! Which of the columns are wanted.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{Schema, SchemaRef};

use crate::error::{Error, ErrorKind, Result};
use crate::license::License;

/// The columns of [`License::schema`] that are wanted, in the order of that schema: all of them by default.
///
/// Records are checked whole, whichever are wanted: one without an `id` is a reject also where there is
/// no column `id`.
///
/// ```
/// use license_stream::decode::arrow::Projection;
///
/// let columns = Projection::of(["name", "id"])?;
/// let schema = columns.schema();
/// assert!(schema.fields().iter().map(|field| field.name().as_str()).eq(["id", "name"]));
/// assert!(Projection::of(["nmae"]).is_err());
/// # Ok::<(), license_stream::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    schema: SchemaRef,
    /// Where they are in the whole schema; `None` if all are wanted.
    indices: Option<Arc<[usize]>>,
}

impl Projection {
    /// All columns.
    pub fn all() -> Self {
        Self { schema: License::schema(), indices: None }
    }

    /// The columns of these names, in whatever order they are named.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if a name is of no column or comes twice, or if there is none.
    pub fn of<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Result<Self> {
        let schema = License::schema();
        let mut indices = Vec::new();
        for name in names {
            let name = name.as_ref();
            let index = index_of(&schema, name)?;
            if indices.contains(&index) {
                return Err(refused(format!("column {name} is named twice")));
            }
            indices.push(index);
        }
        indices.sort_unstable();
        Self::at(indices)
    }

    /// These columns but for one, if it is among them.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if none would be left.
    pub fn without(&self, name: &str) -> Result<Self> {
        let all = License::schema();
        let is_kept = |index: &usize| {
            let field = all.field(*index).name();
            field != name && self.contains(field)
        };
        Self::at((0..all.fields().len()).filter(is_kept).collect())
    }

    /// Those at these places in the whole schema, which rise.
    fn at(indices: Vec<usize>) -> Result<Self> {
        let all = License::schema();
        if indices.is_empty() {
            return Err(refused("no column is left".to_owned()));
        }
        if indices.len() == all.fields().len() {
            return Ok(Self::all());
        }
        let fields: Vec<_> =
            indices.iter().map(|index| Arc::clone(&all.fields()[*index])).collect();
        Ok(Self { schema: Arc::new(Schema::new(fields)), indices: Some(indices.into()) })
    }

    /// The schema of batches that have these columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether these are all columns that there are.
    pub fn is_all(&self) -> bool {
        self.indices.is_none()
    }

    /// Whether the column of this name is among them.
    pub fn contains(&self, name: &str) -> bool {
        self.schema.column_with_name(name).is_some()
    }

    /// Those of all columns that are wanted.
    pub(super) fn pick(&self, columns: Vec<ArrayRef>) -> Vec<ArrayRef> {
        match &self.indices {
            None => columns,
            Some(indices) => indices.iter().map(|index| Arc::clone(&columns[*index])).collect(),
        }
    }
}

impl Default for Projection {
    fn default() -> Self {
        Self::all()
    }
}

fn index_of(schema: &Schema, name: &str) -> Result<usize> {
    schema.column_with_name(name).map(|(index, _)| index).ok_or_else(|| {
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        refused(format!("there is no column {name:?}; there are {}", names.join(", ")))
    })
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(projection: &Projection) -> Vec<&str> {
        projection.schema().fields().iter().map(|field| field.name().as_str()).collect()
    }

    #[test]
    fn columns_stand_in_the_order_of_the_schema() {
        let some = Projection::of(["_extra", "id", "roles"]).unwrap();
        assert_eq!(names(&some), ["id", "roles", "_extra"]);
        assert_eq!(names(&some.without("roles").unwrap()), ["id", "_extra"]);
        assert_eq!(some.without("name").unwrap(), some);
        assert!(!some.is_all() && some.contains("roles") && !some.contains("name"));
    }

    #[test]
    fn all_of_them_are_all_whoever_names_them() {
        let all = License::schema();
        let named = Projection::of(all.fields().iter().rev().map(|field| field.name())).unwrap();
        assert_eq!(named, Projection::all());
        assert!(named.is_all());
        assert_eq!(named.without("id").unwrap().schema().fields().len(), all.fields().len() - 1);
    }

    #[test]
    fn what_is_no_column_comes_twice_or_is_nothing_is_refused() {
        let message = |names: &[&str]| Projection::of(names).unwrap_err().message().to_owned();
        assert!(message(&["ID"]).starts_with("there is no column \"ID\"; there are id, assigned_"));
        assert_eq!(message(&["id", "name", "id"]), "column id is named twice");
        assert_eq!(message(&[]), "no column is left");
        assert!(Projection::of(["id"]).unwrap().without("id").is_err());
    }
}
