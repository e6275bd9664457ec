//! What a component can be: the table of kinds, with what each is called.

use std::fmt;
use std::str::FromStr;

use resource_graph::{TypeToken, Urn};

use crate::domain::invalid::InvalidValue;

/// What a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ComponentKind {
    /// A handler without a gateway.
    Function,
    /// An HTTP server behind a gateway.
    RestApi,
}

/// Every kind with its name in the configuration and the type of its group resource in the state.
const KINDS: [(ComponentKind, &str, &str); 2] = [
    (ComponentKind::RestApi, "rest-api", "semantest:index:RestApi"),
    (ComponentKind::Function, "function", "semantest:index:Function"),
];

impl ComponentKind {
    /// The names of all kinds in the configuration.
    pub const NAMES: [&str; KINDS.len()] = {
        let mut names = [""; KINDS.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = KINDS[index].1;
            index += 1;
        }
        names
    };

    /// Every kind there is.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|(kind, ..)| *kind)
    }

    /// The name used in the configuration.
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// The URN of the group resource of the component `name`: what all resources of the component belong to.
    pub fn group_urn(self, project: &str, stack: &str, name: &str) -> Urn {
        Urn::new(stack, project, None, &TypeToken::new(self.row().2), name)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        // Every kind has its row: a test looks.
        KINDS.iter().find(|(kind, ..)| *kind == self).unwrap_or(&KINDS[0])
    }
}

/// The URNs that the group resource of the component `name` may have: one for each kind. What is recorded or wanted of them
/// tells which kind it is.
pub fn group_urns(project: &str, stack: &str, name: &str) -> impl Iterator<Item = Urn> {
    ComponentKind::all().map(move |kind| kind.group_urn(project, stack, name))
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for ComponentKind {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::all().find(|kind| kind.as_str() == text).ok_or_else(|| {
            InvalidValue::new("component kind", text, "there is no kind of that name")
                .with_hint(format!("the kinds are: {}", Self::NAMES.join(", ")))
        })
    }
}
