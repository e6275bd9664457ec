//! The stacks of a store.

use schemars::JsonSchema;
use serde::Serialize;

use crate::application::ApplicationError;
use crate::ports::{StackAddress, StackAdministration, StackEntry};

/// A stack in a list. The first five members are those of `pulumi stack ls --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StackListEntry {
    /// Its name; with project and organization where it isn't of the project that is worked on.
    pub name: String,
    /// Whether it is the one that commands are about when none is named.
    pub current: bool,
    /// When its state was last written, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update: Option<String>,
    /// Whether a deployment of it is under way.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub update_in_progress: bool,
    /// How many resources its state holds, the root included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_count: Option<usize>,
    /// Its project.
    pub project: String,
    /// The environment of the configuration that deploys to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Whether it is there; `false` for one that the configuration has and nobody has made yet.
    pub exists: bool,
    /// Whether its files are sealed: then only who has its key can say more of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
    /// Who holds its lock, from where, since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_by: Option<String>,
    /// A deployment that was cut off, and that the next `deploy` or `destroy` settles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// Why its state can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What is known of stacks beside the store.
#[derive(Clone, Debug, Default)]
pub struct Workplace {
    /// The project that is worked on.
    pub project: Option<String>,
    /// The stack that commands are about when none is named.
    pub current: Option<StackAddress>,
    /// The stacks of the configuration, each with its environment.
    pub configured: Vec<(StackAddress, String)>,
}

/// The stacks of `project` (all stacks without one) and those that the configuration has, by name.
///
/// # Errors
/// When the store can't be read.
pub async fn list(
    store: &dyn StackAdministration,
    project: Option<&str>,
    workplace: &Workplace,
) -> Result<Vec<StackListEntry>, ApplicationError> {
    let found = store.stacks(project).await?;
    let is_listed = |address: &StackAddress| project.is_none_or(|project| project == address.project);
    let not_made = workplace
        .configured
        .iter()
        .filter(|(address, _)| is_listed(address) && !found.iter().any(|entry| entry.address == *address));
    let mut stacks: Vec<(StackAddress, StackListEntry)> = not_made
        .map(|(address, _)| (address.clone(), entry_of(address, None, workplace)))
        .chain(found.iter().map(|entry| (entry.address.clone(), entry_of(&entry.address, Some(entry), workplace))))
        .collect();
    stacks.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(stacks.into_iter().map(|(_, entry)| entry).collect())
}

fn entry_of(address: &StackAddress, found: Option<&StackEntry>, workplace: &Workplace) -> StackListEntry {
    let environment = workplace.configured.iter().find(|(configured, _)| configured == address);
    let holder = found.and_then(|entry| entry.holder.clone());
    let open = found.and_then(|entry| entry.open_deployment.clone());
    StackListEntry {
        name: address.shown_in(workplace.project.as_deref()),
        current: workplace.current.as_ref() == Some(address),
        last_update: found.and_then(|entry| entry.updated.clone()),
        update_in_progress: holder.is_some() && open.is_some(),
        resource_count: found.and_then(|entry| entry.resources),
        project: address.project.clone(),
        environment: environment.map(|(_, environment)| environment.clone()),
        exists: found.is_some(),
        sealed: found.is_some_and(|entry| entry.sealed),
        // A deployment that nobody carries out any more was cut off.
        interrupted: open.filter(|_| holder.is_none()),
        locked_by: holder,
        problem: found.and_then(|entry| entry.problem.clone()),
    }
}
