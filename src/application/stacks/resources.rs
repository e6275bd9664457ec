//! The resources of a state, as a list.

use schemars::JsonSchema;
use serde::Serialize;

use crate::application::ApplicationError;
use crate::ports::{RecordedResource, StackAddress, StackAdministration};

/// A resource of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceEntry {
    /// Its name among all.
    pub urn: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_token: String,
    /// Its own name.
    pub name: String,
    /// Its id in the cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The resource that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Whether a provider manages it; `false` for the root and for components.
    pub custom: bool,
    /// Whether it refuses to be deleted.
    pub protect: bool,
    /// It is read, and not owned by the stack.
    pub external: bool,
    /// An old copy that waits to be deleted.
    pub pending_deletion: bool,
    /// Deleted already, and waiting to be made again.
    pub pending_replacement: bool,
}

impl ResourceEntry {
    fn of(resource: &RecordedResource) -> Self {
        let (urn, marks) = (resource.urn(), resource.marks());
        Self {
            urn: urn.to_string(),
            type_token: urn.type_name().to_owned(),
            name: urn.name().to_owned(),
            id: resource.id().map(str::to_owned),
            parent: resource.parent().map(str::to_owned),
            custom: marks.custom,
            protect: marks.protect,
            external: marks.external,
            pending_deletion: marks.pending_deletion,
            pending_replacement: marks.pending_replacement,
        }
    }
}

/// The resources of a stack in the state's order.
///
/// # Errors
/// When there is no such stack, or it can't be read.
pub async fn resources(
    store: &dyn StackAdministration,
    stack: &StackAddress,
) -> Result<Vec<ResourceEntry>, ApplicationError> {
    Ok(store.resources(stack).await?.iter().map(ResourceEntry::of).collect())
}
