//! What this process made or changed within the last minute. AWS may answer for a while that such a thing isn't there:
//! `CreateStage` behind a new log group or API (<https://github.com/hashicorp/terraform-provider-aws/issues/46610>), `AddPermission`
//! and `GetFunction` behind `CreateFunction` and `PublishVersion`
//! (<https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/lambda/permission.go> tries both again), writes to a new
//! bucket (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel>), IAM
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>).
//!
//! The frame notes what was made, by URN, id and ARN; the sender asks here what a NotFound means. No type knows of it, but for
//! calls to which NotFound is an answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use resource_graph::{PropertyMap, Value};

/// How long something counts as new.
const NEW: Duration = Duration::from_secs(60);

/// What was made or changed lately, by the names that calls give it.
#[derive(Default)]
pub(in super::super) struct Recent {
    since: Mutex<HashMap<String, Instant>>,
}

impl Recent {
    /// Notes that what bears these names was made or changed now.
    pub(in super::super) fn note(&self, names: impl IntoIterator<Item = String>) {
        let (mut since, now) = (self.since.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        since.retain(|_, time| now.duration_since(*time) < NEW);
        since.extend(names.into_iter().filter(|name| !name.is_empty()).map(|name| (name, now)));
    }

    /// What bears these names is gone: it isn't waited for.
    pub(in super::super) fn forget(&self, names: impl IntoIterator<Item = String>) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            since.remove(&name);
        }
    }

    /// Whether what bears the name is new.
    pub(in super::super) fn has(&self, name: &str) -> bool {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.get(name).is_some_and(|time| time.elapsed() < NEW)
    }

    /// Whether a text among the properties is the name of something new, or holds it as a part (an ARN in a URI).
    fn is_named_in(&self, properties: &PropertyMap) -> bool {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<&str> =
            since.iter().filter(|(_, time)| time.elapsed() < NEW).map(|(name, _)| name.as_str()).collect();
        !names.is_empty() && properties.values().any(|value| any_text(value, &|text| holds_any(text, &names)))
    }
}

fn any_text(value: &Value, holds: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => holds(text),
        Value::Secret(secret) => any_text(secret.expose(), holds),
        Value::List(list) => list.iter().any(|value| any_text(value, holds)),
        Value::Map(map) => map.values().any(|value| any_text(value, holds)),
        _ => false,
    }
}

/// Whether one of the names stands in the text, with nothing around it that would make it another name.
fn holds_any(text: &str, names: &[&str]) -> bool {
    let continues = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    names.iter().any(|name| {
        text.match_indices(name).any(|(start, found)| {
            let (before, after) = (&text[..start], &text[start + found.len()..]);
            !before.ends_with(continues) && !after.starts_with(continues)
        })
    })
}

/// What NotFound means to the calls of one operation that changes something.
pub(in super::super) struct Absence<'a> {
    recent: &'a Recent,
    /// The thing itself, as it was noted.
    itself: String,
    /// Properties that may name other things.
    named: Vec<&'a PropertyMap>,
    /// Whether to be gone is what the operation wants.
    is_wanted: bool,
    /// Whether a call of this operation has changed something already.
    changed: AtomicBool,
}

impl<'a> Absence<'a> {
    /// For an operation that makes or changes a thing, whose properties name others.
    pub(in super::super) fn of_change(recent: &'a Recent, itself: String, named: Vec<&'a PropertyMap>) -> Self {
        Self { recent, itself, named, is_wanted: false, changed: AtomicBool::new(false) }
    }

    /// For an operation that deletes a thing.
    pub(in super::super) fn of_deletion(recent: &'a Recent, itself: String) -> Self {
        Self { recent, itself, named: Vec::new(), is_wanted: true, changed: AtomicBool::new(false) }
    }

    /// A call has changed something.
    pub(super) fn has_changed(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Whether a call of the operation has changed something.
    pub(in super::super) fn changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    /// Whether a NotFound passes once AWS has spread what was made. A deletion of which an answer was lost may have happened.
    pub(super) fn passes(&self, in_doubt: bool) -> bool {
        if self.is_wanted && in_doubt {
            return false;
        }
        !self.is_wanted && self.changed()
            || self.recent.has(&self.itself)
            || self.named.iter().any(|properties| self.recent.is_named_in(properties))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_known_wherever_its_name_stands() {
        let recent = Recent::default();
        recent.note(["shop-api".to_owned(), "arn:aws:lambda:eu-west-1:1:function:shop-api".to_owned(), String::new()]);
        let named = |text: &str| recent.is_named_in(&[("uri", Value::List(vec![Value::secret(text)]))].into());
        assert!(named("shop-api") && named("arn:aws:lambda:eu-west-1:1:function:shop-api:live"));
        assert!(named(
            "arn:aws:apigateway:eu-west-1:lambda:path/functions/arn:aws:lambda:eu-west-1:1:function:shop-api/invocations"
        ));
        assert!(!named("shop-api-2") && !named("my-shop-api") && !named("shop") && !named(""));
        recent.forget(["shop-api".to_owned(), "arn:aws:lambda:eu-west-1:1:function:shop-api".to_owned()]);
        assert!(!named("shop-api"));
    }

    #[test]
    fn an_operation_waits_for_what_it_changed_itself_and_a_deletion_in_doubt_for_nothing() {
        let recent = Recent::default();
        let change = Absence::of_change(&recent, "urn".to_owned(), vec![]);
        assert!(!change.passes(false));
        change.has_changed();
        assert!(change.passes(false) && change.passes(true));

        let deletion = Absence::of_deletion(&recent, "urn".to_owned());
        deletion.has_changed();
        assert!(!deletion.passes(false), "what is old is gone");
        recent.note(["urn".to_owned()]);
        assert!(deletion.passes(false) && !deletion.passes(true));
    }
}
