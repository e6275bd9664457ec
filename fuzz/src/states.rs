//! Exports and checkpoints.

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
        let plaintext = ciphertext.strip_prefix("hex:").and_then(|text| String::from_utf8(hex::decode(text).ok()?).ok());
        plaintext.map(Zeroizing::new).ok_or(SecretsError::WrongPassphrase)
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
                assert_eq!((&again.inputs, &again.outputs), (&record.inputs, &record.outputs));
            }
        }
    }
    let mut renamed = state.clone();
    if renamed.rename(("shop", "dev"), ("market", "prod"), &Hex).is_ok() {
        assert_eq!(renamed.resources.len(), state.resources.len());
    }
}
