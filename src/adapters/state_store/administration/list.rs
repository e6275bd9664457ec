//! The stacks of a store, with what their checkpoints say at a glance.

use futures::{StreamExt as _, TryStreamExt as _};
use state::{StackId, StackSummary};

use super::StateAdministration;
use crate::adapters::state_store::{holders, store_error};
use crate::ports::{StackAddress, StackEntry, StoreError};

/// How many stacks are read at once.
const AT_ONCE: usize = 8;

impl StateAdministration {
    pub(super) async fn list(&self, project: Option<&str>) -> Result<Vec<StackEntry>, StoreError> {
        let (summaries, legacy) = tokio::join!(self.store.stacks(project), self.store.legacy_stacks());
        let summaries = summaries.map_err(|error| store_error(&error))?;
        let legacy = legacy.map_err(|error| store_error(&error))?;
        if !legacy.is_empty() {
            tracing::warn!(
                "stacks in Pulumi's layout from before projects are passed over: {}; `pulumi state upgrade` moves them into \
                 projects",
                legacy.join(", ")
            );
        }
        futures::stream::iter(summaries).map(|summary| self.entry(summary)).buffered(AT_ONCE).try_collect().await
    }

    async fn entry(&self, summary: StackSummary) -> Result<StackEntry, StoreError> {
        let StackSummary { id, modified, sealed, .. } = summary;
        let address = StackAddress::new(id.project(), id.stack());
        let mut entry = StackEntry {
            address,
            updated: None,
            resources: None,
            sealed,
            holder: None,
            open_deployment: None,
            problem: None,
        };
        match sealed {
            // A list asks for no passphrase.
            true => entry.updated = Some(modified.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
            false => self.read_entry(&id, &mut entry).await,
        }
        let locked_by = self.store.holders(&id, &self.owner, &self.lock).await.map_err(|error| store_error(&error))?;
        entry.holder = (!locked_by.is_empty()).then(|| holders(&locked_by));
        Ok(entry)
    }

    /// What the stack's files say. One stack that can't be read must not hide the others.
    async fn read_entry(&self, id: &StackId, entry: &mut StackEntry) {
        match self.store.load_unverified(id).await {
            Ok(Some(loaded)) => {
                if let Some(latest) = loaded.checkpoint.latest {
                    entry.updated = Some(latest.manifest.time).filter(|time| !time.is_empty());
                    entry.resources = Some(latest.resources.len());
                }
            }
            Ok(None) => {}
            Err(error) => entry.problem = Some(store_error(&error).message),
        }
        match self.store.read_journal(id).await {
            Ok(journal) => entry.open_deployment = journal.map(|journal| journal.header.deployment),
            Err(error) => entry.problem = Some(store_error(&error).message),
        }
    }
}
