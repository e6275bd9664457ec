//! Moving resources between two stacks of the store.

use std::sync::Arc;

use state::{Deployment, Move, Moved};

use super::edits::{changed_meanwhile, edit_error, near_names};
use super::{StateAdministration, give_back};
use crate::adapters::state_store::Loaded;
use crate::adapters::state_store::secrets::StackSecrets;
use crate::ports::{
    BrokenReference, LockRequest, MovePlan, MoveRequest, NoticeHandler, Reference, StoreError, StoreErrorKind,
};

/// A move that was worked out.
struct WorkedOut {
    source: (Deployment, Loaded),
    destination: (Deployment, Loaded),
    plan: MovePlan,
}

impl StateAdministration {
    pub(super) async fn plan_resource_move(&self, request: &MoveRequest) -> Result<MovePlan, StoreError> {
        Ok(self.work_out_move(request).await?.plan)
    }

    pub(super) async fn make_move(
        &self,
        request: &MoveRequest,
        plan: &MovePlan,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError> {
        // In the same order whoever moves and whichever way, so that two moves never wait for each other.
        let (first, second) = match request.source < request.destination {
            true => (&request.source, &request.destination),
            false => (&request.destination, &request.source),
        };
        let first_lock = self.stack(first)?.take_lock(lock, None, notices).await?;
        let second_lock = match self.stack(second)?.take_lock(lock, None, notices).await {
            Ok(lock) => lock,
            Err(error) => return give_back(first_lock, Err(error)).await,
        };
        let (source_lock, destination_lock) = match request.source < request.destination {
            true => (&first_lock, &second_lock),
            false => (&second_lock, &first_lock),
        };
        let made = async {
            let WorkedOut { source, destination, plan: now } = self.work_out_move(request).await?;
            if now != *plan {
                return Err(changed_meanwhile(&request.source));
            }
            // There first: cut off in between, the resources are in both stacks rather than in none.
            self.save(destination_lock, destination.0, &destination.1).await?;
            self.save(source_lock, source.0, &source.1).await.map_err(|error| StoreError {
                message: format!(
                    "{}\nThe resources are in '{}' already, and still in '{}', too",
                    error.message,
                    request.destination.qualified(),
                    request.source.qualified()
                ),
                hint: Some("run the same command again: it takes them out of the stack that they were in".to_owned()),
                ..error
            })
        };
        let made = made.await;
        let made = give_back(second_lock, made).await;
        give_back(first_lock, made).await
    }

    async fn work_out_move(&self, request: &MoveRequest) -> Result<WorkedOut, StoreError> {
        if request.source == request.destination {
            let message = "the stack to move to is the one that the resources are in";
            return Err(StoreError::new(StoreErrorKind::Unsupported, message));
        }
        let source = self.load_sound(&request.source).await?;
        let destination = self.load_sound(&request.destination).await?;
        self.refuse_open(&request.source, &source).await?;
        self.refuse_open(&request.destination, &destination).await?;
        let (mut here, mut there) = (Deployment::clone(&source.deployment), destination.settled());
        let (from, to): (Arc<StackSecrets>, _) = (Arc::clone(&source.secrets), Arc::clone(&destination.secrets));
        let what = Move {
            urns: &request.urns,
            include_parents: request.include_parents,
            from: (&request.source.project, &request.source.stack),
            to: (&request.destination.project, &request.destination.stack),
        };
        let moved = here.move_resources(&mut there, &what, from.as_ref(), to.as_ref()).map_err(|error| {
            let error = edit_error(&error, &source.deployment);
            match error.kind {
                StoreErrorKind::Missing => {
                    StoreError { hint: Some(near_names(&request.urns, &source.deployment)), ..error }
                }
                _ => error,
            }
        })?;
        there.secrets_provider = to.provider();
        let plan = plan_of(moved, format!("{} {}", source.version(), destination.version()));
        Ok(WorkedOut { source: (here, source), destination: (there, destination), plan })
    }
}

fn plan_of(moved: Moved, version: String) -> MovePlan {
    let broken = |list: Vec<state::BrokenReference>| {
        let broken = list.into_iter().map(|it| BrokenReference {
            urn: it.urn.to_string(),
            reference: Reference { kind: it.kind.to_string(), target: it.target.to_string() },
        });
        broken.collect()
    };
    let names = |urns: Vec<resource_graph::Urn>| urns.iter().map(ToString::to_string).collect();
    MovePlan {
        moved: moved.resources.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect(),
        already_there: names(moved.already_there),
        providers: names(moved.providers),
        missing: names(moved.missing),
        broken_in_source: broken(moved.broken_here),
        broken_in_destination: broken(moved.broken_there),
        version,
    }
}
