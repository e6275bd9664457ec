//! Who holds a stack's lock, and taking it away from them.

use chrono::{DateTime, Utc};

use super::lease::{Held, Lease, Owner, read_lease};
use super::record::LockAction;
use super::{Holder, LockOptions, Locked, pulumi};
use crate::error::Result;
use crate::store::{Condition, StackId, StackStore};

/// A lock that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLock {
    /// Who holds it.
    pub holder: Holder,
    /// Whether the holder seems not to live any more.
    pub is_dead: bool,
}

impl StackStore {
    /// Who has a lock file on a stack at the moment, without taking anything.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn lock_holders(&self, id: &StackId) -> Result<Vec<Holder>> {
        let names = pulumi::names(&self.objects, id).await?;
        pulumi::holders(&self.objects, id, &names).await
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
        let lease = read_lease(&self.objects, id).await?;
        let left_behind = lease.as_ref().map(|(lease, ..)| lease.all_left_behind()).unwrap_or_default();
        names.retain(|name| !left_behind.contains(name));
        let held = lease.and_then(|(lease, _, written)| Some((lease.held?, written)));
        if let Some((held, written)) = &held {
            let is_dead = self.seems_dead(held, *written, observer, options);
            names.retain(|name| !(is_dead && *name == held.lock));
        }
        let mut holders = pulumi::holders(&self.objects, id, &names).await?;
        if let Some((held, written)) = held {
            let url = self.objects.show_url(&pulumi::key(id, &held.lock));
            holders.iter_mut().filter(|holder| holder.url == url).for_each(|holder| {
                holder.lease_until = Some(held.runs_until(written));
            });
        }
        Ok(holders)
    }

    /// Who holds a stack's lease at the moment, unless that seems to be dead. Takes nothing.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn live_holder(&self, id: &StackId, observer: &Owner, options: &LockOptions) -> Result<Option<Holder>> {
        let Some((Lease { held: Some(held), .. }, _, written)) = read_lease(&self.objects, id).await? else {
            return Ok(None);
        };
        let is_dead = self.seems_dead(&held, written, observer, options);
        let url = self.objects.show_url(&pulumi::key(id, &held.lock));
        Ok((!is_dead).then(|| held.holder(url, written)))
    }

    /// Good enough to be shown, not to take a lock over by: the clock is that of this machine.
    fn seems_dead(&self, held: &Held, written: DateTime<Utc>, observer: &Owner, options: &LockOptions) -> bool {
        held.owner.is_gone(observer, &*options.processes) || held.runs_until(written) < self.now()
    }

    /// All holders: the lease's, and those of lock files.
    pub(super) async fn locked_by(&self, id: &StackId, holder: Holder) -> Result<Locked> {
        let mut holders = self.lock_holders(id).await?;
        match holders.iter_mut().find(|other| other.url == holder.url) {
            Some(known) => known.lease_until = holder.lease_until,
            None => holders.push(holder),
        }
        Ok(Locked { holders })
    }

    /// All locks of a stack, the dead ones' too. Takes nothing.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn locks(&self, id: &StackId, observer: &Owner, options: &LockOptions) -> Result<Vec<HeldLock>> {
        let holders = self.lock_holders(id).await?;
        let mut locks: Vec<HeldLock> = holders.into_iter().map(|holder| HeldLock { holder, is_dead: false }).collect();
        if let Some((Lease { held: Some(held), .. }, _, written)) = read_lease(&self.objects, id).await? {
            let is_dead = self.seems_dead(&held, written, observer, options);
            let url = self.objects.show_url(&pulumi::key(id, &held.lock));
            let holder = held.holder(url, written);
            match locks.iter_mut().find(|lock| lock.holder.url == holder.url) {
                Some(known) => *known = HeldLock { holder, is_dead },
                // It died between the lease and its lock file, or was cancelled by `pulumi` before.
                None => locks.push(HeldLock { holder, is_dead }),
            }
        }
        Ok(locks)
    }

    /// Removes every lock of a stack, as `pulumi cancel` does, and frees the lease. A process that still runs notices
    /// before its next write and stops. What was removed is written down as done by `by`.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn cancel(&self, id: &StackId, by: &Owner, options: &LockOptions) -> Result<Vec<HeldLock>> {
        let locks = self.locks(id, by, options).await?;
        for name in pulumi::names(&self.objects, id).await? {
            self.objects.delete(&pulumi::key(id, &name)).await?;
        }
        while let Some((lease, revision, _)) = read_lease(&self.objects, id).await? {
            let Some(held) = &lease.held else { break };
            let url = self.objects.show_url(&pulumi::key(id, &held.lock));
            // Somebody who came since has a lock that nobody wants to cancel.
            if !locks.iter().any(|lock| lock.holder.url == url) {
                break;
            }
            let free = Lease { held: None, left_behind: Vec::new(), ..lease };
            // Else a heartbeat came in between.
            if self.objects.put(&id.lease(), free.to_bytes(), &Condition::Unchanged(revision)).await?.is_ok() {
                break;
            }
        }
        if !locks.is_empty() {
            let whose: Vec<String> =
                locks.iter().map(|lock| format!("{} ({})", lock.holder, lock.holder.url)).collect();
            let detail = format!("removed the lock of {}", whose.join(", "));
            self.record_lock(id, by, LockAction::Cancel, &detail).await?;
        }
        Ok(locks)
    }
}
