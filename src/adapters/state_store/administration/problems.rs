//! Everything that is wrong with a stack, told together (SPEC.md section 1.9 and what is ours).

use state::{Checkpoint, Deployment};

use super::StateAdministration;
use crate::adapters::causes::with_causes;
use crate::adapters::state_store::secrets::StackSecrets;
use crate::adapters::state_store::{OpenJournal, changes, store_error};
use crate::ports::{StackAddress, StateProblem, StoreError};

/// What to do where secrets can't be decrypted.
const WRONG_KEY: &str = "nothing says that the state is damaged: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to the \
                         passphrase, or use credentials that may use the key, which the stack's secrets were encrypted with";

impl StateAdministration {
    pub(super) async fn all_problems(
        &self,
        address: &StackAddress,
        secrets: bool,
    ) -> Result<Vec<StateProblem>, StoreError> {
        let id = Self::id(address)?;
        let mut problems = Vec::new();
        let checkpoint = match self.store.load_unverified(&id).await {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                problems.push(of_store(&error));
                None
            }
        };
        let journal = match self.store.read_journal(&id).await {
            Ok(journal) => journal,
            Err(error) => {
                problems.push(of_store(&error));
                None
            }
        };
        if checkpoint.is_none() && journal.is_none() && problems.is_empty() {
            return Err(self.no_such_stack(address).await);
        }
        let mut deployment = Deployment::default();
        if let Some(loaded) = &checkpoint {
            problems.extend(wrong_name(&loaded.checkpoint, address).map(of_order));
            if let Some(latest) = &loaded.checkpoint.latest {
                problems.extend(rules(latest).into_iter().map(of_order));
                problems.extend(foreign(latest, address).into_iter().map(of_order));
                deployment.clone_from(latest);
            }
        }
        if let Some(contents) = journal {
            match OpenJournal::of(&contents, checkpoint.as_ref()) {
                Ok(journal) => {
                    let recorded = journal.changes(&deployment);
                    let folded = changes::apply(&mut deployment, &recorded);
                    problems.extend(folded.err().map(|error| of_order(error.message)));
                    let after = rules(&deployment).into_iter().map(|it| format!("with the journal folded in: {it}"));
                    let is_known = |it: &String| problems.iter().any(|known| it.ends_with(known.message.as_str()));
                    let new: Vec<StateProblem> = after.filter(|it| !is_known(it)).map(of_order).collect();
                    problems.extend(new);
                }
                Err(error) => {
                    problems.push(StateProblem { message: error.message, hint: error.hint, repairable: false })
                }
            }
        }
        let history = self.store.history(&id, usize::MAX).await;
        problems.extend(history.err().map(|error| of_store(&error)));
        let tags = self.store.tags(&id).await;
        problems.extend(tags.err().map(|error| of_store(&error)));
        if secrets {
            let manager = StackSecrets::new(deployment.secrets_provider.clone(), self.access.clone());
            // Whoever has the wrong key is told so, and not that the state is damaged.
            problems.extend(deployment.check_secrets(&manager).err().map(|error| StateProblem {
                message: with_causes(&error),
                hint: Some(WRONG_KEY.to_owned()),
                repairable: false,
            }));
        }
        Ok(problems)
    }
}

/// What a repair may put right: the order of the state itself.
fn of_order(message: String) -> StateProblem {
    StateProblem { message, hint: None, repairable: true }
}

fn of_store(error: &state::Error) -> StateProblem {
    let StoreError { message, hint, .. } = store_error(error);
    StateProblem { message, hint, repairable: false }
}

fn rules(deployment: &Deployment) -> Vec<String> {
    let broken = deployment.verify().err().into_iter().flat_map(|error| error.problems);
    let mut problems: Vec<String> = broken.map(|problem| problem.message).collect();
    if deployment.secrets_provider.is_none() && deployment.contains_secret() {
        problems.push("snapshot contains encrypted secrets but no secrets manager could be found".to_owned());
    }
    problems
}

/// The name in the file is another than that of the file.
fn wrong_name(checkpoint: &Checkpoint, address: &StackAddress) -> Option<String> {
    let (found, expected) = (&checkpoint.stack, address.qualified());
    (*found != expected).then(|| format!("the checkpoint says that it is of the stack '{found}', not '{expected}'"))
}

fn foreign(deployment: &Deployment, address: &StackAddress) -> Vec<String> {
    let resources = deployment.resources.iter().filter(|resource| resource.urn.stack() != address.stack);
    let told = resources.map(|resource| {
        let (urn, stack) = (&resource.urn, resource.urn.stack());
        format!("resource '{urn}' is from a different stack ({stack} != {})", address.stack)
    });
    told.collect()
}
