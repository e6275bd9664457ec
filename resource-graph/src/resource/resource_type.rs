//! What planner and scheduler must know of a resource type: which changes replace, what stays the same through an
//! update, what its operations cost and what they must not run beside.

use std::time::Duration;

use crate::{TypeToken, Value};

/// Calls that an operation makes, all of one quota class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCost {
    /// Name of the quota class, such as `lambda:control`.
    pub quota: &'static str,
    /// Number of calls as a rule.
    pub calls: u32,
}

/// What an operation costs, as far as it is known before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationCost {
    /// The calls that it makes.
    pub calls: &'static [CallCost],
    /// How long it takes as a rule; learned latencies take its place.
    pub typical: Duration,
}

impl OperationCost {
    /// An operation of the given calls and typical duration in milliseconds.
    pub const fn new(calls: &'static [CallCost], typical_milliseconds: u64) -> Self {
        Self { calls, typical: Duration::from_millis(typical_milliseconds) }
    }
}

/// How many calls of a class the cloud takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// Calls per second.
    pub rate: f64,
    /// Calls that may come at once after a quiet time.
    pub burst: f64,
}

/// Facts about a resource type.
#[derive(Clone, Copy, Debug)]
pub struct ResourceTypeInfo {
    /// The type.
    pub token: &'static str,
    /// Names of top-level inputs whose change forces a replacement.
    pub replace_on: &'static [&'static str],
    /// Outputs that an update never changes (`id`, `arn`, …). All other outputs count as unknown while the resource
    /// is to be updated, so that dependants are looked at again once they are known.
    pub stable_outputs: &'static [&'static str],
    /// The physical name is unique and comes from the inputs, so the old one must go before the new one can be made.
    pub delete_before_replace: bool,
    /// The input that names the thing whose writes must not run beside each other (an API's id, a role's name). All
    /// steps whose value of it is the same, or refers to the same output, share one conflict key.
    pub conflict_input: Option<&'static str>,
    /// The kind of thing that `conflict_input` names, so that keys of different kinds never meet: `apigatewayv2:api`.
    pub conflict_scope: &'static str,
    /// The inputs that name what an id is unique within (a stage's `$default` within its API); none where the id says all
    /// by itself.
    pub id_within: &'static [&'static str],
    /// Cost of creating one.
    pub create: OperationCost,
    /// Cost of updating one.
    pub update: OperationCost,
    /// Cost of deleting one.
    pub delete: OperationCost,
    /// Cost of reading one.
    pub read: OperationCost,
    /// Whether two values of a top-level input mean the same to the cloud, though they aren't equal (two JSON texts of one
    /// policy). Asked only for values that differ.
    pub equivalent: fn(input: &str, old: &Value, new: &Value) -> bool,
}

/// The answer of types whose inputs mean the same only when they are equal.
pub fn never_equivalent(_input: &str, _old: &Value, _new: &Value) -> bool {
    false
}

/// The resource types that are known.
pub trait ResourceTypes: Send + Sync {
    /// Facts about a type; `None` when it isn't ours (its resources are carried along untouched).
    fn info(&self, token: &TypeToken) -> Option<&ResourceTypeInfo>;
}
