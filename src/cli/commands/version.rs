//! `version`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::exit_code::ExitCode;
use crate::cli::process::session::{CommandResult, Session};

/// `version --json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The program's version.
    pub version: String,
    /// The processor's architecture that it was built for, such as `x86_64`.
    pub architecture: String,
    /// The system that it was built for, such as `linux`.
    pub system: String,
}

/// Prints the version.
pub fn version(session: &Session) -> CommandResult {
    let document = VersionDocument {
        schema_version: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        system: std::env::consts::OS.to_owned(),
    };
    if session.output.json().is_some() {
        session.output.document(&document);
    } else {
        let VersionDocument { version, architecture, system, .. } = document;
        session.output.result(&format!("semantest-iac {version} ({architecture}, {system})\n"));
    }
    Ok(ExitCode::Done)
}
