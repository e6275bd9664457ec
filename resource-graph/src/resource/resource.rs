//! What is wanted ([`ResourceSpec`]) and what is recorded ([`ResourceRecord`]) of a resource.

use crate::{PropertyMap, TypeToken, Urn};

/// Longest times, in seconds, that an operation on a resource may take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomTimeouts {
    /// For creating it.
    pub create: Option<f64>,
    /// For updating it.
    pub update: Option<f64>,
    /// For deleting it.
    pub delete: Option<f64>,
    /// For reading it.
    pub read: Option<f64>,
}

/// How a resource is to be treated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceOptions {
    /// The resource that it belongs to.
    pub parent: Option<Urn>,
    /// Resources to be done before it, beside those that its inputs refer to.
    pub depends_on: Vec<Urn>,
    /// Refuse to delete it; `None` leaves it as it is recorded, which others may have decided.
    pub protect: Option<bool>,
    /// Forget it without deleting it in the cloud; `None` leaves it as it is recorded.
    pub retain_on_delete: Option<bool>,
    /// Delete before creating the new one when it must be replaced; `None` leaves it to the type.
    pub delete_before_replace: Option<bool>,
    /// Names of inputs whose changes are left alone.
    pub ignore_changes: Vec<String>,
    /// Names of inputs whose changes force a replacement, beside those of the type.
    pub replace_on_changes: Vec<String>,
    /// Outputs that are secret, beside those that the provider marks.
    pub additional_secret_outputs: Vec<String>,
    /// Longest times that its operations may take.
    pub custom_timeouts: Option<CustomTimeouts>,
}

/// A resource as it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceSpec {
    /// Its name.
    pub urn: Urn,
    /// Its type.
    pub type_token: TypeToken,
    /// True when a provider manages it; false for the root stack and for components, which only group others.
    pub custom: bool,
    /// Its inputs, which may hold references to outputs of other resources.
    pub inputs: PropertyMap,
    /// How it is to be treated.
    pub options: ResourceOptions,
}

impl ResourceSpec {
    /// A resource that a provider manages.
    pub fn new(urn: Urn, inputs: PropertyMap) -> Self {
        let type_token = urn.type_token();
        Self { urn, type_token, custom: true, inputs, options: ResourceOptions::default() }
    }

    /// A resource that only groups others.
    pub fn component(urn: Urn) -> Self {
        Self { custom: false, ..Self::new(urn, PropertyMap::new()) }
    }

    /// URNs of all resources that must be done before this one: parent, explicit dependencies, references of inputs.
    /// Each once, in order of first mention.
    pub fn dependencies(&self) -> Vec<Urn> {
        let mut all: Vec<Urn> = Vec::new();
        let mut add = |urn: &Urn| {
            if !all.contains(urn) {
                all.push(urn.clone());
            }
        };
        self.options.parent.iter().for_each(&mut add);
        self.options.depends_on.iter().for_each(&mut add);
        self.inputs.for_each_reference(&mut |reference| add(&reference.urn));
        all
    }
}

/// A resource as the state records it.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceRecord {
    /// Its name.
    pub urn: Urn,
    /// Its type.
    pub type_token: TypeToken,
    /// True when a provider manages it.
    pub custom: bool,
    /// Its id in the cloud; absent for components.
    pub id: Option<String>,
    /// The inputs that it was last made with; no references, all values resolved.
    pub inputs: PropertyMap,
    /// What the provider returned.
    pub outputs: PropertyMap,
    /// The resource that it belongs to.
    pub parent: Option<Urn>,
    /// All resources that it depends on, the parent not included.
    pub dependencies: Vec<Urn>,
    /// The resources that each input depends on.
    pub property_dependencies: Vec<(String, Vec<Urn>)>,
    /// The provider resource's reference, `<urn>::<id>`.
    pub provider: Option<String>,
    /// Refuse to delete it.
    pub protect: bool,
    /// It is read, not owned: never to be changed or deleted.
    pub external: bool,
    /// An old copy that waits to be deleted after its replacement was made.
    pub pending_deletion: bool,
    /// It has been deleted and waits for its replacement to be made.
    pub pending_replacement: bool,
    /// Forget it without deleting it in the cloud.
    pub retain_on_delete: bool,
    /// Made, but not healthy: the next deployment tries again.
    pub init_errors: Vec<String>,
    /// Outputs that are secret, beside those that the provider marks.
    pub additional_secret_outputs: Vec<String>,
    /// Longest times that its operations may take.
    pub custom_timeouts: Option<CustomTimeouts>,
    /// When it was made, RFC 3339 in UTC.
    pub created: Option<String>,
    /// When it was last changed, RFC 3339 in UTC.
    pub modified: Option<String>,
}

impl ResourceRecord {
    /// A record with nothing but its name and kind.
    pub fn new(urn: Urn, custom: bool) -> Self {
        let type_token = urn.type_token();
        Self {
            urn,
            type_token,
            custom,
            id: None,
            inputs: PropertyMap::new(),
            outputs: PropertyMap::new(),
            parent: None,
            dependencies: Vec::new(),
            property_dependencies: Vec::new(),
            provider: None,
            protect: false,
            external: false,
            pending_deletion: false,
            pending_replacement: false,
            retain_on_delete: false,
            init_errors: Vec::new(),
            additional_secret_outputs: Vec::new(),
            custom_timeouts: None,
            created: None,
            modified: None,
        }
    }
}
