//! What a file's content tells while it is read for its digest: secrets that no name gives away. Called by the index, which
//! remembers it beside the digest, so that an unchanged file is looked into once.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde::{Deserialize, Serialize};

/// How much of a block is looked at again with the next one: more than a key's first line, its headers and the shortest run.
const OVERLAP: usize = 512;

/// How long a run of base64 after a key's first line makes it a key, and not a program that reads or writes keys. PEM has 64
/// characters a line (RFC 7468, section 2), and even an Ed25519 key takes one line.
const SHORTEST_RUN: usize = 40;

/// The ends of a private key's first line: PEM of all kinds (RFC 7468, sections 10 and 11; OpenSSL's and OpenSSH's `RSA PRIVATE
/// KEY`, `OPENSSH PRIVATE KEY` and so on) and OpenPGP (RFC 9580, section 6.2); then PuTTY's, and the type of a service account
/// of Google (https://cloud.google.com/iam/docs/keys-create-delete#creating).
const MARKS: [&str; 4] = ["PRIVATE KEY-----", "PRIVATE KEY BLOCK-----", "PuTTY-User-Key-File-", "\"service_account\""];

static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(MARKS).ok());

/// What was found in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Finding {
    /// A private key.
    PrivateKey,
    /// The key of a service account of Google Cloud.
    ServiceAccount,
}

/// Looks at a file block by block.
#[derive(Default)]
pub(super) struct Inspector {
    wanted: bool,
    rest: Vec<u8>,
    has_key: bool,
    has_account: bool,
}

impl Inspector {
    /// For the file of this path. What comes from a registry is public, and libraries bring keys for their tests.
    pub(super) fn of(path: &str) -> Self {
        Self { wanted: !in_node_modules(path), ..Self::default() }
    }

    /// Takes the next block.
    pub(super) fn look(&mut self, block: &[u8]) {
        let Some(finder) = FINDER.as_ref().filter(|_| self.wanted) else { return };
        let seen = if self.rest.is_empty() {
            block
        } else {
            self.rest.extend_from_slice(block);
            &self.rest
        };
        for found in finder.find_iter(seen) {
            match found.pattern().as_usize() {
                0 | 1 => self.has_key |= is_key(seen, found.start(), found.end()),
                // PuTTY's format begins the file (https://the.earth.li/~sgtatham/putty/latest/htmldoc/AppendixC.html).
                2 => self.has_key |= found.start() == 0 && self.rest.is_empty(),
                _ => self.has_account = true,
            }
        }
        self.rest = seen[seen.len().saturating_sub(OVERLAP)..].to_vec();
    }

    /// What was found.
    pub(super) fn finding(&self) -> Option<Finding> {
        match (self.has_key, self.has_account) {
            (true, true) => Some(Finding::ServiceAccount),
            (true, false) => Some(Finding::PrivateKey),
            (false, _) => None,
        }
    }
}

/// Whether a path leads through a folder of installed packages.
pub(super) fn in_node_modules(path: &str) -> bool {
    path.split('/').any(|part| part == "node_modules")
}

/// Whether the first line of a key that ends at `end` has a key behind it: real line ends or escaped ones, headers before.
fn is_key(seen: &[u8], start: usize, end: usize) -> bool {
    let line = &seen[start.saturating_sub(40)..start];
    if !line.windows(11).any(|window| window == b"-----BEGIN ") {
        return false;
    }
    let body = &seen[end..seen.len().min(end + OVERLAP - 64)];
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    body.split(|byte| !is_base64(byte)).any(|run| {
        run.len() >= SHORTEST_RUN
            && run.iter().any(u8::is_ascii_uppercase)
            && run.iter().any(u8::is_ascii_lowercase)
            && run.iter().any(|byte| !byte.is_ascii_alphabetic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";

    fn finding(path: &str, blocks: &[&str]) -> Option<Finding> {
        let mut inspector = Inspector::of(path);
        blocks.iter().for_each(|block| inspector.look(block.as_bytes()));
        inspector.finding()
    }

    #[test]
    fn keys_of_all_kinds_are_found_however_they_are_written() {
        for text in [
            format!("-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----\n"),
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\r\n{BODY}\r\n"),
            format!(
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C3D\n\n{BODY}\n"
            ),
            format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{BODY}\n"),
            format!("const key = '-----BEGIN EC PRIVATE KEY-----\\n{BODY}\\n';"),
            format!("KEY=\"-----BEGIN PRIVATE KEY----- {BODY}\""),
            "PuTTY-User-Key-File-3: ssh-ed25519\n".to_owned(),
        ] {
            assert_eq!(finding("some.txt", &[&text]), Some(Finding::PrivateKey), "{text}");
            assert_eq!(finding("node_modules/a/test/some.txt", &[&text]), None);
        }
        let account = format!(r#"{{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\n{BODY}"}}"#);
        assert_eq!(finding("gcp.json", &[&account]), Some(Finding::ServiceAccount));
    }

    #[test]
    fn what_only_speaks_of_keys_is_none() {
        for text in [
            format!("-----BEGIN PUBLIC KEY-----\n{BODY}\n"),
            format!("-----BEGIN CERTIFICATE-----\n{BODY}\n"),
            "pem = `-----BEGIN PRIVATE KEY-----\\n${encode(key)}\\n-----END PRIVATE KEY-----`; function importKey() {}"
                .into(),
            "-----BEGIN PRIVATE KEY-----\n////////////////////////////////////////////////////////////\n".into(),
            "-----BEGIN PRIVATE KEY-----\nMIIE...\n-----END PRIVATE KEY-----\n".into(),
            format!("PRIVATE KEY----- {BODY}"),
            "the header PuTTY-User-Key-File-2: begins a file".into(),
            r#"{"type": "service_account"}"#.into(),
        ] {
            assert_eq!(finding("some.txt", &[&text]), None, "{text}");
        }
    }

    #[test]
    fn a_key_across_blocks_is_found() {
        let text = format!("{}-----BEGIN PRIVATE KEY-----\n{BODY}\n", "x".repeat(700));
        for cut in 690..text.len() {
            let (before, after) = text.split_at(cut);
            assert_eq!(finding("some.txt", &[before, after]), Some(Finding::PrivateKey), "{cut}");
        }
    }
}
