//! What the tests of the format share: a cipher that can be read, and states of a few lines.

use bytes::Bytes;
use state::{Checkpoint, Crypter, Deployment, Error, Export, Origin, Resource, SecretsError};
use zeroize::Zeroizing;

/// Ciphertexts are the plaintexts as hex.
#[derive(Debug)]
pub struct Hex;

impl Crypter for Hex {
    fn encrypt(&self, plaintext: &str) -> Result<String, SecretsError> {
        Ok(format!("hex:{}", hex::encode(plaintext)))
    }

    fn decrypt(&self, ciphertext: &str) -> Result<Zeroizing<String>, SecretsError> {
        let plaintext =
            ciphertext.strip_prefix("hex:").and_then(|text| String::from_utf8(hex::decode(text).ok()?).ok());
        plaintext.map(Zeroizing::new).ok_or(SecretsError::WrongPassphrase)
    }
}

/// A cipher of a state without secrets.
#[derive(Debug)]
pub struct Never;

impl Crypter for Never {
    fn encrypt(&self, _: &str) -> Result<String, SecretsError> {
        panic!("nothing is to be encrypted")
    }

    fn decrypt(&self, _: &str) -> Result<Zeroizing<String>, SecretsError> {
        panic!("nothing is to be decrypted")
    }
}

pub const ORIGIN: Origin<'static> = Origin { file: "dev.json", stack: "dev" };

pub fn export(text: impl Into<Bytes>) -> Result<Export, Error> {
    Export::read(text.into(), ORIGIN)
}

pub fn checkpoint(text: impl Into<Bytes>) -> Result<Checkpoint, Error> {
    Checkpoint::read(text.into(), ORIGIN)
}

/// What is wrong with an export.
pub fn refusal(text: impl Into<Bytes>) -> String {
    export(text).expect_err("it isn't an export").to_string()
}

/// An export with the given members of one resource beside its name, kind and type.
pub fn with_resource(members: &str) -> Deployment {
    deployment(&format!(r#"{{"urn":"urn:pulumi:dev::shop::a:b:C::x","custom":true,"type":"a:b:C"{members}}}"#))
}

/// The state of the given resources.
pub fn deployment(resources: &str) -> Deployment {
    let text = format!(
        r#"{{"version":3,"deployment":{{"manifest":{{"time":"2026-01-02T03:04:05Z","magic":"","version":""}},"resources":[{resources}],"metadata":{{}}}}}}"#
    );
    export(text).expect("an export").deployment.expect("a state")
}

/// The state in the form of a checkpoint's file.
pub fn compact(deployment: &Deployment) -> String {
    let checkpoint = Checkpoint {
        stack: "organization/shop/dev".to_owned(),
        latest: Some(deployment.clone()),
        unknown: Vec::new(),
        around: Vec::new(),
    };
    String::from_utf8(checkpoint.to_bytes()).expect("text")
}

/// The state with each resource written anew from its fields.
pub fn rewritten(deployment: &Deployment) -> Deployment {
    let mut deployment = deployment.clone();
    let pending = deployment.pending_operations.iter_mut().map(|operation| &mut operation.resource);
    deployment.resources.iter_mut().chain(pending).for_each(|resource: &mut Resource| {
        resource.edit();
    });
    deployment
}
