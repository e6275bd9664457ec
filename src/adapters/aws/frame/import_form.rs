//! The forms of the ids by which resources are imported, which aren't always those that states hold (SPEC.md section 6.1, from
//! the import examples of Pulumi's AWS provider): the way there and back. Which form a type has stands in its own file.

use resource_graph::PropertyMap;

use crate::ports::{ImportedId, ProviderError, ProviderErrorKind};

/// How the import ids of a type are made.
#[derive(Clone, Copy, Debug)]
pub(in crate::adapters::aws) enum ImportForm {
    /// The state's own.
    Own,
    /// The one input that names the resource.
    Name(&'static str),
    /// Two inputs with a mark between them.
    Pair(&'static str, char, &'static str),
    /// The input that says what it belongs to, a slash, and the id within that.
    Within(&'static str),
    /// A form that only this type has.
    Special {
        /// The form in words, for the message to whoever gives another.
        form: &'static str,
        /// Makes it from the id and the inputs; `None` where they lack what it takes.
        write: fn(&str, &PropertyMap) -> Option<String>,
        /// Takes it apart; `None` where it hasn't the form.
        read: fn(&str) -> Option<ImportedId>,
    },
}

/// The text of an input, where it is given.
pub(in crate::adapters::aws) fn text<'a>(inputs: &'a PropertyMap, name: &str) -> Option<&'a str> {
    inputs.get(name).and_then(|value| value.exposed().as_str()).filter(|text| !text.is_empty())
}

/// The two parts around the first mark, where both are there.
pub(in crate::adapters::aws) fn split(id: &str, mark: char) -> Option<(&str, &str)> {
    id.split_once(mark).filter(|(first, second)| !first.is_empty() && !second.is_empty())
}

impl ImportForm {
    /// The id by which a recorded resource is imported.
    pub(in crate::adapters::aws) fn write(&self, id: &str, inputs: &PropertyMap) -> String {
        let made = match self {
            Self::Own => None,
            Self::Name(name) => text(inputs, name).map(str::to_owned),
            Self::Pair(first, mark, second) => {
                text(inputs, first).zip(text(inputs, second)).map(|(first, second)| format!("{first}{mark}{second}"))
            }
            Self::Within(owner) => text(inputs, owner).map(|owner| format!("{owner}/{id}")),
            Self::Special { write, .. } => write(id, inputs),
        };
        made.unwrap_or_else(|| id.to_owned())
    }

    /// How the resource of an import id of a type is read.
    ///
    /// # Errors
    /// When the id hasn't the form.
    pub(in crate::adapters::aws) fn read(&self, token: &str, id: &str) -> Result<ImportedId, ProviderError> {
        let wrong = |expected: String| {
            ProviderError::new(ProviderErrorKind::Refused, format!("'{id}' isn't the import id of a {token}"))
                .with_hint(format!("it has the form {expected}"))
        };
        if id.trim().is_empty() {
            return Err(wrong("of a text".into()));
        }
        let parts = |mark: char, expected: String| split(id, mark).ok_or_else(|| wrong(expected));
        Ok(match self {
            Self::Own => ImportedId::Read { id: id.to_owned(), inputs: PropertyMap::new() },
            Self::Name(name) => ImportedId::Find { inputs: [(*name, id)].into() },
            Self::Pair(first, mark, second) => {
                let parts = parts(*mark, format!("<{first}>{mark}<{second}>"))?;
                ImportedId::Find { inputs: [(*first, parts.0), (*second, parts.1)].into() }
            }
            Self::Within(owner) => {
                let (owned_by, id) = parts('/', format!("<{owner}>/<id>"))?;
                ImportedId::Read { id: id.to_owned(), inputs: [(*owner, owned_by)].into() }
            }
            Self::Special { form, read, .. } => read(id).ok_or_else(|| wrong((*form).to_owned()))?,
        })
    }
}
