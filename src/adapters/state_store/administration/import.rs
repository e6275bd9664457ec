//! Putting a state in the place of a stack's own: the steps and refusals of `pulumi stack import` (SPEC.md section 1.10).

use bytes::Bytes;
use state::{Checkpoint, Deployment, Export, Origin, SecretsError, SecretsProvider, StackLock, ValueError};

use super::{StateAdministration, give_back};
use crate::adapters::state_store::secrets::StackSecrets;
use crate::adapters::state_store::{Loaded, store_error};
use crate::ports::{LockRequest, NoticeHandler, StackAddress, StackImportRequest, StoreError, StoreErrorKind};

/// The manager that only Pulumi Cloud can open.
const SERVICE: &str = "service";

impl StateAdministration {
    pub(super) async fn import_state(
        &self,
        address: &StackAddress,
        request: StackImportRequest,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<Vec<String>, StoreError> {
        let origin = Origin { file: &request.file, stack: &address.stack };
        let export = Export::read(Bytes::from(request.content), origin).map_err(|error| not_imported(&error))?;
        let deployment = export.deployment.ok_or_else(|| {
            StoreError::new(
                StoreErrorKind::Refused,
                format!("{} holds no state: there is nothing to import", request.file),
            )
        })?;
        // There must be such a stack before a lock is taken for it.
        self.load(address).await?;
        let lock = self.stack(address)?.take_lock(lock, None, notices).await?;
        let imported = self.import_locked(address, deployment, request.force, &lock).await;
        give_back(lock, imported).await
    }

    async fn import_locked(
        &self,
        address: &StackAddress,
        mut deployment: Deployment,
        force: bool,
        lock: &StackLock,
    ) -> Result<Vec<String>, StoreError> {
        let loaded = self.load(address).await?;
        let mut warnings = Vec::new();
        if let Some(open) = loaded.open_deployment() {
            let message = format!("deployment {open} of '{}' hasn't come to its end", address.qualified());
            if !force {
                return Err(StoreError::new(StoreErrorKind::Refused, message).with_hint(
                    "run `deploy` (or `destroy`) to settle it, and import then; --force imports all the same: what the \
                     deployment has recorded since its last checkpoint is then looked for in the cloud by the next one",
                ));
            }
            warnings.push(format!("{message}; the next deployment settles it on the imported state"));
        }
        let lost_secrets = deployment.has_lost_secrets();
        self.protect_secrets(&mut deployment, &loaded, &mut warnings)?;
        let mut problems = problems_of(&deployment, address);
        let is_sound = problems.is_empty();
        if lost_secrets {
            problems.push(
                "every secret in the file is null, as older versions of `pulumi stack export --show-secrets` wrote them when \
                 the passphrase was wrong: export it again with the right one"
                    .to_owned(),
            );
        }
        if !problems.is_empty() && !force {
            let advice = "importing this file could be dangerous; rerun with --force to proceed anyway";
            return Err(StoreError::new(StoreErrorKind::Refused, format!("{}\n{advice}", problems.join("\n"))));
        }
        warnings.extend(problems);
        for operation in std::mem::take(&mut deployment.pending_operations) {
            let (kind, urn) = (&operation.kind, &operation.resource.urn);
            warnings.push(format!("removing pending operation '{kind}' on '{urn}' from snapshot"));
        }
        let mut checkpoint = Checkpoint::new(lock.stack(), deployment);
        if let Some(before) = &loaded.checkpoint {
            checkpoint.unknown.clone_from(&before.checkpoint.unknown);
        }
        let base = loaded.checkpoint.as_ref().map(|before| &before.revision);
        let saved = match is_sound {
            true => self.store.save(lock, &checkpoint, base).await,
            false => self.store.save_unverified(lock, &checkpoint, base).await,
        };
        saved.map_err(|error| store_error(&error))?;
        Ok(warnings)
    }

    /// Makes sure that every secret can be decrypted and stands nowhere in the clear. The state keeps its own manager, as
    /// with Pulumi; where it names none, or only Pulumi Cloud's, the stack's takes over.
    fn protect_secrets(
        &self,
        deployment: &mut Deployment,
        loaded: &Loaded,
        warnings: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        let before = loaded.deployment.secrets_provider.clone();
        let own = deployment.secrets_provider.take();
        let (provider, advice) = match own {
            None => (before.clone(), Some(SecretsError::NoManager)),
            Some(SecretsProvider { kind, .. }) if kind == SERVICE => {
                (before.clone(), Some(SecretsError::Unsupported { kind: SERVICE.to_owned() }))
            }
            Some(own) => (Some(own), None),
        };
        let secrets = StackSecrets::new(provider.clone(), self.access.clone());
        deployment.encrypt_secrets(&secrets).map_err(|error| match advice {
            // Without its own manager nobody can decrypt it.
            Some(advice) if is_undecryptable(&error) => store_error(&advice.into()),
            _ => store_error(&error.into()),
        })?;
        deployment.secrets_provider = secrets.provider();
        if before.is_some() && provider.is_some() && before != provider {
            warnings.push(
                "the imported state has another secrets manager than the stack had: Pulumi.<stack>.yaml must name the \
                 same one"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

fn is_undecryptable(error: &ValueError) -> bool {
    match error {
        ValueError::At { source, .. } => is_undecryptable(source),
        ValueError::Secrets(error) => !matches!(error, SecretsError::NoPassphrase | SecretsError::PassphraseSource(_)),
        _ => false,
    }
}

/// What makes an import dangerous, in Pulumi's words.
fn problems_of(deployment: &Deployment, address: &StackAddress) -> Vec<String> {
    let foreign = deployment.resources.iter().filter(|resource| resource.urn.stack() != address.stack);
    let mut problems: Vec<String> = foreign
        .map(|resource| {
            let (urn, stack) = (&resource.urn, resource.urn.stack());
            format!("resource '{urn}' is from a different stack ({stack} != {})", address.stack)
        })
        .collect();
    problems.extend(deployment.verify().err().map(|error| error.to_string()));
    problems
}

/// A file that can't be read as a state. Nothing of the stack was touched.
fn not_imported(error: &state::Error) -> StoreError {
    let told = store_error(error);
    let hint = match error {
        state::Error::TooOld { .. } | state::Error::TooNew { .. } | state::Error::UnsupportedFeatures { .. } => {
            told.hint
        }
        _ => Some("nothing was changed".to_owned()),
    };
    StoreError { hint, ..told }
}
