//! Edits of a state by hand: planned on what is there, shown, and made under the lock if nothing has changed since.

use resource_graph::Urn;
use state::{Deployment, EditError};

use super::{StateAdministration, give_back};
use crate::adapters::state_store::Loaded;
use crate::adapters::state_store::secrets::StackSecrets;
use crate::ports::{
    EditChange, EditPlan, LockRequest, NoticeHandler, Reference, StackAddress, StateEdit, StoreError, StoreErrorKind,
    Targets,
};

/// An edit that was worked out.
struct Edited {
    loaded: Loaded,
    deployment: Deployment,
    plan: EditPlan,
}

impl StateAdministration {
    pub(super) async fn plan_state_edit(
        &self,
        address: &StackAddress,
        edit: &StateEdit,
    ) -> Result<EditPlan, StoreError> {
        Ok(self.work_out(address, edit).await?.plan)
    }

    pub(super) async fn edit_state(
        &self,
        address: &StackAddress,
        edit: &StateEdit,
        plan: &EditPlan,
        request: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        let lock = self.stack(address)?.take_lock(request, None, notices).await?;
        let made = async {
            let edited = self.work_out(address, edit).await?;
            if edited.plan != *plan {
                return Err(changed_meanwhile(address));
            }
            self.save(&lock, edited.deployment, &edited.loaded).await
        };
        let made = made.await;
        give_back(lock, made).await
    }

    async fn work_out(&self, address: &StackAddress, edit: &StateEdit) -> Result<Edited, StoreError> {
        let loaded = match edit {
            StateEdit::Repair => self.load(address).await?,
            _ => self.load_sound(address).await?,
        };
        self.refuse_open(address, &loaded).await?;
        let mut deployment = Deployment::clone(&loaded.deployment);
        let result = apply(&mut deployment, edit, &loaded.secrets);
        let (changes, remaining) = result.map_err(|error| edit_error(&error, &loaded.deployment))?;
        let plan = EditPlan { changes, remaining, version: loaded.version() };
        Ok(Edited { loaded, deployment, plan })
    }
}

/// Makes an edit in memory: its changes, and what it couldn't put right.
fn apply(
    deployment: &mut Deployment,
    edit: &StateEdit,
    secrets: &StackSecrets,
) -> Result<(Vec<EditChange>, Vec<String>), EditError> {
    let changes = match edit {
        StateEdit::Delete { targets, force, dependents } => {
            let deleted = deployment.delete_resources(names(targets), *force, *dependents)?;
            let change = |it: state::DeletedResource| EditChange::Delete {
                urn: it.urn.to_string(),
                id: it.id,
                protected: it.protected,
                dependent: it.dependent,
            };
            deleted.into_iter().map(change).collect()
        }
        StateEdit::Rename { urn, name } => {
            let new = deployment.rename_resource(urn, name, secrets)?;
            new.into_iter().map(|new| EditChange::Rename { from: urn.to_string(), to: new.to_string() }).collect()
        }
        StateEdit::Protect { targets, protect } => {
            let changed = deployment.set_protection(names(targets), *protect)?;
            let change = |urn: Urn| match protect {
                true => EditChange::Protect { urn: urn.to_string() },
                false => EditChange::Unprotect { urn: urn.to_string() },
            };
            changed.into_iter().map(change).collect()
        }
        StateEdit::Repair => {
            let repair = deployment.repair();
            let changes = repair_changes(&repair);
            *deployment = repair.deployment;
            return Ok((changes, repair.remaining.into_iter().map(|problem| problem.message).collect()));
        }
    };
    Ok((changes, Vec::new()))
}

fn names(targets: &Targets) -> Option<&[Urn]> {
    match targets {
        Targets::All => None,
        Targets::Only(urns) => Some(urns),
    }
}

fn repair_changes(repair: &state::Repair) -> Vec<EditChange> {
    let moved =
        repair.moved.iter().map(|it| EditChange::Reorder { urn: it.urn.to_string(), pending_deletion: it.leftover });
    let copies = repair.copies.iter().map(|urn| EditChange::DropCopy { urn: urn.to_string() });
    let changed = repair.changed.iter().map(|it| EditChange::Repoint {
        urn: it.urn.to_string(),
        renamed: it.renamed.as_ref().map(ToString::to_string),
        pending_deletion: it.leftover,
        dropped: it
            .dropped
            .iter()
            .map(|dropped| Reference { kind: dropped.kind.to_string(), target: dropped.target.to_string() })
            .collect(),
    });
    moved.chain(copies).chain(changed).collect()
}

/// The port's error for an edit that isn't made, with near names where a name isn't there.
pub(super) fn edit_error(error: &EditError, deployment: &Deployment) -> StoreError {
    let kind = match error {
        EditError::NoSuchResource { .. } | EditError::NothingToMove | EditError::InvalidName { .. } => {
            StoreErrorKind::Missing
        }
        EditError::Value(state::ValueError::Secrets { .. }) => StoreErrorKind::Secrets,
        _ => StoreErrorKind::Refused,
    };
    let mut message = error.to_string();
    if let EditError::Value(value) = error {
        message = crate::adapters::causes::with_causes(value);
    }
    let hint = match error {
        EditError::NoSuchResource { urns } => Some(near_names(urns, deployment)),
        other => other.hint(),
    };
    StoreError { kind, message, hint }
}

/// How many near names are given.
const MOST_NEAR: usize = 3;

/// The names that were most likely meant.
pub(super) fn near_names(urns: &[Urn], deployment: &Deployment) -> String {
    let list = "`semantest-iac state ls --urns` lists the names";
    let mut near: Vec<(usize, &str)> = Vec::new();
    for urn in urns {
        let wanted = urn.as_str().to_lowercase();
        for resource in &deployment.resources {
            let name = resource.urn.as_str();
            let distance = strsim::levenshtein(&wanted, &name.to_lowercase());
            if distance <= (wanted.len() / 4).max(2) && !near.iter().any(|(_, known)| *known == name) {
                near.push((distance, name));
            }
        }
    }
    near.sort_by_key(|(distance, _)| *distance);
    match near.is_empty() {
        true => list.to_owned(),
        false => {
            let names: Vec<String> = near.iter().take(MOST_NEAR).map(|(_, name)| format!("\n  {name}")).collect();
            format!("did you mean:{}\n{list}", names.concat())
        }
    }
}

/// The error when a state isn't the one any more that an edit was planned on.
pub(super) fn changed_meanwhile(address: &StackAddress) -> StoreError {
    let message =
        format!("the state of '{}' was changed since it was looked at; nothing was written", address.qualified());
    StoreError::new(StoreErrorKind::Refused, message)
        .with_hint("run the command again; it starts from what is there now")
}
