//! A resource of a state with every field that Pulumi knows (SPEC.md section 1.5), and those that nobody knows yet.
//!
//! A resource that was read and isn't touched keeps its text and is written back byte for byte.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use memchr::memmem::Finder;
use resource_graph::{CustomTimeouts, TypeToken, Urn};

use crate::codec::json::{Json, Layout, Writer};
use crate::codec::value::{BYTES, Properties};

/// A resource of a state. Reading goes through [`ResourceFields`]; whoever changes it calls [`Resource::edit`].
#[derive(Clone)]
pub struct Resource {
    fields: ResourceFields,
    /// The text that the fields were read from, while they are still the same.
    text: Option<Bytes>,
    /// Bytes that aren't UTF-8 were put in, perhaps inside of a secret where they can't be seen any more.
    holds_bytes: bool,
}

/// The fields of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceFields {
    /// Its name.
    pub urn: Urn,
    /// A provider manages it; false for the root stack and components.
    pub custom: bool,
    /// An old copy that waits to be deleted.
    pub delete: bool,
    /// Its id in the cloud.
    pub id: Option<String>,
    /// Its type.
    pub type_token: TypeToken,
    /// Its inputs, as text.
    pub inputs: Properties,
    /// Its outputs, as text.
    pub outputs: Properties,
    /// The resource that it belongs to.
    pub parent: Option<Urn>,
    /// Refuse to delete it.
    pub protect: bool,
    /// Read, not owned.
    pub external: bool,
    /// All resources that it depends on.
    pub dependencies: Vec<Urn>,
    /// The provider's reference, `<urn>::<id>`.
    pub provider: Option<Arc<str>>,
    /// Dependencies of each input; a list or `null` each, as text.
    pub property_dependencies: Option<Json>,
    /// Deleted already, to be made again.
    pub pending_replacement: bool,
    /// Forget it without deleting it in the cloud.
    pub retain_on_delete: bool,
    /// When it was made.
    pub created: Option<String>,
    /// When it was last changed.
    pub modified: Option<String>,
    /// Fields that few resources have.
    pub(crate) rare: Option<Box<RareFields>>,
}

/// Fields that few resources have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RareFields {
    /// To be replaced at the next update (feature `taint`).
    pub taint: bool,
    /// Made, but not healthy.
    pub init_errors: Vec<String>,
    /// Outputs to be treated as secret.
    pub additional_secret_outputs: Vec<String>,
    /// Longest times of its operations, in seconds.
    pub custom_timeouts: Option<CustomTimeouts>,
    /// Members beside those times that aren't known.
    pub unknown_timeouts: Vec<(String, Json)>,
    /// Former names. Read, never to be written anew.
    pub aliases: Vec<Urn>,
    /// The id that it was imported by.
    pub import_id: Option<String>,
    /// It needs no deletion of its own when that resource is deleted.
    pub deleted_with: Option<Urn>,
    /// It is replaced when one of those is (feature `replaceWith`).
    pub replace_with: Vec<Urn>,
    /// Where the program declared it.
    pub source_position: Option<String>,
    /// How the program came there.
    pub stack_trace: Option<Json>,
    /// Property paths whose changes are left alone.
    pub ignore_changes: Vec<String>,
    /// Property paths not to be shown in diffs.
    pub hide_diff: Option<Json>,
    /// Property paths whose changes replace.
    pub replace_on_changes: Vec<String>,
    /// A value whose change replaces.
    pub replacement_trigger: Option<Json>,
    /// Read it before each update (feature `refreshBeforeUpdate`).
    pub refresh_before_update: bool,
    /// It is a view of that resource (feature `views`).
    pub view_of: Option<Urn>,
    /// Hooks by their kind (feature `hooks`).
    pub resource_hooks: Option<Json>,
    /// An extension's reference (feature `extensionParameterization`).
    pub extension_ref: Option<String>,
    /// The snippet that declared it (feature `snippets-prototype`).
    pub snippet_id: Option<String>,
    /// Members that aren't known, in their order.
    pub unknown: Vec<(String, Json)>,
}

static NO_RARE_FIELDS: LazyLock<RareFields> = LazyLock::new(RareFields::default);

impl Deref for Resource {
    type Target = ResourceFields;

    fn deref(&self) -> &ResourceFields {
        &self.fields
    }
}

impl fmt::Debug for Resource {
    /// Secrets may stand in the text in the clear, so it isn't shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl PartialEq for Resource {
    /// Equal in all fields; where properties came in different layouts they count as different.
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

impl From<ResourceFields> for Resource {
    fn from(fields: ResourceFields) -> Self {
        Self { fields, text: None, holds_bytes: false }
    }
}

impl Resource {
    /// A resource that was read.
    pub(crate) fn read(fields: ResourceFields, text: Option<Bytes>) -> Self {
        Self { fields, text, holds_bytes: false }
    }

    /// The fields, to be changed. The resource will be written anew.
    pub fn edit(&mut self) -> &mut ResourceFields {
        self.text = None;
        &mut self.fields
    }

    /// Remembers that bytes that aren't UTF-8 were put in.
    pub(crate) fn set_holds_bytes(&mut self) {
        self.holds_bytes = true;
    }

    /// Whether bytes that aren't UTF-8 stand in its values, or were put into its secrets.
    pub(crate) fn holds_bytes(&self) -> bool {
        let trigger = self.rare().replacement_trigger.as_ref();
        self.holds_bytes
            || self.inputs.contain_bytes()
            || self.outputs.contain_bytes()
            || trigger.is_some_and(|trigger| trigger.as_str().contains(BYTES))
    }

    /// The text that it was read from, if nothing has changed since.
    pub(crate) fn text(&self) -> Option<&Bytes> {
        self.text.as_ref()
    }
}

impl ResourceFields {
    /// A resource with nothing but its name and kind.
    pub fn new(urn: Urn, custom: bool) -> Self {
        let type_token = urn.type_token();
        Self {
            urn,
            custom,
            delete: false,
            id: None,
            type_token,
            inputs: Properties::none(),
            outputs: Properties::none(),
            parent: None,
            protect: false,
            external: false,
            dependencies: Vec::new(),
            provider: None,
            property_dependencies: None,
            pending_replacement: false,
            retain_on_delete: false,
            created: None,
            modified: None,
            rare: None,
        }
    }

    /// Fields that few resources have.
    pub fn rare(&self) -> &RareFields {
        self.rare.as_deref().unwrap_or(&NO_RARE_FIELDS)
    }

    /// Fields that few resources have, to be changed.
    pub fn rare_mut(&mut self) -> &mut RareFields {
        self.rare.get_or_insert_default()
    }

    /// Lets go of rare fields of which none is set: they are as good as none.
    pub(crate) fn forget_empty_rare(&mut self) {
        self.rare.take_if(|rare| **rare == *NO_RARE_FIELDS);
    }

    /// Whether any of the rare fields is set.
    pub(crate) fn has_rare(&self) -> bool {
        self.rare.is_some()
    }

    /// The dependencies of each input.
    pub fn property_dependencies(&self) -> Vec<(String, Vec<Urn>)> {
        let mut list = Vec::new();
        // The text was checked when it was read.
        let _ = self.for_each_property_dependencies(|name, urns| list.push((name.to_owned(), urns)));
        list
    }

    /// Sets the dependencies of each input.
    pub fn set_property_dependencies(&mut self, list: &[(String, Vec<Urn>)]) {
        // Sorted by name, as Go's maps are written.
        let map: BTreeMap<&str, &[Urn]> = list.iter().map(|(name, urns)| (name.as_str(), urns.as_slice())).collect();
        if map.is_empty() {
            self.property_dependencies = None;
            return;
        }
        let mut writer = Writer::new(Layout::Compact, 0);
        writer.begin(b'{');
        for (name, urns) in map {
            writer.key(name);
            writer.begin(b'[');
            for urn in urns {
                writer.item();
                writer.string(urn.as_str());
            }
            writer.end(b']');
        }
        writer.end(b'}');
        self.property_dependencies = Some(writer.into_json());
    }

    /// Whether each URN that the property dependencies name is known; `false` also where that can't be told without
    /// decoding. Costs no decoding: URNs are found as texts.
    pub(crate) fn property_dependencies_are(&self, mut known: impl FnMut(&str) -> bool) -> bool {
        static URN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("urn:"));
        let Some(json) = &self.property_dependencies else { return true };
        let text = json.as_str();
        let mut rest = text;
        while let Some(at) = URN.find(rest.as_bytes()) {
            let urn = &rest[at..];
            let end = memchr::memchr2(b'"', b'\\', urn.as_bytes()).unwrap_or(urn.len());
            if !urn[end..].starts_with('"') || !known(&urn[..end]) {
                return false;
            }
            rest = &urn[end..];
        }
        text.starts_with('{')
    }

    /// Calls `visit` with the URN of each resource that it refers to other than as parent, in `dependencies`, as
    /// `deletedWith` or as its provider.
    pub fn for_each_other_reference(&self, visit: &mut dyn FnMut(&str)) {
        let found = self.property_dependencies_are(|urn| {
            visit(urn);
            true
        });
        if !found {
            // The text was checked when it was read.
            let _ = self.for_each_property_dependencies(|_, urns| urns.iter().for_each(|urn| visit(urn.as_str())));
        }
        self.rare().replace_with.iter().for_each(|urn| visit(urn.as_str()));
    }

    pub(crate) fn for_each_property_dependencies(
        &self,
        mut visit: impl FnMut(&str, Vec<Urn>),
    ) -> Result<(), serde_json::Error> {
        let Some(json) = &self.property_dependencies else { return Ok(()) };
        for (name, list) in crate::codec::json::members(json.as_str())? {
            let urns: Option<Vec<Urn>> = serde_json::from_str(list)?;
            visit(&name, urns.unwrap_or_default());
        }
        Ok(())
    }

    /// The root stack's resource.
    pub fn is_root(&self) -> bool {
        self.type_token.is_stack() && !self.custom
    }
}
