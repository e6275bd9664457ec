//! Exports and checkpoints.

use resource_graph::{ArchiveSource, PropertyMap, Value};
use state::{Checkpoint, Crypter, Deployment, Export, Origin, SecretsError, ValueDecoder};
use zeroize::Zeroizing;

const ORIGIN: Origin<'static> = Origin { file: "dev.json", stack: "dev" };

/// Reads what `pulumi stack export` wrote.
pub fn export(content: &[u8]) {
    let Ok(read) = Export::read(content.to_vec().into(), ORIGIN) else { return };
    let written = read.to_bytes();
    let again = Export::read(written.clone().into(), ORIGIN).expect("what was written is read");
    assert_eq!(again.to_bytes(), written);
    if let Some(state) = read.deployment {
        // The layout of a checkpoint holds the same.
        let stored = |deployment: Deployment| {
            let stack = "organization/shop/dev".to_owned();
            Checkpoint { stack, latest: Some(deployment), unknown: Vec::new(), around: Vec::new() }.to_bytes()
        };
        let compact = Checkpoint::read(stored(state.clone()).into(), ORIGIN).expect("what was written is read");
        let printed = Export { deployment: compact.latest, unknown: read.unknown }.to_bytes();
        assert_eq!(printed, written);
        use_it(&state);
    }
}

/// Reads a checkpoint.
pub fn checkpoint(content: &[u8]) {
    let Ok(read) = Checkpoint::read(content.to_vec().into(), ORIGIN) else { return };
    let written = read.to_bytes();
    let again = Checkpoint::read(written.clone().into(), ORIGIN).expect("what was written is read");
    assert_eq!(again.to_bytes(), written);
    read.latest.iter().for_each(use_it);
}

/// Ciphertexts are the plaintexts as hex.
struct Hex;

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

/// Whether properties are what they were. Assets and archives may have got the hash that they lacked.
fn are_kept(before: &PropertyMap, after: &PropertyMap) -> bool {
    before.len() == after.len()
        && before
            .iter()
            .zip(after.iter())
            .all(|((name, before), (other, after))| name == other && is_kept(before, after))
}

fn is_kept(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Map(before), Value::Map(after)) => are_kept(before, after),
        (Value::List(before), Value::List(after)) => {
            before.len() == after.len() && before.iter().zip(after).all(|(before, after)| is_kept(before, after))
        }
        (Value::Secret(before), Value::Secret(after)) => is_kept(before.expose(), after.expose()),
        (Value::Asset(before), Value::Asset(after)) if before.hash.is_none() => before.source == after.source,
        (Value::Archive(before), Value::Archive(after)) => match (&before.source, &after.source) {
            (ArchiveSource::Assets(assets), ArchiveSource::Assets(others)) => {
                are_kept(assets, others) && (before.hash.is_none() || before.hash == after.hash)
            }
            (source, other) => source == other && before.hash == after.hash,
        },
        _ => before == after,
    }
}

/// Does with a state what programs do.
fn use_it(state: &Deployment) {
    let repair = state.repair();
    let _ = repair.to_string();
    if repair.is_complete() {
        assert!(repair.deployment.verify().is_ok());
        assert!(repair.deployment.repair().is_empty());
    }
    let decoders = [ValueDecoder::hiding(), ValueDecoder::revealing(&Hex)];
    for resource in &state.resources {
        for decoder in &decoders {
            let Ok(record) = resource.to_record(decoder) else { continue };
            let mut same = resource.clone();
            if same.update_from(&record, &Hex).is_ok() {
                // Neither form of a secret is lost: what is read of it afterwards is what was read before.
                let again = same.to_record(decoder).expect("what was written is read");
                for (before, after) in [(&record.inputs, &again.inputs), (&record.outputs, &again.outputs)] {
                    assert!(are_kept(before, after), "{before:?} became {after:?}");
                }
            }
        }
    }
    let mut renamed = state.clone();
    if renamed.rename(("shop", "dev"), ("market", "prod"), &Hex).is_ok() {
        assert_eq!(renamed.resources.len(), state.resources.len());
    }
}
