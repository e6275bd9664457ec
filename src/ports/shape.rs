//! The vocabulary in which the configuration's shape is written down: one table, from which both
//! the check of a file and its JSON Schema are made, so that they can't disagree. Each cloud says in it what its own settings
//! are.

use std::str::FromStr;

use crate::domain::invalid::InvalidValue;

/// What may stand at a place of the configuration.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A mapping with the keys of a table.
    Object(&'static ObjectShape),
    /// As [`Shape::Object`], but any key may be missing: what an environment changes.
    Partial(&'static ObjectShape),
    /// A mapping whose keys the user chooses.
    Map(&'static MapShape),
    /// A list of at least so many items.
    List {
        /// What each item is.
        items: &'static Shape,
        /// How many there must be.
        at_least: usize,
    },
    /// Text that a type of the domain can read.
    Text(&'static TextShape),
    /// Any single value, taken as it is written.
    Anything(&'static str),
    /// As [`Shape::Anything`], or else a mapping with the keys of a table.
    AnythingOr(&'static str, &'static ObjectShape),
    /// A whole number without quotes, within bounds.
    WholeNumber {
        /// The smallest.
        from: u32,
        /// The largest.
        to: u32,
    },
    /// `true` or `false`.
    Boolean,
    /// One word, or else what the shape says.
    WordOr(&'static str, &'static Shape),
    /// A mapping of one of several forms; one of its keys says of which.
    Choice(&'static Choice),
    /// As [`Shape::Choice`], but any key may be missing, the one that says which form as well: what an environment changes.
    PartialChoice(&'static Choice),
}

/// Several forms of a mapping, told apart by the text of one key, which all of them have.
#[derive(Debug)]
pub struct Choice {
    /// The name under which the schema refers to it.
    pub name: &'static str,
    /// What it describes.
    pub description: &'static str,
    /// The key that tells.
    pub key: &'static str,
    /// The forms by the texts of that key.
    pub forms: fn() -> Vec<(&'static str, &'static ObjectShape)>,
}

impl Choice {
    /// The form for a text of the key.
    pub fn form(&self, text: &str) -> Option<&'static ObjectShape> {
        (self.forms)().into_iter().find(|(name, _)| *name == text).map(|(_, form)| form)
    }
}

/// A mapping with given keys.
#[derive(Debug)]
pub struct ObjectShape {
    /// The name under which the schema refers to it.
    pub name: &'static str,
    /// What it describes.
    pub description: &'static str,
    /// Its keys, in the order in which one would write them.
    pub fields: &'static [Field],
    /// Of these keys exactly one must be there.
    pub exactly_one: &'static [&'static str],
    /// Keys that mean nothing yet, and what to say to those who write them.
    pub reserved: &'static [(&'static str, &'static str)],
}

/// A key of an object.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What it means.
    pub description: &'static str,
    /// What may stand there.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// What holds where it isn't, as one would write it.
    pub default: Option<&'static str>,
}

/// A mapping whose keys the user chooses.
#[derive(Debug)]
pub struct MapShape {
    /// What a key may be.
    pub keys: &'static TextShape,
    /// What each key's value is.
    pub values: Shape,
}

/// Text with a form.
#[derive(Debug)]
pub struct TextShape {
    /// What it is.
    pub what: &'static str,
    /// Its form as a regular expression (ECMA 262), as far as one can say it.
    pub pattern: Option<&'static str>,
    /// The words to choose from, if it is a choice.
    pub choices: &'static [&'static str],
    /// Examples, each of them accepted.
    pub examples: &'static [&'static str],
    /// Reads it as its type does and gives the type's error.
    pub check: fn(&str) -> Result<(), InvalidValue>,
}

impl ObjectShape {
    /// The field of that key.
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// What holds where the field `key` isn't given.
    pub fn default_of(&self, key: &str) -> Option<&'static str> {
        self.field(key).and_then(|field| field.default)
    }
}

impl Field {
    /// A key that must be there.
    pub const fn required(key: &'static str, shape: Shape, description: &'static str) -> Self {
        Self { key, description, shape, required: true, default: None }
    }

    /// A key that may be left out, and what holds then, as one would write it.
    pub const fn defaulted(key: &'static str, shape: Shape, default: &'static str, description: &'static str) -> Self {
        Self { key, description, shape, required: false, default: Some(default) }
    }

    /// A key that may be left out.
    pub const fn optional(key: &'static str, shape: Shape, description: &'static str) -> Self {
        Self { key, description, shape, required: false, default: None }
    }
}

impl TextShape {
    /// Text that is no choice between words.
    pub const fn new(
        what: &'static str,
        pattern: Option<&'static str>,
        examples: &'static [&'static str],
        check: fn(&str) -> Result<(), InvalidValue>,
    ) -> Self {
        Self { what, pattern, choices: &[], examples, check }
    }

    /// One of several words.
    pub const fn choice(
        what: &'static str,
        choices: &'static [&'static str],
        check: fn(&str) -> Result<(), InvalidValue>,
    ) -> Self {
        Self { what, pattern: None, choices, examples: choices, check }
    }
}

/// The check of text that `T` reads.
///
/// # Errors
/// That of `T`.
pub fn reads<T: FromStr<Err = InvalidValue>>(text: &str) -> Result<(), InvalidValue> {
    text.parse::<T>().map(drop)
}
