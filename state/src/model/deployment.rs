//! A stack's state (`DeploymentV3`, SPEC.md section 1.2) and the two files that hold one: checkpoint and export.

use resource_graph::Urn;
use sha2::{Digest, Sha256};

use super::resource::Resource;
use crate::codec::json::Json;
use crate::codec::value::SECRET;
use crate::secrets::SecretsProvider;

/// A stack's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deployment {
    /// When and by what it was written.
    pub manifest: Manifest,
    /// Who encrypted its secrets.
    pub secrets_provider: Option<SecretsProvider>,
    /// The resources; what one refers to comes before it.
    pub resources: Vec<Resource>,
    /// Operations whose outcome isn't known.
    pub pending_operations: Vec<PendingOperation>,
    /// `metadata`; absent in files of old Pulumi CLIs.
    pub metadata: Option<Json>,
    /// Snippets (feature `snippets-prototype`), carried along.
    pub snippets: Option<Json>,
    /// Extensions (feature `extensionParameterization`), carried along.
    pub extensions: Option<Json>,
    /// It was read as one that needs the feature `byteString`: bytes that aren't UTF-8 may be inside of its secrets, where
    /// nobody sees them without a key.
    pub declares_byte_strings: bool,
    /// Members that aren't known, in their order.
    pub unknown: Vec<(String, Json)>,
}

/// When and by what a state was written (SPEC.md section 1.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// RFC 3339.
    pub time: String,
    /// Hex SHA-256 of the version; empty when that is empty.
    pub magic: String,
    /// The program that wrote it.
    pub version: String,
    /// Members that aren't written any more or aren't known, such as `plugins`.
    pub unknown: Vec<(String, Json)>,
}

impl Manifest {
    /// A manifest of a program's version at a time.
    pub fn new(time: impl Into<String>, version: impl Into<String>) -> Self {
        let version = version.into();
        Self { time: time.into(), magic: Self::magic_of(&version), version, unknown: Vec::new() }
    }

    /// What `magic` must be for a version.
    pub fn magic_of(version: &str) -> String {
        if version.is_empty() { String::new() } else { hex::encode(Sha256::digest(version)) }
    }
}

/// An operation that was begun (SPEC.md section 1.8).
#[derive(Clone, Debug, PartialEq)]
pub struct PendingOperation {
    /// The resource as it would be.
    pub resource: Resource,
    /// `creating`, `updating`, `deleting`, `reading` or `importing`.
    pub kind: String,
    /// Members that aren't known.
    pub unknown: Vec<(String, Json)>,
}

impl PendingOperation {
    /// An operation on a resource.
    pub fn new(kind: impl Into<String>, resource: Resource) -> Self {
        Self { resource, kind: kind.into(), unknown: Vec::new() }
    }
}

impl Deployment {
    /// An empty state of a new stack.
    pub fn new(manifest: Manifest, secrets_provider: Option<SecretsProvider>) -> Self {
        Self { manifest, secrets_provider, metadata: Some(Json::empty_object()), ..Self::default() }
    }

    /// The live resource of a name.
    pub fn resource(&self, urn: &Urn) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.urn == *urn && !resource.delete)
    }

    /// The root stack's resource, whose outputs are the stack's.
    pub fn root(&self) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.is_root() && !resource.delete)
    }

    /// Whether a secret stands in any value. Costs no decoding.
    pub fn contains_secret(&self) -> bool {
        let in_resource = |resource: &Resource| {
            let trigger = resource.rare().replacement_trigger.as_ref();
            resource.inputs.contain_secret()
                || resource.outputs.contain_secret()
                || trigger.is_some_and(|trigger| trigger.as_str().contains(SECRET))
        };
        self.resources.iter().any(in_resource)
            || self.pending_operations.iter().any(|operation| in_resource(&operation.resource))
    }

    /// Forgets that the state was once written although it broke rules, as Pulumi does when it writes one that keeps them.
    pub fn clear_integrity_error(&mut self) {
        const INTEGRITY_ERROR: &str = "integrity_error";
        let Some(metadata) = &mut self.metadata else { return };
        if let Ok(serde_json::Value::Object(mut members)) = metadata.parse()
            && members.remove(INTEGRITY_ERROR).is_some()
        {
            *metadata = Json::of(&members.into());
        }
    }

    /// The features that the state needs, sorted (SPEC.md section 1.3). As in Pulumi, of what pending operations hold only
    /// bytes count.
    pub fn features(&self) -> Vec<&'static str> {
        let mut features = Vec::new();
        if self.snippets.is_some() {
            features.push("snippets-prototype");
        }
        if self.extensions.is_some() {
            features.push("extensionParameterization");
        }
        for resource in self.resources.iter().filter(|resource| resource.has_rare()) {
            let rare = resource.rare();
            let needed = [
                ("refreshBeforeUpdate", rare.refresh_before_update),
                ("views", rare.view_of.is_some()),
                ("hooks", rare.resource_hooks.as_ref().is_some_and(|hooks| !hooks.is_empty())),
                ("taint", rare.taint),
                ("replaceWith", !rare.replace_with.is_empty()),
                ("snippets-prototype", rare.snippet_id.is_some()),
                ("extensionParameterization", rare.extension_ref.is_some()),
            ];
            features.extend(needed.iter().filter(|(_, needed)| *needed).map(|(name, _)| *name));
        }
        let mut all = self.resources.iter().chain(self.pending_operations.iter().map(|pending| &pending.resource));
        if all.any(Resource::holds_bytes) || self.declares_byte_strings && self.contains_secret() {
            features.push(BYTE_STRING);
        }
        features.sort_unstable();
        features.dedup();
        features
    }
}

/// The feature of states that hold bytes which aren't UTF-8.
pub(crate) const BYTE_STRING: &str = "byteString";

/// The features that are known.
pub const KNOWN_FEATURES: [&str; 8] = [
    BYTE_STRING,
    "extensionParameterization",
    "hooks",
    "refreshBeforeUpdate",
    "replaceWith",
    "snippets-prototype",
    "taint",
    "views",
];

/// A stack's file in a store: the state under the stack's full name.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// `organization/<project>/<stack>`.
    pub stack: String,
    /// The state; absent for a stack that was only just made.
    pub latest: Option<Deployment>,
    /// Members beside `stack` and `latest` that aren't known or aren't written any more, such as `config`.
    pub unknown: Vec<(String, Json)>,
    /// Members beside `version` and `checkpoint` that aren't known.
    pub around: Vec<(String, Json)>,
}

impl Checkpoint {
    /// A checkpoint of a state.
    pub fn new(stack: &crate::store::StackId, latest: Deployment) -> Self {
        Self { stack: stack.qualified(), latest: Some(latest), unknown: Vec::new(), around: Vec::new() }
    }

    /// Keeps what another checkpoint of the stack holds beside its state and isn't known.
    pub fn keep_unknown_of(&mut self, other: &Self) {
        self.unknown.clone_from(&other.unknown);
        self.around.clone_from(&other.around);
    }
}

/// What `stack export` prints and `stack import` takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// The state; absent for a stack that has never been given one.
    pub deployment: Option<Deployment>,
    /// Members that aren't known.
    pub unknown: Vec<(String, Json)>,
}
