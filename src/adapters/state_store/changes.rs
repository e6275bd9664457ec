//! The fold of checkpoint changes over a state. Folding the same changes again, over a state that holds them already, leaves
//! it as it is: a process may die between the last checkpoint and the end of its journal.

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
            CheckpointChange::Adopt { urn, from, image } => {
                let resource = resource_of(image)?;
                if !editor.rename(from, resource.clone()) {
                    put(&mut editor, urn, resource);
                }
            }
            CheckpointChange::PutReplacement { urn, image, taken_back } => {
                let new = resource_of(image)?;
                if *taken_back {
                    editor.remove_leftover(urn, |copy| copy.id == new.id);
                }
                // One that was made at the same time is the new one already.
                let is_new = |old: &Resource| (&old.id, &old.created) == (&new.id, &new.created);
                let lives = |old: &Resource| !old.pending_replacement && !is_new(old);
                if editor.resource(urn).is_some_and(lives) {
                    editor.mark_for_deletion(urn);
                }
                put(&mut editor, urn, new);
            }
            CheckpointChange::RemoveReplaced { urn, id, created } => {
                let is_it = |copy: &Resource| (&copy.id, &copy.created) == (id, created);
                // Delete first, then create: what lives waits for its replacement.
                if !editor.remove_leftover(urn, is_it)
                    && let Some(resource) = editor.resource_mut(urn)
                    && is_it(resource)
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
            CheckpointChange::Settled { .. } => {}
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

#[cfg(test)]
mod tests {
    use resource_graph::TypeToken;

    use super::*;

    fn urn() -> Urn {
        Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), "x")
    }

    /// `id`, or `id@created`.
    fn parts(copy: &str) -> (&str, &str) {
        copy.split_once('@').unwrap_or((copy, "0"))
    }

    fn image(copy: &str) -> ResourceImage {
        let (id, created) = parts(copy);
        let json = serde_json::json!({ "urn": urn(), "custom": true, "type": "a:b:C", "id": id, "created": created });
        ResourceImage(serde_json::value::RawValue::from_string(json.to_string()).unwrap().into())
    }

    fn put(copy: &str) -> CheckpointChange {
        CheckpointChange::Put { urn: urn(), image: image(copy) }
    }

    fn replaced_by(copy: &str) -> CheckpointChange {
        CheckpointChange::PutReplacement { urn: urn(), image: image(copy), taken_back: false }
    }

    fn taken_back(copy: &str) -> CheckpointChange {
        CheckpointChange::PutReplacement { urn: urn(), image: image(copy), taken_back: true }
    }

    fn without(copy: &str) -> CheckpointChange {
        let (id, created) = parts(copy);
        CheckpointChange::RemoveReplaced { urn: urn(), id: Some(id.into()), created: Some(created.into()) }
    }

    /// Ids with their marks: `-` waits to be deleted, `?` waits for its replacement.
    fn shown(deployment: &Deployment) -> Vec<String> {
        let resources = deployment.resources.iter();
        let shown = resources.map(|resource| {
            let mark = if resource.delete {
                "-"
            } else if resource.pending_replacement {
                "?"
            } else {
                ""
            };
            format!("{mark}{}", resource.id.as_deref().unwrap_or_default())
        });
        shown.collect()
    }

    #[test]
    fn every_beginning_of_a_replacement_is_a_state_and_folds_twice_to_the_same() {
        let sequences = [
            // The new one first, also beside a copy that an earlier replacement left.
            (vec![put("old")], vec![replaced_by("new"), without("old")], vec!["new -old", "new"]),
            (
                vec![put("older"), replaced_by("old")],
                vec![replaced_by("new"), without("older"), without("old")],
                vec!["new -old -older", "new -old", "new"],
            ),
            // An old copy that is taken back.
            (
                vec![put("first"), replaced_by("second")],
                vec![taken_back("first@1"), without("second")],
                vec!["first -second", "first"],
            ),
            // The old one first, with another id and with the same.
            (vec![put("old")], vec![without("old"), replaced_by("new")], vec!["?old", "new"]),
            (vec![put("name")], vec![without("name"), replaced_by("name@1")], vec!["?name", "name"]),
            // One whose id is unique only within what is replaced with it.
            (vec![put("name")], vec![replaced_by("name@1"), without("name")], vec!["name -name", "name"]),
            (
                vec![put("left"), replaced_by("old")],
                vec![without("old"), replaced_by("new"), without("left")],
                vec!["?old -left", "new -left", "new"],
            ),
        ];
        for (before, changes, expected) in sequences {
            for (count, expected) in (1..=changes.len()).zip(expected) {
                let mut deployment = Deployment::default();
                apply(&mut deployment, &before).unwrap();
                apply(&mut deployment, &changes[..count]).unwrap();
                assert_eq!(shown(&deployment).join(" "), expected, "{count} of {changes:?}");
                apply(&mut deployment, &changes[..count]).unwrap();
                assert_eq!(shown(&deployment).join(" "), expected, "{count} of {changes:?}, twice");
            }
        }
    }
}
