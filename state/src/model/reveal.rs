//! The secrets of a whole state at once: shown in the clear for an export, encrypted where they came in the clear.

use super::deployment::Deployment;
use super::resource::Resource;
use crate::codec::json::Json;
use crate::codec::value::{Properties, SECRET, SIGNATURE, ValueDecoder, ValueEncoder, ValueError};
use crate::secrets::Crypter;

impl Deployment {
    /// Decrypts every secret into the clear, as `pulumi stack export --show-secrets` does. Resources without secrets keep
    /// their text.
    ///
    /// # Errors
    /// When one can't be decrypted: never an empty value instead.
    pub fn reveal_secrets(&mut self, crypter: &dyn Crypter) -> Result<(), ValueError> {
        let decoder = ValueDecoder::revealing(crypter);
        let encoder = ValueEncoder::revealing();
        self.rewrite_secrets(&decoder, &encoder, |_| true)
    }

    /// Encrypts every secret that stands in the clear, and makes sure that all others can be decrypted: those keep their
    /// ciphertexts, and resources in which nothing stands in the clear their text.
    ///
    /// # Errors
    /// When one can't be decrypted or encrypted.
    pub fn encrypt_secrets(&mut self, crypter: &dyn Crypter) -> Result<(), ValueError> {
        let decoder = ValueDecoder::revealing(crypter);
        let encoder = ValueEncoder::new(crypter);
        self.rewrite_secrets(&decoder, &encoder, |text| text.contains("\"plaintext\""))
    }

    /// Decrypts every secret by `from` and encrypts it by `to`.
    ///
    /// # Errors
    /// When one can't be decrypted or encrypted.
    pub fn reencrypt_secrets(&mut self, from: &dyn Crypter, to: &dyn Crypter) -> Result<(), ValueError> {
        let decoder = ValueDecoder::revealing(from);
        let encoder = ValueEncoder::encrypting_anew(to);
        self.rewrite_secrets(&decoder, &encoder, |_| true)
    }

    /// Makes sure that every secret can be decrypted.
    ///
    /// # Errors
    /// The first that can't.
    pub fn check_secrets(&self, crypter: &dyn Crypter) -> Result<(), ValueError> {
        let decoder = ValueDecoder::revealing(crypter);
        let pending = self.pending_operations.iter().map(|operation| &operation.resource);
        for resource in self.resources.iter().chain(pending) {
            for (place, properties) in [("inputs", &resource.inputs), ("outputs", &resource.outputs)] {
                if properties.contain_secret() {
                    decoder.properties(properties).map_err(|error| error.at(place, &resource.urn))?;
                }
            }
        }
        Ok(())
    }

    /// Whether secrets stand in the clear, and each of them is null: so wrote `pulumi stack export --show-secrets` them until
    /// 2026 when the passphrase was wrong (SPEC.md section 3.3).
    pub fn has_lost_secrets(&self) -> bool {
        let pending = self.pending_operations.iter().map(|operation| &operation.resource);
        let mut count = PlaintextCount::default();
        for resource in self.resources.iter().chain(pending) {
            for properties in [&resource.inputs, &resource.outputs] {
                let value = properties.json().filter(|_| properties.contain_secret());
                if let Some(Ok(value)) = value.map(|json| json.parse::<serde_json::Value>()) {
                    count.add(&value);
                }
            }
        }
        count.all > 0 && count.all == count.null
    }

    fn rewrite_secrets(
        &mut self,
        decoder: &ValueDecoder<'_>,
        encoder: &ValueEncoder<'_>,
        is_rewritten: impl Fn(&str) -> bool + Copy,
    ) -> Result<(), ValueError> {
        let mut resources = self.resources.iter_mut().chain(pending(&mut self.pending_operations));
        resources.try_for_each(|resource| rewrite(resource, decoder, encoder, is_rewritten))
    }
}

/// How many secrets stand in the clear, and how many of those are null.
#[derive(Default)]
struct PlaintextCount {
    all: usize,
    null: usize,
}

impl PlaintextCount {
    fn add(&mut self, value: &serde_json::Value) {
        use serde_json::Value;
        match value {
            Value::Object(map) => match (map.get(SIGNATURE), map.get("plaintext")) {
                (Some(Value::String(signature)), Some(Value::String(plaintext))) if signature == SECRET => {
                    self.all += 1;
                    self.null += usize::from(plaintext == "null");
                }
                _ => map.values().for_each(|value| self.add(value)),
            },
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            _ => {}
        }
    }
}

fn pending(operations: &mut [crate::PendingOperation]) -> impl Iterator<Item = &mut Resource> {
    operations.iter_mut().map(|operation| &mut operation.resource)
}

/// Reads every secret of a resource, and writes anew the values that `is_rewritten` wants.
fn rewrite(
    resource: &mut Resource,
    decoder: &ValueDecoder<'_>,
    encoder: &ValueEncoder<'_>,
    is_rewritten: impl Fn(&str) -> bool,
) -> Result<(), ValueError> {
    let properties = |old: &Properties, place: &str| -> Result<Option<Properties>, ValueError> {
        if !old.contain_secret() {
            return Ok(None);
        }
        let decoded = decoder.properties(old).map_err(|error| error.at(place, &resource.urn))?;
        if !old.json().is_some_and(|json| is_rewritten(json.as_str())) {
            return Ok(None);
        }
        encoder.properties(&decoded, old).map(Some).map_err(|error| error.at(place, &resource.urn))
    };
    let inputs = properties(&resource.inputs, "inputs")?;
    let outputs = properties(&resource.outputs, "outputs")?;
    let trigger = match &resource.rare().replacement_trigger {
        Some(trigger) if trigger.as_str().contains(SECRET) => {
            let at = |error: ValueError| error.at("replacementTrigger", &resource.urn);
            let decoded = decoder.value(trigger).map_err(at)?;
            let wanted = is_rewritten(trigger.as_str());
            wanted.then(|| encoder.value_over(&decoded, trigger)).transpose().map_err(at)?
        }
        _ => None,
    };
    set(resource, inputs, outputs, trigger);
    Ok(())
}

fn set(resource: &mut Resource, inputs: Option<Properties>, outputs: Option<Properties>, trigger: Option<Json>) {
    if let Some(inputs) = inputs {
        resource.edit().inputs = inputs;
    }
    if let Some(outputs) = outputs {
        resource.edit().outputs = outputs;
    }
    if trigger.is_some() {
        resource.edit().rare_mut().replacement_trigger = trigger;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Export;
    use crate::codec::read::Origin;
    use crate::secrets::testing::Letter;

    const SIGNATURE: &str = r#""4dabf18193072939515e22adb298388d":"1b47061264138c4ac30d75fd1eb44270""#;

    fn state(secret: &str) -> Deployment {
        let text = format!(
            r#"{{"version":3,"deployment":{{"manifest":{{"time":"","magic":"","version":""}},"resources":[
            {{"urn":"urn:pulumi:dev::shop::a:b:C::plain","custom":false,"type":"a:b:C","inputs":{{"n":12345678901234567890}}}},
            {{"urn":"urn:pulumi:dev::shop::a:b:C::x","custom":false,"type":"a:b:C","outputs":{{"n":1.0,"s":{{{SIGNATURE},{secret}}}}}}}]}}}}"#
        );
        let origin = Origin { file: "test", stack: "dev" };
        Export::read(Bytes::from(text), origin).unwrap().deployment.unwrap()
    }

    fn outputs(deployment: &Deployment) -> &str {
        deployment.resources[1].outputs.json().unwrap().as_str()
    }

    #[test]
    fn secrets_are_shown_and_hidden_again() {
        let mut deployment = state(r#""ciphertext":"k\"a<b\"""#);
        deployment.reveal_secrets(&Letter('k')).unwrap();
        assert_eq!(outputs(&deployment), format!(r#"{{"n":1.0,"s":{{{SIGNATURE},"plaintext":"\"a\\u003cb\""}}}}"#));
        assert!(deployment.resources[0].text().is_some(), "what holds no secret keeps its text");
        deployment.encrypt_secrets(&Letter('m')).unwrap();
        assert_eq!(outputs(&deployment), format!(r#"{{"n":1.0,"s":{{{SIGNATURE},"ciphertext":"m\"a\\u003cb\""}}}}"#));
        deployment.reencrypt_secrets(&Letter('m'), &Letter('k')).unwrap();
        assert!(outputs(&deployment).contains(r#""ciphertext":"k"#));
    }

    #[test]
    fn secrets_that_an_older_cli_lost_are_noticed() {
        assert!(state(r#""plaintext":"null""#).has_lost_secrets());
        for kept in [r#""plaintext":"\"x\"""#, r#""plaintext":"\"null\"""#, r#""ciphertext":"null""#] {
            assert!(!state(kept).has_lost_secrets(), "{kept}");
        }
        let mut some = state(r#""plaintext":"null""#);
        some.resources.extend(state(r#""plaintext":"1""#).resources);
        assert!(!some.has_lost_secrets(), "a secret may well be null");
    }

    #[test]
    fn what_is_encrypted_already_keeps_its_text_and_must_open() {
        let mut deployment = state(r#""ciphertext":"k\"x\"""#);
        deployment.encrypt_secrets(&Letter('k')).unwrap();
        assert!(deployment.resources.iter().all(|resource| resource.text().is_some()));
        let before = deployment.clone();
        let error = deployment.encrypt_secrets(&Letter('m')).unwrap_err();
        assert!(error.to_string().contains("::x"), "{error}");
        assert!(deployment.reveal_secrets(&Letter('m')).is_err());
        assert!(deployment.check_secrets(&Letter('m')).is_err());
        deployment.check_secrets(&Letter('k')).unwrap();
        assert_eq!(deployment, before);
    }
}
