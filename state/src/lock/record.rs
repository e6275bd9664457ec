//! What befalls locks, written down beside the audit logs of deployments and in their form: one object with one line each.

use chrono::SecondsFormat;

use super::Owner;
use crate::error::Result;
use crate::store::{Condition, StackId, StackStore};

/// What befell a lock.
#[derive(Clone, Copy)]
pub(super) enum LockAction {
    /// A dead holder's lock was taken over.
    TakeOver,
    /// A lock was removed by hand.
    Cancel,
}

impl StackStore {
    /// Writes down what was done to a stack's lock, by whom.
    pub(super) async fn record_lock(&self, id: &StackId, by: &Owner, action: LockAction, detail: &str) -> Result<()> {
        let action = match action {
            LockAction::TakeOver => "take-over-lock",
            LockAction::Cancel => "cancel-lock",
        };
        let time = self.now();
        let entry = serde_json::json!({
            "time": time.to_rfc3339_opts(SecondsFormat::Millis, true),
            "user": by.user,
            "action": action,
            "outcome": "succeeded",
            "subject": id.to_string(),
            "detail": format!("{by}: {detail}"),
        });
        let key = format!("{}/lock-{}-{}.jsonl", id.audit(), self.nanoseconds(), by.pid);
        let _ = self.objects.put(&key, format!("{entry}\n").into(), &Condition::Always).await?;
        Ok(())
    }
}
