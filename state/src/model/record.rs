//! Between resources of a state and the records that planner and adapters work with.

use std::borrow::Cow;
use std::sync::Arc;

use resource_graph::resource::recorded::{RecordError, RecordMarks, Recorded};
use resource_graph::{PropertyMap, ResourceRecord, Urn, Value};

use super::resource::{Resource, ResourceFields};
use crate::codec::value::{Properties, ValueDecoder, ValueEncoder, ValueError};
use crate::secrets::Crypter;

/// The key of the Terraform bridge's patch from outputs to its own state: it must go when outputs change, or the
/// provider fails (SPEC.md section 6.1).
const RAW_STATE_DELTA: &str = "__pulumi_raw_state_delta";

impl Resource {
    /// The record of this resource, with inputs and outputs decoded.
    ///
    /// # Errors
    /// When a value is malformed or a secret can't be decrypted.
    pub fn to_record(&self, decoder: &ValueDecoder<'_>) -> Result<ResourceRecord, ValueError> {
        let inputs = decoder.properties(&self.inputs).map_err(|error| error.at("inputs", &self.urn))?;
        let outputs = decoder.properties(&self.outputs).map_err(|error| error.at("outputs", &self.urn))?;
        Ok(ResourceRecord { inputs, outputs, ..self.to_head_record() })
    }

    /// The record of this resource without inputs and outputs.
    pub fn to_head_record(&self) -> ResourceRecord {
        let (fields, rare): (&ResourceFields, _) = (self, self.rare());
        ResourceRecord {
            urn: fields.urn.clone(),
            type_token: fields.type_token.clone(),
            custom: fields.custom,
            id: fields.id.clone(),
            inputs: PropertyMap::new(),
            outputs: PropertyMap::new(),
            parent: fields.parent.clone(),
            dependencies: fields.dependencies.clone(),
            property_dependencies: fields.property_dependencies(),
            provider: fields.provider.as_deref().map(str::to_owned),
            protect: fields.protect,
            external: fields.external,
            pending_deletion: fields.delete,
            pending_replacement: fields.pending_replacement,
            retain_on_delete: fields.retain_on_delete,
            init_errors: rare.init_errors.clone(),
            additional_secret_outputs: rare.additional_secret_outputs.clone(),
            custom_timeouts: rare.custom_timeouts.clone(),
            created: fields.created.clone(),
            modified: fields.modified.clone(),
        }
    }

    /// A new resource of a record.
    ///
    /// # Errors
    /// When a secret can't be encrypted or a reference has no value yet.
    pub fn from_record(record: &ResourceRecord, crypter: &dyn Crypter) -> Result<Self, ValueError> {
        let mut resource = Self::from(ResourceFields::new(record.urn.clone(), record.custom));
        resource.update_from(record, crypter)?;
        Ok(resource)
    }

    /// Takes over a record's fields; those that records don't have stay, unless the record is of a new copy. A resource that is the same afterwards keeps
    /// its text, and secrets that are the same keep their ciphertexts.
    ///
    /// # Errors
    /// As [`Self::from_record`]; the resource is then as it was.
    pub fn update_from(&mut self, record: &ResourceRecord, crypter: &dyn Crypter) -> Result<(), ValueError> {
        if self.is_older_copy(record) {
            *self = Self::from_record(record, crypter)?;
            return Ok(());
        }
        let encoder = ValueEncoder::new(crypter);
        let encode = |map: &PropertyMap, old: &Properties, place: &str| {
            let new = encoder.properties(map, old).map_err(|error| error.at(place, &record.urn))?;
            Ok::<_, ValueError>(if same(&new, old) { old.clone() } else { new })
        };
        let inputs = encode(&record.inputs, &self.inputs, "inputs")?;
        let mut outputs = encode(&record.outputs, &self.outputs, "outputs")?;
        if outputs != self.outputs && record.outputs.contains_key(RAW_STATE_DELTA) {
            let mut without = record.outputs.clone();
            without.remove(RAW_STATE_DELTA);
            outputs = encode(&without, &self.outputs, "outputs")?;
        }
        let mut fields = ResourceFields {
            urn: record.urn.clone(),
            type_token: record.type_token.clone(),
            custom: record.custom,
            id: record.id.clone(),
            inputs,
            outputs,
            parent: record.parent.clone(),
            dependencies: record.dependencies.clone(),
            provider: record.provider.as_deref().map(Into::into),
            protect: record.protect,
            external: record.external,
            delete: record.pending_deletion,
            pending_replacement: record.pending_replacement,
            retain_on_delete: record.retain_on_delete,
            created: record.created.clone(),
            modified: record.modified.clone(),
            ..ResourceFields::clone(self)
        };
        if fields.property_dependencies() != record.property_dependencies {
            fields.set_property_dependencies(&record.property_dependencies);
        }
        let rare = fields.rare();
        if (&rare.init_errors, &rare.additional_secret_outputs, &rare.custom_timeouts)
            != (&record.init_errors, &record.additional_secret_outputs, &record.custom_timeouts)
        {
            let rare = fields.rare_mut();
            rare.init_errors.clone_from(&record.init_errors);
            rare.additional_secret_outputs.clone_from(&record.additional_secret_outputs);
            rare.custom_timeouts.clone_from(&record.custom_timeouts);
        }
        if fields.rare().taint && fields.modified != self.modified {
            // It was asked to be put right, and was.
            fields.rare_mut().taint = false;
        }
        if fields != **self {
            if !fields.rare().aliases.is_empty() {
                // Read, applied, and never written again (SPEC.md section 1.5).
                fields.rare_mut().aliases.clear();
            }
            *self.edit() = fields;
        }
        if record.inputs.values().chain(record.outputs.values()).any(holds_bytes) {
            self.set_holds_bytes();
        }
        Ok(())
    }

    /// Whether a record is of a copy that was made after this one: what was said of this one doesn't hold for it.
    fn is_older_copy(&self, record: &ResourceRecord) -> bool {
        let is_made_later = matches!((&self.created, &record.created), (Some(old), Some(new)) if old != new);
        self.custom && (self.id.is_some() && self.id != record.id || is_made_later)
    }
}

/// A resource as the planner sees it: decoded only as far as it is asked.
#[derive(Clone, Debug)]
pub struct RecordedResource {
    resource: Resource,
    decoder: Arc<ValueDecoder<'static>>,
}

impl RecordedResource {
    /// A resource and the decoder that all of its state share.
    pub fn new(resource: Resource, decoder: Arc<ValueDecoder<'static>>) -> Self {
        Self { resource, decoder }
    }

    /// The resource.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }
}

impl Recorded for RecordedResource {
    fn urn(&self) -> &Urn {
        &self.resource.urn
    }

    fn marks(&self) -> RecordMarks {
        let fields: &ResourceFields = &self.resource;
        RecordMarks {
            custom: fields.custom,
            protect: fields.protect,
            external: fields.external,
            pending_deletion: fields.delete,
            pending_replacement: fields.pending_replacement,
            retain_on_delete: fields.retain_on_delete,
            tainted: fields.rare().taint,
            has_init_errors: !fields.rare().init_errors.is_empty(),
        }
    }

    fn id(&self) -> Option<&str> {
        self.resource.id.as_deref()
    }

    fn parent(&self) -> Option<&str> {
        self.resource.parent.as_ref().map(Urn::as_str)
    }

    fn for_each_dependency(&self, visit: &mut dyn FnMut(&str)) {
        self.resource.dependencies.iter().for_each(|urn| visit(urn.as_str()));
    }

    fn deleted_with(&self) -> Option<&str> {
        self.resource.rare().deleted_with.as_ref().map(Urn::as_str)
    }

    fn for_each_other_reference(&self, visit: &mut dyn FnMut(&str)) {
        self.resource.for_each_other_reference(visit);
    }

    fn provider(&self) -> Option<&str> {
        Some(self.resource.provider.as_deref()?.rsplit_once("::")?.0)
    }

    fn is_foreign(&self) -> bool {
        false
    }

    fn inputs(&self) -> Result<Cow<'_, PropertyMap>, RecordError> {
        let inputs = self.decoder.properties(&self.resource.inputs);
        Ok(Cow::Owned(inputs.map_err(|error| error.at("inputs", &self.resource.urn))?))
    }

    fn output(&self, path: &[String]) -> Result<Option<Value>, RecordError> {
        let value = self.decoder.value_at(&self.resource.outputs, path);
        Ok(value.map_err(|error| error.at(format!("output '{}'", path.join(".")), &self.resource.urn))?)
    }

    fn to_record(&self) -> Result<Arc<ResourceRecord>, RecordError> {
        Ok(Arc::new(self.resource.to_record(&self.decoder)?))
    }
}

/// Whether bytes that aren't UTF-8 stand in a value, inside of secrets too.
fn holds_bytes(value: &Value) -> bool {
    value.any(&mut |value| matches!(value, Value::Bytes(bytes) if std::str::from_utf8(bytes).is_err()))
}

/// Whether two texts hold the same, whatever their layout.
fn same(new: &Properties, old: &Properties) -> bool {
    match (new.json(), old.json()) {
        (None, None) => true,
        (Some(new), Some(old)) => {
            new == old
                || new
                    .parse::<serde_json::Value>()
                    .ok()
                    .is_some_and(|new| old.parse().is_ok_and(|old: serde_json::Value| new == old))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::testing::NoSecrets;

    fn old() -> (Resource, ResourceRecord) {
        let urn = Urn::new("dev", "shop", None, &resource_graph::TypeToken::new("a:b:C"), "x");
        let mut record = ResourceRecord::new(urn.clone(), true);
        record.id = Some("1".into());
        record.created = Some("2026-01-01T00:00:00Z".into());
        record.modified = record.created.clone();
        let mut resource = Resource::from_record(&record, &NoSecrets).unwrap();
        let rare = resource.edit().rare_mut();
        (rare.taint, rare.import_id, rare.aliases) = (true, Some("1".into()), vec![urn.clone()]);
        (rare.deleted_with, rare.replace_with, rare.ignore_changes) =
            (Some(urn.clone()), vec![urn], vec!["tags".into()]);
        (resource, record)
    }

    #[test]
    fn a_new_copy_inherits_nothing_that_was_said_of_the_old_one() {
        let later = Some("2026-02-01T00:00:00Z".to_owned());
        let by_id = |record: &mut ResourceRecord| record.id = Some("2".into());
        let of_the_same_id = |record: &mut ResourceRecord| record.created.clone_from(&later);
        for change in [&by_id as &dyn Fn(&mut ResourceRecord), &of_the_same_id] {
            let (mut resource, mut record) = old();
            change(&mut record);
            resource.update_from(&record, &NoSecrets).unwrap();
            assert_eq!(resource, Resource::from_record(&record, &NoSecrets).unwrap());
        }
    }

    #[test]
    fn an_update_takes_the_taint_away_and_a_rewrite_the_aliases() {
        let (mut resource, mut record) = old();
        resource.update_from(&record, &NoSecrets).unwrap();
        assert_eq!(resource, old().0, "nothing has changed");
        record.inputs.insert("read", "from the cloud");
        resource.update_from(&record, &NoSecrets).unwrap();
        assert!(resource.rare().taint && resource.rare().aliases.is_empty());
        record.modified = Some("2026-02-01T00:00:00Z".into());
        resource.update_from(&record, &NoSecrets).unwrap();
        let rare = resource.rare();
        assert!(!rare.taint && rare.import_id.is_some() && rare.deleted_with.is_some());
        assert_eq!((rare.replace_with.len(), rare.ignore_changes.len()), (1, 1));
    }
}
