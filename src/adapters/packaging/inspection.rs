//! What a file's content tells while it is read for its digest: secrets that no name gives away, and what native modules are
//! built for. Called by the index, which
//! remembers it beside the digest, so that an unchanged file is looked into once.

use std::fmt;
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
    /// A native module.
    Program(System, Machine),
}

/// The system that a program is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum System {
    /// Linux, and what else has ELF.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

/// The processor that a program is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Machine {
    X64,
    Arm64,
    /// Several, in one file.
    Several,
    /// Another.
    Other,
}

impl fmt::Display for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Linux => "Linux",
            Self::MacOs => "macOS",
            Self::Windows => "Windows",
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::X64 => "x86_64",
            Self::Arm64 => "arm64",
            Self::Several => "several processors",
            Self::Other => "another processor",
        })
    }
}

/// What a program's first bytes say. ELF: <https://man7.org/linux/man-pages/man5/elf.5.html>, `e_machine` of
/// <https://www.sco.com/developers/gabi/latest/ch4.eheader.html>. Mach-O: `mach-o/loader.h` and `mach-o/fat.h` of
/// <https://github.com/apple-oss-distributions/xnu>. PE: <https://learn.microsoft.com/windows/win32/debug/pe-format>.
fn program(head: &[u8]) -> Option<(System, Machine)> {
    let word = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
    let long = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
    match head.get(..4)? {
        b"\x7fELF" => {
            let machine = match word(18)? {
                62 => Machine::X64,
                183 => Machine::Arm64,
                _ => Machine::Other,
            };
            Some((System::Linux, machine))
        }
        [0xcf, 0xfa, 0xed, 0xfe] => {
            let machine = match long(4)? {
                0x0100_0007 => Machine::X64,
                0x0100_000c => Machine::Arm64,
                _ => Machine::Other,
            };
            Some((System::MacOs, machine))
        }
        [0xca, 0xfe, 0xba, 0xbe | 0xbf] => Some((System::MacOs, Machine::Several)),
        [b'M', b'Z', ..] => {
            let header = usize::try_from(long(0x3c)?).ok()?;
            let machine = match word(header.checked_add(4)?) {
                Some(0x8664) => Machine::X64,
                Some(0xaa64) => Machine::Arm64,
                _ => Machine::Other,
            };
            Some((System::Windows, machine))
        }
        _ => None,
    }
}

/// Looks at a file block by block.
#[derive(Default)]
pub(super) struct Inspector {
    wanted: bool,
    is_module: bool,
    program: Option<(System, Machine)>,
    rest: Vec<u8>,
    has_key: bool,
    has_account: bool,
}

impl Inspector {
    /// For the file of this path. What comes from a registry is public, and libraries bring keys for their tests.
    pub(super) fn of(path: &str) -> Self {
        // Node.js loads native modules by this ending (https://nodejs.org/api/addons.html).
        let is_module = path.ends_with(".node");
        Self { wanted: !is_module && !in_node_modules(path), is_module, ..Self::default() }
    }

    /// Takes the next block.
    pub(super) fn look(&mut self, block: &[u8]) {
        if std::mem::take(&mut self.is_module) {
            self.program = program(block);
        }
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
        if let Some((system, machine)) = self.program {
            return Some(Finding::Program(system, machine));
        }
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
