//! Names of resources: the type token and the URN.
//!
//! The grammar is Pulumi's (SPEC.md section 1.6), because states are exchanged with it: `urn:pulumi:` stack `::` project
//! `::` qualified type `::` name, split at the first three `::`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const PREFIX: &str = "urn:pulumi:";
/// The type of the root resource of every stack.
pub const STACK_TYPE: &str = "pulumi:pulumi:Stack";
const PROVIDER_TYPE_PREFIX: &str = "pulumi:providers:";

/// A text that isn't a URN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a URN: expected urn:pulumi:<stack>::<project>::<type>::<name>")]
pub struct InvalidUrn(pub String);

/// The type of a resource, `package:module:Name`, such as `aws:lambda/function:Function`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeToken(Arc<str>);

impl TypeToken {
    /// Takes the token as it is; the grammar isn't checked, since states may hold types of any package.
    pub fn new(token: impl Into<Arc<str>>) -> Self {
        Self(token.into())
    }

    /// The root resource's type.
    pub fn stack() -> Self {
        Self::new(STACK_TYPE)
    }

    /// The type of a package's provider resource, `pulumi:providers:<package>`.
    pub fn provider(package: &str) -> Self {
        Self::new(format!("{PROVIDER_TYPE_PREFIX}{package}"))
    }

    /// The whole token.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first colon: `aws`.
    pub fn package(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// The part after the last colon: `Function`.
    pub fn name(&self) -> &str {
        self.0.rsplit(':').next().unwrap_or_default()
    }

    /// Whether this is a provider resource's type.
    pub fn is_provider(&self) -> bool {
        self.0.starts_with(PROVIDER_TYPE_PREFIX)
    }

    /// Whether this is the root resource's type.
    pub fn is_stack(&self) -> bool {
        &*self.0 == STACK_TYPE
    }
}

/// Whether three separators stand in a text, none overlapping another. States hold many URNs: this is quicker than a search
/// for text.
fn has_four_parts(text: &str) -> bool {
    let (bytes, mut at, mut found) = (text.as_bytes(), 0, 0);
    while found < 3 && at + 1 < bytes.len() {
        let is_separator = bytes[at] == b':' && bytes[at + 1] == b':';
        found += usize::from(is_separator);
        at += 1 + usize::from(is_separator);
    }
    found == 3
}

/// The unique name of a resource within all stacks.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Urn(Arc<str>);

/// So that maps by name can be asked with the text of one, as records hold it.
impl std::borrow::Borrow<str> for Urn {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Urn {
    /// Builds a URN for a resource whose parent has the qualified type `parent_type`; `None` for a top-level resource or
    /// one whose parent is the root stack.
    pub fn new(stack: &str, project: &str, parent_type: Option<&str>, token: &TypeToken, name: &str) -> Self {
        match parent_type {
            Some(parent) if parent != STACK_TYPE => {
                Self(format!("{PREFIX}{stack}::{project}::{parent}${}::{name}", token.as_str()).into())
            }
            _ => Self(format!("{PREFIX}{stack}::{project}::{}::{name}", token.as_str()).into()),
        }
    }

    /// The URN of a stack's root resource, named `<project>-<stack>`.
    pub fn root(stack: &str, project: &str) -> Self {
        Self::new(stack, project, None, &TypeToken::stack(), &format!("{project}-{stack}"))
    }

    /// Reads a URN.
    ///
    /// # Errors
    /// [`InvalidUrn`] when the prefix or one of the three separators is missing.
    pub fn parse(text: &str) -> Result<Self, InvalidUrn> {
        let rest = text.strip_prefix(PREFIX).ok_or_else(|| InvalidUrn(text.to_owned()))?;
        if has_four_parts(rest) { Ok(Self(text.into())) } else { Err(InvalidUrn(text.to_owned())) }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, index: usize) -> &str {
        self.0[PREFIX.len()..].splitn(4, "::").nth(index).unwrap_or_default()
    }

    /// The stack's name.
    pub fn stack(&self) -> &str {
        self.part(0)
    }

    /// The project's name.
    pub fn project(&self) -> &str {
        self.part(1)
    }

    /// The types of all ancestors and the resource itself, joined with `$`.
    pub fn qualified_type(&self) -> &str {
        self.part(2)
    }

    /// The resource's own type.
    pub fn type_token(&self) -> TypeToken {
        TypeToken::new(self.type_name())
    }

    /// The resource's own type, as text.
    pub fn type_name(&self) -> &str {
        self.qualified_type().rsplit('$').next().unwrap_or_default()
    }

    /// The resource's name, which may itself contain `::`.
    pub fn name(&self) -> &str {
        self.part(3)
    }
}

macro_rules! text_type {
    ($type:ty, $make:expr) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                #[allow(clippy::redundant_closure_call)]
                ($make)(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_type!(TypeToken, |text: &str| Ok::<_, InvalidUrn>(TypeToken::new(text)));
text_type!(Urn, |text: &str| Urn::parse(text));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urn_is_split_at_the_first_three_separators() {
        let text = "urn:pulumi:test::simple::aws-apigateway:index:RestAPI$aws:apigateway/stage:Stage::a::b $ c";
        let urn = Urn::parse(text).unwrap();
        assert_eq!(urn.stack(), "test");
        assert_eq!(urn.project(), "simple");
        assert_eq!(urn.qualified_type(), "aws-apigateway:index:RestAPI$aws:apigateway/stage:Stage");
        assert_eq!(urn.type_token().as_str(), "aws:apigateway/stage:Stage");
        assert_eq!(urn.name(), "a::b $ c");
    }

    #[test]
    fn a_child_of_the_root_has_its_own_type_alone() {
        let token = TypeToken::new("aws:iam/role:Role");
        let urn = Urn::new("dev", "shop", Some(STACK_TYPE), &token, "api");
        assert_eq!(urn.as_str(), "urn:pulumi:dev::shop::aws:iam/role:Role::api");
        assert_eq!(Urn::root("dev", "shop").as_str(), "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev");
    }

    #[test]
    fn a_map_by_name_answers_to_the_text_of_one() {
        let root = Urn::root("dev", "shop");
        let known = std::collections::HashSet::from([root.clone()]);
        assert!(known.contains(root.as_str()) && !known.contains("urn:pulumi:dev"));
    }

    #[test]
    fn texts_that_miss_a_part_are_refused() {
        for text in ["", "urn:pulumi:", "urn:pulumi:a::b::c", "urn:pulumi:a::b:::c:", "urn:other:a::b::c::d"] {
            assert_eq!(Urn::parse(text), Err(InvalidUrn(text.to_owned())));
        }
    }
}
