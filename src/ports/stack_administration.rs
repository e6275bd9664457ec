//! Work on stacks as a whole and on what their states hold: for whoever looks after stacks, not for deployments.
//!
//! One administration stands for one store, which may hold stacks of many projects. Names and texts are Pulumi's.

use async_trait::async_trait;

use super::{RecordedResource, StackLocks, StoreError};

/// Which stack of a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StackAddress {
    /// The project.
    pub project: String,
    /// The stack's own name.
    pub stack: String,
}

impl StackAddress {
    /// A stack of a project. Whether the names can be a stack's is the store's to say.
    pub fn new(project: impl Into<String>, stack: impl Into<String>) -> Self {
        Self { project: project.into(), stack: stack.into() }
    }

    /// The name that is understood everywhere, `organization/<project>/<stack>`.
    pub fn qualified(&self) -> String {
        format!("organization/{}/{}", self.project, self.stack)
    }

    /// The name as Pulumi shows it to somebody who works on `project`: short for stacks of that project, whole for others.
    pub fn shown_in(&self, project: Option<&str>) -> String {
        if project == Some(self.project.as_str()) { self.stack.clone() } else { self.qualified() }
    }
}

/// A stack in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackEntry {
    /// Which one.
    pub address: StackAddress,
    /// When its state was written, RFC 3339; nothing for a stack that has never had one.
    pub updated: Option<String>,
    /// How many resources its state holds, the root included; nothing for a stack that has never had one, or is sealed.
    pub resources: Option<usize>,
    /// Whether its files are sealed.
    pub sealed: bool,
    /// Who holds its lock, from where, since when.
    pub holder: Option<String>,
    /// A deployment of it that runs or died: its id.
    pub open_deployment: Option<String>,
    /// Why its state can't be read.
    pub problem: Option<String>,
}

/// What is to be exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportRequest {
    /// Secret values in the clear instead of encrypted.
    pub show_secrets: bool,
    /// The state of this entry of the history, 1 for the oldest that is kept; nothing for the state as it is now.
    pub version: Option<usize>,
}

/// A state in the form that `pulumi stack import` takes.
#[derive(Clone)]
pub struct ExportedState {
    /// The file's content, with its newline at the end.
    pub content: Vec<u8>,
    /// A deployment that runs or died, and whose recorded operations are in the content: its id.
    pub open_deployment: Option<String>,
}

impl std::fmt::Debug for ExportedState {
    /// Secrets may stand in the content in the clear.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExportedState")
            .field("bytes", &self.content.len())
            .field("open_deployment", &self.open_deployment)
            .finish()
    }
}

/// What of a stack's files is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackEncryption {
    /// Each secret value by itself, in Pulumi's way.
    Secrets,
    /// Every file as a whole.
    Full,
}

/// What changing a stack's encryption has done, as the store shows files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConvertedFiles {
    /// What was written; nothing when there was nothing to do.
    pub written: Vec<String>,
    /// What was removed.
    pub removed: Vec<String>,
    /// What lies in the stack's own folders and is none of its files.
    pub left: Vec<String>,
}

/// A store of stacks. What only reads takes no lock.
#[async_trait]
pub trait StackAdministration: StackLocks {
    /// Where the store is, for people.
    fn location(&self) -> String;

    /// All stacks, or those of one project, by name. One that can't be read is there too, with the reason.
    ///
    /// # Errors
    /// When the store can't be read.
    async fn stacks(&self, project: Option<&str>) -> Result<Vec<StackEntry>, StoreError>;

    /// A stack's state in Pulumi's export form, with what a running or died deployment has recorded folded in.
    ///
    /// # Errors
    /// When there is no such stack or version, it can't be read, or a secret that is to be shown can't be decrypted.
    async fn export(&self, stack: &StackAddress, request: ExportRequest) -> Result<ExportedState, StoreError>;

    /// The resources of a stack in the state's order, with what a running or died deployment has recorded folded in. Each
    /// is decoded when it is asked for.
    ///
    /// # Errors
    /// When there is no such stack, or it can't be read.
    async fn resources(&self, stack: &StackAddress) -> Result<Vec<RecordedResource>, StoreError>;

    /// Changes what of a stack's files is encrypted, under its lock, or goes on with a change that was interrupted.
    ///
    /// # Errors
    /// When there is no such stack, it is locked, a deployment of it isn't finished, the key isn't to be had, or the store
    /// can't be written.
    async fn convert(&self, stack: &StackAddress, to: StackEncryption) -> Result<ConvertedFiles, StoreError>;

    /// Takes the files of a sealed stack as they are for the newest from now on, under its lock.
    ///
    /// # Errors
    /// When it is locked, or a file isn't what was sealed.
    async fn accept_older_state(&self, stack: &StackAddress) -> Result<(), StoreError>;
}
