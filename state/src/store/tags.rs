//! Tags of a stack: `<stack>.pulumi-tags` beside the checkpoint (SPEC.md section 4.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Condition, StackId, StackStore};
use crate::error::{Error, Result};
use crate::lock::StackLock;

#[derive(Serialize, Deserialize)]
struct TagsFile {
    version: u64,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

impl StackStore {
    /// A stack's tags.
    ///
    /// # Errors
    /// When the file can't be read or is of another version.
    pub async fn tags(&self, id: &StackId) -> Result<BTreeMap<String, String>> {
        let (key, content) = match self.is_sealed(id).await? {
            true => (id.sealed_tags(), self.read_sealed_tags(id).await?),
            false => (id.tags(), self.objects.get(&id.tags()).await?.map(|object| object.content)),
        };
        let Some(content) = content else { return Ok(BTreeMap::new()) };
        let file = self.objects.show(&key);
        let found: TagsFile =
            serde_json::from_slice(&content).map_err(|error| Error::json(&file, content.len(), &error))?;
        if found.version != 1 {
            return Err(Error::UnsupportedStore { file, version: found.version.to_string() });
        }
        Ok(found.tags)
    }

    /// Sets a stack's tags; none at all removes the file.
    ///
    /// # Errors
    /// When the lock is lost or the store can't be written.
    pub async fn set_tags(&self, lock: &StackLock, tags: BTreeMap<String, String>) -> Result<()> {
        lock.verify().await?;
        let (id, key) = (lock.stack(), lock.stack().tags());
        if self.is_sealed(id).await? {
            let content = (!tags.is_empty()).then(|| serde_json::to_vec(&TagsFile { version: 1, tags })).transpose();
            let content = content.map_err(|error| Error::write(self.objects.show(&id.sealed_tags()), error))?;
            return self.write_sealed_tags(id, content).await;
        }
        if tags.is_empty() {
            self.objects.delete(&key).await?;
            return Ok(());
        }
        let content = serde_json::to_vec(&TagsFile { version: 1, tags })
            .map_err(|error| Error::write(self.objects.show(&key), error))?;
        let _ = self.objects.put(&key, content.into(), &Condition::Always).await?;
        Ok(())
    }
}
