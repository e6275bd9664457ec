//! How emulators are installed and started: their pinned packages, what is installed with them, and how they are run.
//!
//! Everything a start needs is embedded, so that an installed binary can set up a local cloud without the project's checkout.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::interpreter::Versions;
use super::packages::Packages;
use crate::emulator::Emulator;
use crate::install::{NpmPackages, PipPackages};

/// A file that an installation or a start writes out: its path below the folder, and its text.
pub(crate) type Asset = (&'static str, &'static str);

impl Emulator {
    /// What it is installed from.
    pub(crate) fn packages(self) -> Packages {
        match self {
            Emulator::MiniStack => Packages::Pip(PipPackages {
                // The pinned packages have wheels from 3.10 on.
                versions: Versions { oldest: (3, 10), newest: Some((3, 14)) },
                // cryptography verifies JWTs and backs KMS, cbor2 speaks the protocol of the Rust SDK's CloudWatch client.
                requirements: &["ministack==1.5.33", "cryptography", "cbor2"],
                constraints: include_str!("../../ministack/constraints.txt"),
                assets: &[],
                modules: &["ministack", "hypercorn", "cryptography", "cbor2"],
            }),
            Emulator::LocalStack => Packages::Pip(PipPackages {
                // Its own dependencies resolve on this version only.
                versions: Versions { oldest: (3, 13), newest: Some((3, 13)) },
                requirements: &["localstack-core[runtime]==2026.3.0", "./localstack-nodocker"],
                constraints: include_str!("../../localstack-constraints.txt"),
                assets: &[
                    ("localstack-nodocker/pyproject.toml", include_str!("../../localstack-nodocker/pyproject.toml")),
                    (
                        "localstack-nodocker/localstack_nodocker/__init__.py",
                        include_str!("../../localstack-nodocker/localstack_nodocker/__init__.py"),
                    ),
                    (
                        "localstack-nodocker/localstack_nodocker/executor.py",
                        include_str!("../../localstack-nodocker/localstack_nodocker/executor.py"),
                    ),
                    (
                        "localstack-nodocker/localstack_nodocker/plugins.py",
                        include_str!("../../localstack-nodocker/localstack_nodocker/plugins.py"),
                    ),
                    (
                        "localstack-nodocker/localstack_nodocker/services.py",
                        include_str!("../../localstack-nodocker/localstack_nodocker/services.py"),
                    ),
                    (
                        "localstack-nodocker/localstack_nodocker/worker.mjs",
                        include_str!("../../localstack-nodocker/localstack_nodocker/worker.mjs"),
                    ),
                ],
                modules: &["localstack", "moto", "hypercorn", "localstack_nodocker"],
            }),
            Emulator::Azurite => Packages::Npm(NpmPackages {
                versions: Versions { oldest: (20, 0), newest: None },
                manifest: ("package.json", include_str!("../../azurite/package.json")),
                lock: include_str!("../../azurite/package-lock.json"),
                modules: &["azurite/package.json", "azurite/dist/src/blob/main"],
            }),
        }
    }

    /// The name of the program among [`Emulator::start_assets`].
    pub(crate) fn program(self) -> &'static str {
        match self {
            Emulator::MiniStack => "ministack_patched.py",
            Emulator::LocalStack => "localstack_launcher.py",
            Emulator::Azurite => "azurite_launcher.js",
        }
    }

    /// Files that a start writes into its work folder.
    pub(crate) fn start_assets(self) -> &'static [Asset] {
        const LIFELINE: Asset = ("lifeline.py", include_str!("../../launcher/lifeline.py"));
        match self {
            Emulator::MiniStack => &[
                ("ministack_patched.py", include_str!("../../ministack/ministack_patched.py")),
                ("patch_events.py", include_str!("../../ministack/patch_events.py")),
                ("patch_functions.py", include_str!("../../ministack/patch_functions.py")),
                ("patch_gateway.py", include_str!("../../ministack/patch_gateway.py")),
                ("patch_identity.py", include_str!("../../ministack/patch_identity.py")),
                ("patch_logs.py", include_str!("../../ministack/patch_logs.py")),
                ("patch_state.py", include_str!("../../ministack/patch_state.py")),
                ("patch_tags.py", include_str!("../../ministack/patch_tags.py")),
                ("patch_workers.py", include_str!("../../ministack/patch_workers.py")),
                LIFELINE,
            ],
            Emulator::LocalStack => {
                &[("localstack_launcher.py", include_str!("../../launcher/localstack_launcher.py")), LIFELINE]
            }
            Emulator::Azurite => &[
                ("azurite_launcher.js", include_str!("../../azurite/azurite_launcher.js")),
                ("lifeline.js", include_str!("../../launcher/lifeline.js")),
            ],
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
            Emulator::Azurite => {
                environment.extend([("BLOB_HOST", "127.0.0.1".to_owned()), ("BLOB_PORT", port.to_string())]);
                if persist {
                    environment.push(("LOCATION", below("blobs")));
                }
            }
        }
        environment
    }

    /// The folder's name in the cache: another version, other pins or another plugin is another installation.
    pub(crate) fn folder_name(self) -> String {
        let mut digest = Sha256::new();
        let packages = self.packages();
        for text in packages.requirements().iter().copied().chain([packages.pins().1]) {
            digest.update(text);
            digest.update([0]);
        }
        for (path, text) in packages.assets() {
            digest.update(path);
            digest.update([0]);
            digest.update(text);
            digest.update([0]);
        }
        let digest = hex::encode(&digest.finalize()[..4]);
        format!("{}-{}-{digest}", self.slug(), self.version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_name_the_version_that_is_announced() {
        for emulator in Emulator::ALL {
            let announced = match emulator.packages() {
                Packages::Pip(packages) => packages.requirements[0].ends_with(&format!("=={}", emulator.version())),
                Packages::Npm(packages) => {
                    packages.manifest.1.contains(&format!("\"{}\": \"{}\"", emulator.slug(), emulator.version()))
                }
            };
            assert!(announced, "{emulator}");
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
    /// Whoever installs uses a registry of their own; what comes from it is known by its hash.
    #[test]
    fn every_npm_package_is_known_by_its_hash_and_none_by_a_registry() {
        let lock: serde_json::Value = serde_json::from_str(include_str!("../../azurite/package-lock.json")).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        assert!(packages.len() > 100);
        for (path, package) in packages.iter().filter(|(path, _)| !path.is_empty()) {
            assert!(package["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-")), "{path}");
            assert!(package.get("resolved").is_none() && package.get("hasInstallScript").is_none(), "{path}");
        }
    }
}
