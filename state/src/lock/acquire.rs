//! Taking a stack's lock.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::guard::StackLock;
use super::lease::{FORMAT, Held, Lease, Owner, read_lease};
use super::patience::Patience;
use super::record::LockAction;
use super::{Holder, LockOptions, Locked, Takeover, TakeoverReason, pulumi};
use crate::error::{Error, Result};
use crate::store::{Condition, Revision, StackId, StackStore};

/// Whoever waits asks again after this time, and after longer and longer ones.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A lease that was just taken.
struct Taken {
    lease: Lease,
    revision: Revision,
    takeover: Option<Takeover>,
    /// The lock files that dead holders before left behind.
    left_behind: Vec<String>,
}

/// Somebody else was there first.
enum Busy {
    /// Holds the lease.
    Lease(Holder),
    /// Have lock files; so far as is known, Pulumi's.
    Files(Vec<Holder>),
}

impl StackStore {
    /// Takes a stack's lock, waiting for it up to [`LockOptions::timeout`]. Whoever doesn't want it any more lets this come to its
    /// end, by [`LockOptions::give_up`], since it may be about to be taken; then it can be given back.
    ///
    /// # Errors
    /// [`Error::Locked`] with all holders when somebody else has it.
    pub async fn lock(&self, id: &StackId, owner: &Owner, options: &LockOptions) -> Result<StackLock> {
        self.initialise().await?;
        let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
        let mut patience = Patience::default();
        let mut pause = FIRST_PAUSE;
        loop {
            let busy = match self.try_lock(id, owner, options, &mut patience).await? {
                Ok(lock) => return Ok(lock),
                Err(busy) => busy,
            };
            match deadline {
                Some(deadline) if Instant::now() < deadline => {
                    let over = tokio::time::sleep_until(deadline.min(Instant::now() + jitter(pause)));
                    tokio::select! {
                        () = over => {}
                        () = options.until_given_up() => return Err(self.locked(id, busy).await?.into()),
                    }
                    pause = LONGEST_PAUSE.min(pause * 3 / 2);
                }
                _ => return Err(self.locked(id, busy).await?.into()),
            }
        }
    }

    async fn locked(&self, id: &StackId, busy: Busy) -> Result<Locked> {
        match busy {
            Busy::Lease(holder) => self.locked_by(id, holder).await,
            Busy::Files(holders) => Ok(Locked { holders }),
        }
    }

    async fn try_lock(
        &self,
        id: &StackId,
        owner: &Owner,
        options: &LockOptions,
        patience: &mut Patience,
    ) -> Result<std::result::Result<StackLock, Busy>> {
        let name = format!("{}.json", Uuid::new_v4());
        let taken = match self.take_lease(id, owner, options, &name, patience).await? {
            Ok(taken) => taken,
            Err(holder) => return Ok(Err(Busy::Lease(holder))),
        };
        let lock = StackLock::new(self.clone(), id.clone(), name.clone(), taken.lease, taken.revision, options);
        let others = match self.take_pulumi_lock(id, owner, &name, &taken.left_behind).await {
            Ok(others) => others,
            Err(error) => {
                // What can't be given back runs out; what went wrong first is what is told.
                let _ = lock.release().await;
                return Err(error);
            }
        };
        lock.has_removed_left_behind();
        if !others.is_empty() {
            lock.release().await?;
            return Ok(Err(Busy::Files(others)));
        }
        if let Some(takeover) = &taken.takeover {
            // The lock is ours all the same.
            if let Err(error) = self.record_lock(id, owner, LockAction::TakeOver, &takeover.to_string()).await {
                tracing::warn!(%error, stack = %id, "a takeover of the stack's lock could not be written down");
            }
        }
        // Whoever held the lock before may have changed the stack's form.
        self.seals.forget(id);
        Ok(Ok(lock.started(taken.takeover)))
    }

    /// Takes the lease by one conditional write, or says who has it.
    async fn take_lease(
        &self,
        id: &StackId,
        owner: &Owner,
        options: &LockOptions,
        name: &str,
        patience: &mut Patience,
    ) -> Result<std::result::Result<Taken, Holder>> {
        loop {
            let mut left_behind = Vec::new();
            let (condition, token, before) = match read_lease(&self.objects, id).await? {
                None => (Condition::Absent, 1, None),
                Some((lease, revision, written)) => {
                    left_behind = lease.all_left_behind();
                    let before = lease.held.map(|held| (held, revision.clone(), written));
                    let token = lease.token.checked_add(1).ok_or_else(|| Error::Malformed {
                        file: self.objects.show(&id.lease()),
                        place: "token".to_owned(),
                        message: "there is no greater number for the next holder".to_owned(),
                    })?;
                    (Condition::Unchanged(revision), token, before)
                }
            };
            let mut takeover = None;
            if let Some((held, revision, written)) = before {
                let holder = held.holder(self.objects.show_url(&pulumi::key(id, &held.lock)), written);
                let reason = match held.owner.is_gone(owner, &*options.processes) {
                    true => Some(TakeoverReason::ProcessGone),
                    false => patience.judge(&self.objects, &held, &revision, written).await?,
                };
                let Some(reason) = reason else { return Ok(Err(holder)) };
                takeover = Some(Takeover { from: holder, reason });
                left_behind.push(held.lock);
            }
            let now: DateTime<Utc> = self.now();
            let held = Held {
                owner: owner.clone(),
                lock: name.to_owned(),
                since: now,
                heartbeat: now,
                expires: now + options.lease,
                left_behind: left_behind.clone(),
            };
            let lease = Lease { version: FORMAT, token, held: Some(held), left_behind: Vec::new() };
            // A conflict means that somebody else was faster; then that one is looked at.
            if let Ok(revision) = self.objects.put(&id.lease(), lease.to_bytes(), &condition).await? {
                if matches!(condition, Condition::Absent) && self.objects.file(&id.lease()).is_none() {
                    self.try_conditions(id, &lease).await?;
                }
                return Ok(Ok(Taken { lease, revision, takeover, left_behind }));
            }
        }
    }

    /// Tries a lease that was just made, and is there from now on, as what keeps others away: writes that must not happen are
    /// refused by a store that knows conditions.
    async fn try_conditions(&self, id: &StackId, lease: &Lease) -> Result<()> {
        let other = Revision { e_tag: Some("\"00000000000000000000000000000000\"".to_owned()) };
        for condition in [Condition::Absent, Condition::Unchanged(other)] {
            // A lost answer would be taken for a success where the content is the same.
            let mut content = lease.to_bytes().to_vec();
            content.push(b'\n');
            if self.objects.put(&id.lease(), content.into(), &condition).await?.is_ok() {
                self.objects.delete(&id.lease()).await?;
                return Err(Error::Unconditional { store: self.display_url() });
            }
        }
        Ok(())
    }

    /// Pulumi's protocol: look, write, look again. Returns who else has a lock file: then ours is worth nothing.
    async fn take_pulumi_lock(
        &self,
        id: &StackId,
        owner: &Owner,
        name: &str,
        left_behind: &[String],
    ) -> Result<Vec<Holder>> {
        for dead in left_behind {
            self.objects.delete(&pulumi::key(id, dead)).await?;
        }
        let others = self.others(id, name).await?;
        if !others.is_empty() {
            return Ok(others);
        }
        pulumi::write(&self.objects, id, name, owner, self.now()).await?;
        self.others(id, name).await
    }

    async fn others(&self, id: &StackId, own: &str) -> Result<Vec<Holder>> {
        let mut names = pulumi::names(&self.objects, id).await?;
        names.retain(|name| name != own);
        pulumi::holders(&self.objects, id, &names).await
    }
}

/// A random part of a pause, at least a quarter of it, so that those who wait don't wake together.
fn jitter(pause: Duration) -> Duration {
    let random = u32::from(Uuid::new_v4().as_bytes()[0]);
    pause / 4 + pause * 3 / 4 * random / 256
}
