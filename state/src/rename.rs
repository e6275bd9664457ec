//! Renaming a stack or project inside a state (SPEC.md section 1.12): every URN that belongs to it, wherever it stands.

use resource_graph::{PropertyMap, Urn, Value};

use crate::deployment::Deployment;
use crate::resource::{Resource, ResourceFields};
use crate::secrets::Crypter;
use crate::value_codec::{Properties, ValueDecoder, ValueEncoder, ValueError};

/// From one stack's name to another's.
struct Renaming<'n> {
    from: (&'n str, &'n str),
    to: (&'n str, &'n str),
    crypter: &'n dyn Crypter,
}

impl Deployment {
    /// Renames the stack `from` (project and name) to `to`. Values are decoded only where a resource reference stands in
    /// them.
    ///
    /// # Errors
    /// When a value that holds references to resources can't be read or written.
    pub fn rename(&mut self, from: (&str, &str), to: (&str, &str), crypter: &dyn Crypter) -> Result<(), ValueError> {
        let renaming = Renaming { from, to, crypter };
        for resource in &mut self.resources {
            renaming.resource(resource)?;
        }
        for operation in &mut self.pending_operations {
            renaming.resource(&mut operation.resource)?;
        }
        Ok(())
    }
}

impl Renaming<'_> {
    fn resource(&self, resource: &mut Resource) -> Result<(), ValueError> {
        let mut fields = ResourceFields::clone(resource);
        let decoder = ValueDecoder::revealing(self.crypter);
        fields.urn = self.urn(&fields.urn);
        fields.map_references(|urn| self.urn(urn));
        if fields.has_rare() {
            let rare = fields.rare_mut();
            if let Some(trigger) = &mut rare.replacement_trigger {
                let value = decoder.value(trigger)?;
                *trigger = ValueEncoder::new(self.crypter).value_over(&self.value(value), trigger)?;
            }
        }
        fields.inputs = self.properties(&decoder, fields.inputs)?;
        fields.outputs = self.properties(&decoder, fields.outputs)?;
        if fields != **resource {
            *resource.edit() = fields;
        }
        Ok(())
    }

    fn urn(&self, urn: &Urn) -> Urn {
        let (project, stack) = self.from;
        if urn.stack() != stack || urn.project() != project {
            return urn.clone();
        }
        let (project, stack) = self.to;
        if urn.type_token().is_stack() && urn.name() == format!("{}-{}", self.from.0, self.from.1) {
            return Urn::root(stack, project);
        }
        let text = format!("urn:pulumi:{stack}::{project}::{}::{}", urn.qualified_type(), urn.name());
        Urn::parse(&text).unwrap_or_else(|_| urn.clone())
    }

    fn text(&self, text: &str) -> Option<String> {
        Urn::parse(text).ok().map(|urn| self.urn(&urn).to_string())
    }

    fn properties(&self, decoder: &ValueDecoder<'_>, properties: Properties) -> Result<Properties, ValueError> {
        // A reference inside of an encrypted secret can only be seen by decrypting it.
        if !properties.contain_resource_reference() && !properties.contain_secret() {
            return Ok(properties);
        }
        let map = decoder.properties(&properties)?;
        if !map.values().any(|value| value.any(&mut |value| matches!(value, Value::Resource(_)))) {
            return Ok(properties);
        }
        let map: PropertyMap = map.into_iter().map(|(name, value)| (name, self.value(value))).collect();
        ValueEncoder::new(self.crypter).properties(&map, &properties)
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::Resource(mut reference) => {
                if let Some(urn) = self.text(&reference.urn) {
                    reference.urn = urn;
                }
                Value::Resource(reference)
            }
            Value::List(list) => Value::List(list.into_iter().map(|value| self.value(value)).collect()),
            Value::Map(map) => Value::Map(map.into_iter().map(|(name, value)| (name, self.value(value))).collect()),
            Value::Secret(secret) => Value::secret(self.value(secret.into_exposed())),
            other => other,
        }
    }
}
