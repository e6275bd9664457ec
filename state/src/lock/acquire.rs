//! Taking a stack's lock.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::guard::StackLock;
use super::lease::{FORMAT, Held, Lease, Owner};
use super::{Holder, LockOptions, Locked, Takeover, pulumi};
use crate::error::{Error, Result};
use crate::store::{Condition, Objects, Revision, StackId, StackStore};

/// A lease that was just taken.
pub(super) struct Taken {
    pub lease: Lease,
    pub revision: Revision,
    pub takeover: Option<Takeover>,
    /// The lock file that the holder before left behind.
    pub left_behind: Option<String>,
}

impl StackStore {
    /// Takes a stack's lock, waiting for it up to [`LockOptions::timeout`].
    ///
    /// # Errors
    /// [`Error::Locked`] with all holders when somebody else has it.
    pub async fn lock(&self, id: &StackId, owner: &Owner, options: &LockOptions) -> Result<StackLock> {
        self.initialise().await?;
        // Whoever held the lock before may have changed the stack's form.
        self.seals.forget(id);
        let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
        loop {
            let locked = match self.try_lock(id, owner, options).await {
                Err(Error::Locked(locked)) => locked,
                result => return result,
            };
            match deadline {
                Some(deadline) if Instant::now() < deadline => {
                    let pause = jitter(Duration::from_millis(400));
                    tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
                }
                _ => return Err(locked.into()),
            }
        }
    }

    async fn try_lock(&self, id: &StackId, owner: &Owner, options: &LockOptions) -> Result<StackLock> {
        let name = format!("{}.json", Uuid::new_v4());
        let taken = self.take_lease(id, owner, options, &name).await?;
        let lock = StackLock::new(self.clone(), id.clone(), name.clone(), taken.lease, taken.revision, options);
        match self.take_pulumi_lock(id, owner, &name, taken.left_behind.as_deref()).await {
            Ok(()) => Ok(lock.started(taken.takeover)),
            Err(error) => {
                lock.release().await?;
                Err(error)
            }
        }
    }

    /// Takes the lease by one conditional write.
    async fn take_lease(&self, id: &StackId, owner: &Owner, options: &LockOptions, name: &str) -> Result<Taken> {
        let key = id.lease();
        loop {
            let current = read_lease(&self.objects, id).await?;
            let now = self.now();
            let (condition, token, before) = match current {
                None => (Condition::Absent, 1, None),
                Some((lease, revision, written)) => {
                    let held = lease.held.map(|held| (held, written));
                    let token = lease.token.checked_add(1).ok_or_else(|| Error::Malformed {
                        file: self.objects.show(&key),
                        place: "token".to_owned(),
                        message: "there is no greater number for the next holder".to_owned(),
                    })?;
                    (Condition::Unchanged(revision), token, held)
                }
            };
            let mut takeover = None;
            let mut left_behind = None;
            if let Some((held, written)) = before {
                let url = self.objects.show_url(&pulumi::key(id, &held.lock));
                match held.dead(owner, options, now, written) {
                    Some(reason) => {
                        takeover = Some(Takeover { from: held.holder(url), reason });
                        left_behind = Some(held.lock);
                    }
                    None => return Err(self.locked_by(id, held.holder(url)).await?.into()),
                }
            }
            let held = Held {
                owner: owner.clone(),
                lock: name.to_owned(),
                since: now,
                heartbeat: now,
                expires: now + options.lease,
            };
            let lease = Lease { version: FORMAT, token, held: Some(held) };
            // A conflict means that somebody else was faster; then that one is looked at.
            if let Ok(revision) = self.objects.put(&key, lease.to_bytes(), &condition).await? {
                return Ok(Taken { lease, revision, takeover, left_behind });
            }
        }
    }

    /// All holders: the lease's, and those of lock files.
    async fn locked_by(&self, id: &StackId, holder: Holder) -> Result<Locked> {
        let names = pulumi::names(&self.objects, id).await?;
        let mut holders = pulumi::holders(&self.objects, id, &names).await?;
        if !holders.iter().any(|other| other.url == holder.url) {
            holders.push(holder);
        }
        Ok(Locked { holders })
    }

    /// Pulumi's protocol: look, write, look again.
    async fn take_pulumi_lock(&self, id: &StackId, owner: &Owner, name: &str, left_behind: Option<&str>) -> Result<()> {
        if let Some(left_behind) = left_behind {
            self.objects.delete(&pulumi::key(id, left_behind)).await?;
        }
        self.refuse_others(id, name).await?;
        pulumi::write(&self.objects, id, name, owner, self.now()).await?;
        self.refuse_others(id, name).await
    }

    async fn refuse_others(&self, id: &StackId, own: &str) -> Result<()> {
        let mut names = pulumi::names(&self.objects, id).await?;
        names.retain(|name| name != own);
        if names.is_empty() {
            return Ok(());
        }
        let holders = pulumi::holders(&self.objects, id, &names).await?;
        if holders.is_empty() { Ok(()) } else { Err(Locked { holders }.into()) }
    }

    /// Who holds a stack at the moment, without taking anything.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn lock_holders(&self, id: &StackId) -> Result<Vec<Holder>> {
        let names = pulumi::names(&self.objects, id).await?;
        pulumi::holders(&self.objects, id, &names).await
    }

    /// Who holds a stack's lease at the moment, unless that is known to be dead. Takes nothing.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn live_holder(&self, id: &StackId, observer: &Owner, options: &LockOptions) -> Result<Option<Holder>> {
        let Some((Lease { held: Some(held), .. }, _, written)) = read_lease(&self.objects, id).await? else {
            return Ok(None);
        };
        let is_dead = held.dead(observer, options, self.now(), written).is_some();
        let url = self.objects.show_url(&pulumi::key(id, &held.lock));
        Ok((!is_dead).then(|| held.holder(url)))
    }

    /// Who keeps others from taking a stack's lock at the moment: everybody with a lock file, but for a holder of our
    /// lease that is known to be dead. Takes nothing.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn holders(&self, id: &StackId, observer: &Owner, options: &LockOptions) -> Result<Vec<Holder>> {
        let mut names = pulumi::names(&self.objects, id).await?;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        if let Some((Lease { held: Some(held), .. }, _, written)) = read_lease(&self.objects, id).await?
            && held.dead(observer, options, self.now(), written).is_some()
        {
            names.retain(|name| *name != held.lock);
        }
        pulumi::holders(&self.objects, id, &names).await
    }

    /// Removes every lock of a stack, as `pulumi cancel` does, and frees the lease. A process that still runs notices
    /// before its next write and stops.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn cancel(&self, id: &StackId) -> Result<Vec<Holder>> {
        let names = pulumi::names(&self.objects, id).await?;
        let holders = pulumi::holders(&self.objects, id, &names).await?;
        for name in &names {
            self.objects.delete(&pulumi::key(id, name)).await?;
        }
        if let Some((lease, revision, _)) = read_lease(&self.objects, id).await?
            && lease.held.is_some()
        {
            let free = Lease { held: None, ..lease };
            // A conflict means that it has changed hands just now.
            let _ = self.objects.put(&id.lease(), free.to_bytes(), &Condition::Unchanged(revision)).await?;
        }
        Ok(holders)
    }
}

/// The lease, its version, and when it was written by the store's clock.
pub(super) async fn read_lease(objects: &Objects, id: &StackId) -> Result<Option<(Lease, Revision, DateTime<Utc>)>> {
    let key = id.lease();
    let Some(object) = objects.get(&key).await? else { return Ok(None) };
    let file = objects.show(&key);
    let lease: Lease =
        serde_json::from_slice(&object.content).map_err(|error| Error::json(&file, object.content.len(), &error))?;
    if lease.version != FORMAT {
        return Err(Error::UnsupportedStore { file, version: lease.version.to_string() });
    }
    Ok(Some((lease, object.revision, object.modified)))
}

/// A random part of a pause, at least a quarter of it, so that those who wait don't wake together.
fn jitter(pause: Duration) -> Duration {
    let random = u32::from(Uuid::new_v4().as_bytes()[0]);
    pause / 4 + pause * 3 / 4 * random / 256
}
