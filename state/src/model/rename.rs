//! Renaming inside a state (SPEC.md section 1.12): of a stack or project, or of some resources; every URN, wherever it
//! stands.

use resource_graph::{PropertyMap, Urn, Value};

use super::deployment::Deployment;
use super::resource::{Resource, ResourceFields};
use crate::codec::value::{Properties, ValueDecoder, ValueEncoder, ValueError};
use crate::secrets::Crypter;

/// From old names to new ones.
struct Renaming<'n> {
    /// The new name of one that changes.
    names: &'n dyn Fn(&Urn) -> Option<Urn>,
    crypter: &'n dyn Crypter,
}

impl Deployment {
    /// Renames the stack `from` (project and name) to `to`. Values are decoded only where a resource reference stands in
    /// them.
    ///
    /// # Errors
    /// When a value that holds references to resources can't be read or written.
    pub fn rename(&mut self, from: (&str, &str), to: (&str, &str), crypter: &dyn Crypter) -> Result<(), ValueError> {
        self.rename_urns(&|urn| in_other_stack(urn, from, to), crypter)
    }

    /// Gives every URN the name that `names` has for it, wherever it stands; nothing leaves it as it is.
    ///
    /// # Errors
    /// As [`Self::rename`].
    pub fn rename_urns(
        &mut self,
        names: &dyn Fn(&Urn) -> Option<Urn>,
        crypter: &dyn Crypter,
    ) -> Result<(), ValueError> {
        let renaming = Renaming { names, crypter };
        for resource in &mut self.resources {
            renaming.resource(resource)?;
        }
        for operation in &mut self.pending_operations {
            renaming.resource(&mut operation.resource)?;
        }
        Ok(())
    }
}

/// The name of a resource of the stack `from` (project and name) in the stack `to`; nothing for those of others.
pub(crate) fn in_other_stack(urn: &Urn, from: (&str, &str), to: (&str, &str)) -> Option<Urn> {
    let (project, stack) = from;
    if urn.stack() != stack || urn.project() != project {
        return None;
    }
    let is_root = urn.type_token().is_stack() && urn.name() == format!("{project}-{stack}");
    let (project, stack) = to;
    if is_root {
        return Some(Urn::root(stack, project));
    }
    let text = format!("urn:pulumi:{stack}::{project}::{}::{}", urn.qualified_type(), urn.name());
    Urn::parse(&text).ok()
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
        (self.names)(urn).unwrap_or_else(|| urn.clone())
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
