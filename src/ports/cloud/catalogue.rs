//! What a cloud has: its resource types, what its quotas are, and what a recorded resource says of where it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use resource_graph::{PropertyMap, Quota, Recorded, ResourceTypes, TypeToken};

use super::account::CloudIdentity;
use crate::ports::ResourceProvider;

/// The resource types of a cloud.
pub trait Catalogue: ResourceTypes {
    /// The implementation of a resource type; `None` when it isn't ours.
    fn resource(&self, token: &TypeToken) -> Option<Arc<dyn ResourceProvider>>;

    /// The types that this cloud has implementations of.
    fn type_tokens(&self) -> Vec<&'static str>;

    /// Quota classes by name.
    fn quotas(&self) -> BTreeMap<&'static str, Quota>;

    /// What an operation is estimated to take at most before it was measured, whatever its type; `None` where the types' own
    /// estimates hold.
    fn longest_operation(&self) -> Option<Duration>;

    /// The provider resource's name (`default_7_48_0`) and inputs, as Pulumi writes them (SPEC.md section 1.7).
    fn provider_resource(&self, identity: &CloudIdentity) -> (String, PropertyMap);

    /// Enters the stack's identity into the inputs of a resource that carries tags of ours; into others nothing.
    fn mark(&self, inputs: &mut PropertyMap, identity: &str);

    /// The account that a recorded resource was made in, where its outputs tell.
    fn account_of(&self, record: &dyn Recorded) -> Option<String>;

    /// Whether a recorded resource lies in another region than the one that this reaches, where its record tells.
    fn is_elsewhere(&self, record: &dyn Recorded) -> bool;
}
