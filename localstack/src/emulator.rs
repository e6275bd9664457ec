//! The emulators that can be installed: their pinned versions, what is installed with them, and how they are started.
//!
//! Everything a start needs is embedded, so that an installed binary can set up a local cloud without the project's checkout.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A local AWS that this crate can install and run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Emulator {
    /// MiniStack: real Node.js functions behind HTTP and WebSocket APIs. The default.
    #[default]
    MiniStack,
    /// LocalStack's open core with our plugin: stricter validation of functions, but no HTTP API data plane.
    LocalStack,
}

/// A file that an installation or a start writes out: its path below the folder, and its text.
pub(crate) type Asset = (&'static str, &'static str);

/// The versions of Python that an emulator runs on, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PythonVersions {
    pub(crate) oldest: (u32, u32),
    pub(crate) newest: (u32, u32),
}

impl PythonVersions {
    pub(crate) fn contains(&self, version: (u32, u32)) -> bool {
        self.oldest <= version && version <= self.newest
    }
}

impl fmt::Display for PythonVersions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((major, minor), newest) = (self.oldest, self.newest);
        if self.oldest == newest {
            write!(formatter, "{major}.{minor}")
        } else {
            write!(formatter, "{major}.{minor} to {}.{}", newest.0, newest.1)
        }
    }
}

impl Emulator {
    /// All of them.
    pub const ALL: [Emulator; 2] = [Emulator::MiniStack, Emulator::LocalStack];

    /// The name that people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Emulator::MiniStack => "MiniStack",
            Emulator::LocalStack => "LocalStack",
        }
    }

    /// The name in file names and on the command line.
    pub fn slug(self) -> &'static str {
        match self {
            Emulator::MiniStack => "ministack",
            Emulator::LocalStack => "localstack",
        }
    }

    /// The version that is installed.
    pub fn version(self) -> &'static str {
        match self {
            Emulator::MiniStack => "1.5.33",
            Emulator::LocalStack => "2026.3.0",
        }
    }

    /// The port that a daemon takes where none is asked for.
    pub fn default_port(self) -> u16 {
        match self {
            Emulator::MiniStack => 4566,
            Emulator::LocalStack => 4567,
        }
    }

    /// LocalStack's own dependencies resolve on Python 3.13 only; MiniStack's pinned ones have wheels from 3.10 on.
    pub(crate) fn python_versions(self) -> PythonVersions {
        match self {
            Emulator::MiniStack => PythonVersions { oldest: (3, 10), newest: (3, 14) },
            Emulator::LocalStack => PythonVersions { oldest: (3, 13), newest: (3, 13) },
        }
    }

    /// What pip is asked to install. A path is relative to the folder that the installation's assets were written to.
    pub(crate) fn requirements(self) -> &'static [&'static str] {
        match self {
            // cryptography verifies JWTs and backs KMS, cbor2 speaks the protocol of the Rust SDK's CloudWatch client.
            Emulator::MiniStack => &["ministack==1.5.33", "cryptography", "cbor2"],
            Emulator::LocalStack => &["localstack-core[runtime]==2026.3.0", "./localstack-nodocker"],
        }
    }

    /// Modules whose presence shows that an installation is whole.
    pub(crate) fn modules(self) -> &'static [&'static str] {
        match self {
            Emulator::MiniStack => &["ministack", "hypercorn", "cryptography", "cbor2"],
            Emulator::LocalStack => &["localstack", "moto", "hypercorn", "localstack_nodocker"],
        }
    }

    /// The pins of everything that the requirements pull in.
    pub(crate) fn constraints(self) -> &'static str {
        match self {
            Emulator::MiniStack => include_str!("../ministack/constraints.txt"),
            Emulator::LocalStack => include_str!("../localstack-constraints.txt"),
        }
    }

    /// Files that pip needs beside the constraints.
    pub(crate) fn install_assets(self) -> &'static [Asset] {
        match self {
            Emulator::MiniStack => &[],
            Emulator::LocalStack => &[
                ("localstack-nodocker/pyproject.toml", include_str!("../localstack-nodocker/pyproject.toml")),
                (
                    "localstack-nodocker/localstack_nodocker/__init__.py",
                    include_str!("../localstack-nodocker/localstack_nodocker/__init__.py"),
                ),
                (
                    "localstack-nodocker/localstack_nodocker/executor.py",
                    include_str!("../localstack-nodocker/localstack_nodocker/executor.py"),
                ),
                (
                    "localstack-nodocker/localstack_nodocker/plugins.py",
                    include_str!("../localstack-nodocker/localstack_nodocker/plugins.py"),
                ),
                (
                    "localstack-nodocker/localstack_nodocker/services.py",
                    include_str!("../localstack-nodocker/localstack_nodocker/services.py"),
                ),
                (
                    "localstack-nodocker/localstack_nodocker/worker.mjs",
                    include_str!("../localstack-nodocker/localstack_nodocker/worker.mjs"),
                ),
            ],
        }
    }

    /// The name of the program among [`Emulator::start_assets`].
    pub(crate) fn program(self) -> &'static str {
        match self {
            Emulator::MiniStack => "ministack_patched.py",
            Emulator::LocalStack => "localstack_launcher.py",
        }
    }

    /// Files that a start writes into its work folder.
    pub(crate) fn start_assets(self) -> &'static [Asset] {
        const LIFELINE: Asset = ("lifeline.py", include_str!("../launcher/lifeline.py"));
        match self {
            Emulator::MiniStack => &[
                ("ministack_patched.py", include_str!("../ministack/ministack_patched.py")),
                ("patch_events.py", include_str!("../ministack/patch_events.py")),
                ("patch_functions.py", include_str!("../ministack/patch_functions.py")),
                ("patch_gateway.py", include_str!("../ministack/patch_gateway.py")),
                ("patch_identity.py", include_str!("../ministack/patch_identity.py")),
                ("patch_logs.py", include_str!("../ministack/patch_logs.py")),
                ("patch_state.py", include_str!("../ministack/patch_state.py")),
                ("patch_tags.py", include_str!("../ministack/patch_tags.py")),
                ("patch_workers.py", include_str!("../ministack/patch_workers.py")),
                LIFELINE,
            ],
            Emulator::LocalStack => {
                &[("localstack_launcher.py", include_str!("../launcher/localstack_launcher.py")), LIFELINE]
            }
        }
    }

    /// The environment that a start adds, with its files under `folder`.
    pub(crate) fn start_environment(
        self,
        port: u16,
        folder: &Path,
        enforce_iam: bool,
        persist: bool,
    ) -> Vec<(&'static str, String)> {
        let below = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let mut environment = vec![("TMPDIR", below("tmp")), ("PYTHONUNBUFFERED", "1".to_owned())];
        match self {
            Emulator::MiniStack => {
                environment.extend([
                    ("GATEWAY_PORT", port.to_string()),
                    // Without it MiniStack listens on every interface of the machine.
                    ("BIND_HOST", "127.0.0.1".to_owned()),
                    ("STATE_DIR", below("state")),
                    ("S3_DATA_DIR", below("s3")),
                    ("IOT_MTLS_ENABLED", "0".to_owned()),
                    ("SFTP_ENABLED", "0".to_owned()),
                ]);
                if enforce_iam {
                    environment.push(("AUTH", "true".to_owned()));
                }
                if persist {
                    environment.extend([("PERSIST_STATE", "1".to_owned()), ("S3_PERSIST", "1".to_owned())]);
                }
            }
            Emulator::LocalStack => {
                environment.extend([
                    ("GATEWAY_SERVER", "hypercorn".to_owned()),
                    ("GATEWAY_LISTEN", format!("127.0.0.1:{port}")),
                    ("LOCALSTACK_HOST", format!("localhost:{port}")),
                    ("FILESYSTEM_ROOT", below("filesystem")),
                    ("DNS_ADDRESS", "0".to_owned()),
                    ("SKIP_SSL_CERT_DOWNLOAD", "1".to_owned()),
                    ("DISABLE_EVENTS", "1".to_owned()),
                    ("LAMBDA_RUNTIME_EXECUTOR", "local".to_owned()),
                    ("PROVIDER_OVERRIDE_DYNAMODB", "moto".to_owned()),
                ]);
            }
        }
        environment
    }

    /// The folders that hold what it keeps, below its own.
    pub(crate) fn data_folders(self) -> impl Iterator<Item = &'static str> {
        let folders: &[&str] = match self {
            Emulator::MiniStack => &["state", "s3"],
            Emulator::LocalStack => &["filesystem"],
        };
        folders.iter().copied()
    }

    /// The path that answers once the server is up.
    pub(crate) fn health_path(self) -> &'static str {
        match self {
            Emulator::MiniStack => "/_ministack/health",
            Emulator::LocalStack => "/_localstack/health",
        }
    }

    /// The path that empties the server on POST. LocalStack's open core has none: it is emptied by a restart.
    pub(crate) fn reset_path(self) -> Option<&'static str> {
        match self {
            Emulator::MiniStack => Some("/_ministack/reset"),
            Emulator::LocalStack => None,
        }
    }

    /// The folder's name in the cache: another version, other pins or another plugin is another installation.
    pub(crate) fn folder_name(self) -> String {
        let mut digest = Sha256::new();
        for text in self.requirements().iter().copied().chain([self.constraints()]) {
            digest.update(text);
            digest.update([0]);
        }
        for (path, text) in self.install_assets() {
            digest.update(path);
            digest.update([0]);
            digest.update(text);
            digest.update([0]);
        }
        let digest = hex::encode(&digest.finalize()[..4]);
        format!("{}-{}-{digest}", self.slug(), self.version())
    }
}

impl fmt::Display for Emulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::str::FromStr for Emulator {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Emulator::ALL
            .into_iter()
            .find(|emulator| emulator.slug().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("unknown emulator `{text}`: expected `ministack` or `localstack`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_name_the_version_that_is_announced() {
        for emulator in Emulator::ALL {
            assert!(emulator.requirements()[0].ends_with(&format!("=={}", emulator.version())), "{emulator}");
            assert!(emulator.folder_name().starts_with(&format!("{}-{}-", emulator.slug(), emulator.version())));
            assert_eq!(emulator.slug().parse(), Ok(emulator));
        }
    }

    #[test]
    fn the_program_is_among_the_files_of_a_start() {
        for emulator in Emulator::ALL {
            assert!(emulator.start_assets().iter().any(|(path, _)| *path == emulator.program()), "{emulator}");
        }
    }

    #[test]
    fn every_server_is_bound_to_loopback() {
        for emulator in Emulator::ALL {
            let environment = emulator.start_environment(4000, Path::new("/work"), false, false);
            assert!(environment.iter().any(|(_, value)| value.starts_with("127.0.0.1")), "{emulator}");
        }
    }
}
