//! What of a stack's files is encrypted.

use schemars::JsonSchema;
use serde::Serialize;

use crate::application::ApplicationError;
use crate::ports::{ConvertedFiles, StackAddress, StackAdministration, StackEncryption};

/// What changing a stack's encryption has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncryptionChange {
    /// The stack, `organization/<project>/<stack>`.
    pub stack: String,
    /// `secrets` or `full`, as `state.encryption` has it.
    pub encryption: String,
    /// The files that were written; none when the stack was as wanted already.
    pub written: Vec<String>,
    /// The files that were removed.
    pub removed: Vec<String>,
    /// Files in the stack's own folders that aren't known, and were left as they are.
    pub left: Vec<String>,
}

/// Changes what of a stack's files is encrypted, or goes on with a change that was interrupted.
///
/// # Errors
/// As [`StackAdministration::convert`].
pub async fn convert(
    store: &dyn StackAdministration,
    stack: &StackAddress,
    to: StackEncryption,
) -> Result<EncryptionChange, ApplicationError> {
    Ok(change(stack, to, store.convert(stack, to).await?))
}

/// Takes the files of a sealed stack as they are for the newest from now on. Nothing is written but what says so.
///
/// # Errors
/// As [`StackAdministration::accept_older_state`].
pub async fn accept_older_state(
    store: &dyn StackAdministration,
    stack: &StackAddress,
) -> Result<EncryptionChange, ApplicationError> {
    store.accept_older_state(stack).await?;
    Ok(change(stack, StackEncryption::Full, ConvertedFiles::default()))
}

fn change(stack: &StackAddress, to: StackEncryption, files: ConvertedFiles) -> EncryptionChange {
    let ConvertedFiles { written, removed, left } = files;
    let encryption = match to {
        StackEncryption::Secrets => "secrets",
        StackEncryption::Full => "full",
    };
    EncryptionChange { stack: stack.qualified(), encryption: encryption.to_owned(), written, removed, left }
}
