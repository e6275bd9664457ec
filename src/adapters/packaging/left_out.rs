//! What the default rules leave out of a package, for the notes that tell it; and the secrets that only a file's content
//! gives away, which are left out or refused here.

use std::collections::BTreeMap;

use super::error::PackagingError;
use super::index::Digests;
use super::inspection::Finding;
use super::manifest::Manifest;
use super::tree::SourceTree;

/// Endings of files that are made to hold keys, so that leaving them out is expected.
const KEY_FILES: [&str; 2] = [".pem", ".key"];

/// What the default rules have left out of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Secrets: paths within the source folder, folders with a `/` at their end.
    pub secrets: Vec<String>,
    /// How many files and folders each of the other rules has left out, by the rule's pattern.
    pub others: BTreeMap<String, usize>,
}

impl LeftOut {
    /// How many files and folders the rules have left out that aren't about secrets.
    pub fn other_count(&self) -> usize {
        self.others.values().sum()
    }
}

/// Takes out of the package what its content shows to be a secret, where nobody has asked for it; adds it to `left_out`.
///
/// # Errors
/// A private key in a file that isn't made for one: it may be needed, so leaving it out in passing won't do.
pub(super) fn take_secrets_out(
    manifest: &mut Manifest,
    tree: &SourceTree,
    digests: &Digests,
    left_out: &mut LeftOut,
) -> Result<(), PackagingError> {
    let mut refused = Vec::new();
    for entry in tree.entries.iter().filter(|entry| entry.packaged && !entry.asked_for) {
        let Some(finding) = digests.get(&entry.path).and_then(|seen| seen.finding) else { continue };
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let is_key_file = KEY_FILES.iter().any(|ending| name.ends_with(ending))
            // As ssh-keygen names them: `id_ed25519`, `id_ecdsa_sk`.
            || name.starts_with("id_") && !name.contains('.');
        match finding {
            Finding::Program(..) => {}
            Finding::PrivateKey if !is_key_file => refused.push(entry.path.clone()),
            Finding::PrivateKey | Finding::ServiceAccount => {
                manifest.entries.remove(&entry.path);
                left_out.secrets.push(entry.path.clone());
            }
        }
    }
    left_out.secrets.sort_unstable();
    if refused.is_empty() { Ok(()) } else { Err(PackagingError::PrivateKey { paths: refused }) }
}
