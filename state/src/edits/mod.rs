//! Edits of a state by hand, as `pulumi state` makes them: with its refusals and, where people know them, its texts.
//!
//! An edit changes a state in memory and says what it changed; whether and where the result is kept isn't its business.

mod delete;
mod protect;
mod relocate;
mod rename;

use resource_graph::Urn;

use crate::codec::value::ValueError;
use crate::model::deployment::Deployment;
pub use delete::DeletedResource;
pub use relocate::{BrokenReference, Move, Moved};

/// An edit that isn't made; the state is then to be thrown away.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// Resources that aren't there.
    #[error("{}", missing(urns))]
    NoSuchResource {
        /// Their names.
        urns: Vec<Urn>,
    },
    /// A name that several resources have: the live one and old copies, or old copies alone.
    #[error("Resource URN ambiguously referred to multiple resources. Did you mean:\n{}", lines(ids))]
    Ambiguous {
        /// The name.
        urn: Urn,
        /// Ids of the resources.
        ids: Vec<String>,
    },
    /// Others depend on the resource.
    #[error("{urn} can't be safely deleted because the following resources depend on it:\n{}", lines(dependents))]
    HasDependents {
        /// The resource.
        urn: Urn,
        /// Those that depend on it, directly or not, in the state's order.
        dependents: Vec<Urn>,
    },
    /// The resource refuses to be deleted.
    #[error("{urn} can't be safely deleted because it is protected")]
    Protected {
        /// The resource.
        urn: Urn,
    },
    /// Another resource has the name already.
    #[error("The chosen new urn for the state corresponds to an already existing resource: {urn}")]
    NameTaken {
        /// The name.
        urn: Urn,
    },
    /// A resource can't have the name.
    #[error("'{name}' can't be a resource's name")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// The root's name follows from the stack's.
    #[error("the root resource of a stack can't be renamed: its name is the stack's")]
    RenamesRoot,
    /// A provider was to be moved.
    #[error("cannot move providers. Only resources can be moved, and providers will be included automatically")]
    MovesProvider,
    /// Nothing of what was to be moved is there.
    #[error("no resources found to move")]
    NothingToMove,
    /// The stack to move to has a resource of that name.
    #[error("resource {urn} already exists in destination stack")]
    ExistsThere {
        /// Its name there.
        urn: Urn,
    },
    /// The stack to move to has a provider of that name which isn't the same.
    #[error("provider {urn} already exists in destination stack")]
    ProviderExistsThere {
        /// Its name there.
        urn: Urn,
    },
    /// A value can't be read or written.
    #[error(transparent)]
    Value(#[from] ValueError),
}

impl EditError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::HasDependents { .. } => "Delete those resources first or pass --target-dependents",
                Self::Protected { .. } => "Re-run this command with --force to force deletion",
                Self::Ambiguous { .. } => {
                    "old copies go with the next `deploy` or `destroy`; after that the name stands for one resource"
                }
                Self::RenamesRoot => "rename the stack: `semantest-iac stack rename`",
                Self::Value(error) => return error.hint(),
                _ => return None,
            }
            .to_owned(),
        )
    }
}

fn missing(urns: &[Urn]) -> String {
    let lines: Vec<String> =
        urns.iter().map(|urn| format!("No such resource \"{urn}\" exists in the current state")).collect();
    lines.join("\n")
}

fn lines(items: &[impl std::fmt::Display]) -> String {
    let lines: Vec<String> = items.iter().map(|item| format!("  {item}")).collect();
    lines.join("\n")
}

impl Deployment {
    /// Places of all resources of a name.
    fn places(&self, urn: &Urn) -> Vec<usize> {
        let resources = self.resources.iter().enumerate();
        resources.filter(|(_, resource)| resource.urn == *urn).map(|(place, _)| place).collect()
    }

    /// The place of the one resource of each name.
    fn only_places(&self, urns: &[Urn]) -> Result<Vec<usize>, EditError> {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for urn in urns {
            match *self.places(urn).as_slice() {
                [] => missing.push(urn.clone()),
                [place] if found.contains(&place) => {}
                [place] => found.push(place),
                ref places => {
                    let id = |place: &usize| self.resources[*place].id.clone().unwrap_or_default();
                    return Err(EditError::Ambiguous { urn: urn.clone(), ids: places.iter().map(id).collect() });
                }
            }
        }
        match missing.is_empty() {
            true => Ok(found),
            false => Err(EditError::NoSuchResource { urns: missing }),
        }
    }
}
