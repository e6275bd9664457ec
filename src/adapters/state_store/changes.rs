//! The fold of checkpoint changes over a state.

use resource_graph::Urn;
use state::{Deployment, Editor, Json, Resource};

use crate::domain::deployment::ResourceImage;
use crate::ports::{CheckpointChange, StoreError, StoreErrorKind};

/// Applies changes in their order; the result is in the order that a state's rules ask for.
///
/// # Errors
/// When an image isn't a resource.
pub fn apply(deployment: &mut Deployment, changes: &[CheckpointChange]) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut editor = deployment.edit();
    for change in changes {
        match change {
            CheckpointChange::Put { urn, image } => put(&mut editor, urn, resource_of(image)?),
            CheckpointChange::PutReplacement { urn, image } => {
                let lives = editor.resource(urn).is_some_and(|resource| !resource.pending_replacement);
                if lives {
                    editor.mark_for_deletion(urn);
                }
                put(&mut editor, urn, resource_of(image)?);
            }
            CheckpointChange::RemoveReplaced { urn, id } => {
                // Delete first, then create: what lives waits for its replacement.
                if !editor.remove_leftover(urn, id.as_deref())
                    && let Some(resource) = editor.resource_mut(urn)
                    && resource.id == *id
                {
                    resource.edit().pending_replacement = true;
                }
            }
            CheckpointChange::Gone { urn } => {
                if let Some(resource) = editor.resource_mut(urn) {
                    resource.edit().pending_replacement = true;
                }
            }
            CheckpointChange::Remove { urn } => {
                editor.remove(urn);
            }
        }
    }
    editor.finish();
    Ok(())
}

fn put(editor: &mut Editor<'_>, urn: &Urn, resource: Resource) {
    match editor.resource_mut(urn) {
        Some(place) => *place = resource,
        None => editor.add(resource),
    }
}

/// A resource from its image.
///
/// # Errors
/// When the image isn't a resource.
pub fn resource_of(image: &ResourceImage) -> Result<Resource, StoreError> {
    let corrupt = |error: String| StoreError {
        kind: StoreErrorKind::Corrupt,
        message: format!("the journal holds something that isn't a resource: {error}"),
        hint: None,
    };
    let json = Json::new(image.0.get()).map_err(|error| corrupt(error.to_string()))?;
    Resource::from_json(json).map_err(|error| corrupt(error.to_string()))
}
