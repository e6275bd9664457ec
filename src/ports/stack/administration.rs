//! Work on stacks as a whole and on what their states hold: for whoever looks after stacks, not for deployments.
//!
//! One administration stands for one store, which may hold stacks of many projects. Names and texts are Pulumi's.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use resource_graph::Urn;
use schemars::JsonSchema;
use serde::Serialize;

use crate::ports::{LockRequest, NoticeHandler, RecordedResource, StackLocks, StoreError};

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
pub struct StackExportRequest {
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

/// A state that is to take the place of a stack's own.
#[derive(Clone)]
pub struct StackImportRequest {
    /// The file's content, in Pulumi's export form.
    pub content: Vec<u8>,
    /// The file's name, for messages.
    pub file: String,
    /// Import it whatever is wrong with it.
    pub force: bool,
}

impl std::fmt::Debug for StackImportRequest {
    /// Secrets may stand in the content in the clear.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StackImportRequest")
            .field("file", &self.file)
            .field("force", &self.force)
            .finish_non_exhaustive()
    }
}

/// Which resources an edit is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// All of the stack.
    All,
    /// Those of these names.
    Only(Vec<Urn>),
}

/// An edit of a state by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateEdit {
    /// Forget resources; they stay in the cloud.
    Delete {
        /// Which.
        targets: Targets,
        /// Protected ones, too.
        force: bool,
        /// Those that depend on them, too.
        dependents: bool,
    },
    /// Give a resource another name.
    Rename {
        /// Which.
        urn: Urn,
        /// Its new name.
        name: String,
    },
    /// Protect resources from deletion, or take that back.
    Protect {
        /// Which.
        targets: Targets,
        /// Whether they are to be protected.
        protect: bool,
    },
    /// Put the state in order, and drop references that lead nowhere.
    Repair,
}

/// A reference from one resource to another, by its kind: `parent`, `dependency`, `property dependency: <name>`,
/// `deleted with` or `replace with`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reference {
    /// How the resource refers.
    pub kind: String,
    /// To what.
    pub target: String,
}

/// A change that an edit makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "change", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum EditChange {
    /// A resource is forgotten.
    Delete {
        /// Its name.
        urn: String,
        /// Its id in the cloud, where it lives on.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Whether it was protected.
        protected: bool,
        /// Whether it goes because it depends on one that was named.
        dependent: bool,
    },
    /// A resource gets another name.
    Rename {
        /// Its name before.
        from: String,
        /// Its name afterwards.
        to: String,
    },
    /// A resource is protected.
    Protect {
        /// Its name.
        urn: String,
    },
    /// A resource isn't protected any more.
    Unprotect {
        /// Its name.
        urn: String,
    },
    /// A resource gets another place in the state.
    Reorder {
        /// Its name.
        urn: String,
        /// Whether it is an old copy that waits to be deleted.
        pending_deletion: bool,
    },
    /// A second entry of a name that is equal to the first goes.
    DropCopy {
        /// The name.
        urn: String,
    },
    /// References of a resource change.
    Repoint {
        /// Its name before.
        urn: String,
        /// Its name afterwards, where that is another.
        #[serde(skip_serializing_if = "Option::is_none")]
        renamed: Option<String>,
        /// Whether it is an old copy that waits to be deleted.
        pending_deletion: bool,
        /// References that led nowhere.
        dropped: Vec<Reference>,
    },
}

/// What an edit would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditPlan {
    /// The changes, in the state's order; none when there is nothing to do.
    pub changes: Vec<EditChange>,
    /// What a repair can't put right. While there is anything, it isn't made.
    pub remaining: Vec<String>,
    /// Of what state it is.
    pub version: String,
}

/// A reference that a move drops, since what it leads to is in the other stack then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BrokenReference {
    /// The resource that refers.
    pub urn: String,
    /// How, and to what.
    #[serde(flatten)]
    pub reference: Reference,
}

/// Resources that are to be moved to another stack of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRequest {
    /// Where they are.
    pub source: StackAddress,
    /// Where they go.
    pub destination: StackAddress,
    /// Their names; what belongs to them goes along.
    pub urns: Vec<Urn>,
    /// Also those that they belong to.
    pub include_parents: bool,
}

/// What a move would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovePlan {
    /// The resources that go: their names before and afterwards.
    pub moved: Vec<(String, String)>,
    /// Those that the other stack has already, since an earlier move was cut off. Names before.
    pub already_there: Vec<String>,
    /// Providers that are copied along: their names afterwards.
    pub providers: Vec<String>,
    /// Names that aren't in the stack.
    pub missing: Vec<String>,
    /// References of what stays that are dropped.
    pub broken_in_source: Vec<BrokenReference>,
    /// References of what goes that are dropped.
    pub broken_in_destination: Vec<BrokenReference>,
    /// Of what states it is.
    pub version: String,
}

/// A resource in a drawing of what depends on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphNode {
    /// The resource.
    pub urn: Urn,
    /// What it belongs to.
    pub parent: Option<Urn>,
    /// What it depends on, each with the inputs for whose sake it does.
    pub dependencies: Vec<(Urn, Vec<String>)>,
}

/// A finished operation of a stack, as Pulumi records it.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRecord {
    /// Its number, 1 for the oldest that is kept.
    pub number: usize,
    /// The version that it was recorded with: 0 in stores of this kind.
    pub version: i64,
    /// `update`, `destroy`, `refresh`, …
    pub kind: String,
    /// `succeeded`, `failed` or `in-progress`.
    pub result: String,
    /// Seconds since 1970.
    pub started: i64,
    /// Seconds since 1970.
    pub ended: i64,
    /// A word from whoever asked.
    pub message: String,
    /// Facts about the run.
    pub environment: BTreeMap<String, String>,
    /// The stack's configuration then.
    pub config: BTreeMap<String, RecordedSetting>,
    /// How many resources each kind of step was for.
    pub changes: BTreeMap<String, u64>,
}

/// A value of the configuration that an operation was recorded with.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordedSetting {
    /// Its text, or the JSON text of an object; nothing for a secret that isn't to be shown.
    pub value: Option<String>,
    /// Whether the text is that of an object or list.
    pub is_object: bool,
    /// Whether it is a secret, or holds one.
    pub secret: bool,
}

impl std::fmt::Debug for RecordedSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordedSetting").field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// Who encrypts a new stack's secrets: whoever was asked for, else whom the stack's settings name, else a usual one. All in
/// Pulumi's words: `passphrase`, or the URL of a cloud's key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewStackSecrets {
    /// Who was asked for.
    pub provider: Option<String>,
    /// Who it is when nobody says anything: a passphrase, when this doesn't, either.
    pub usual: Option<String>,
    /// The file of the stack's settings, where the stack's project is at hand. It is made where it isn't there, and says
    /// from then on who it is.
    pub settings: Option<PathBuf>,
}

/// How a stack is to be removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoveRequest {
    /// Also when resources are left in it, or a deployment of it is cut off.
    pub force: bool,
    /// Also the copies of its states.
    pub remove_backups: bool,
}

/// A stack that went to another store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigratedStack {
    /// Where it is now, for people.
    pub location: String,
    /// How many files of its history went along.
    pub history: usize,
    /// How many copies of its states went along.
    pub backups: usize,
    /// Whether it has tags.
    pub tags: bool,
}

/// Two stores: stacks go from one to the other.
#[async_trait]
pub trait StackMigration: Send + Sync {
    /// Copies a stack with all that belongs to it, compares what arrived, and with `remove` removes it from where it was.
    ///
    /// # Errors
    /// When there is no such stack, the other store has another one of the name, either is locked, or a deployment of it is
    /// under way or cut off; the stack is then still where it was.
    async fn migrate(
        &self,
        stack: &StackAddress,
        remove: bool,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<MigratedStack, StoreError>;
}

/// Something that is wrong with a stack's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProblem {
    /// What.
    pub message: String,
    /// What to do about it, where that isn't a repair.
    pub hint: Option<String>,
    /// Whether it is the state's own order that is broken, which a repair may put right.
    pub repairable: bool,
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
    async fn export(&self, stack: &StackAddress, request: StackExportRequest) -> Result<ExportedState, StoreError>;

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

    /// What a stack shows: the root resource's outputs as JSON values, secrets as `[secret]` unless they are to be shown.
    ///
    /// # Errors
    /// When there is no such stack, it can't be read, or a secret that is to be shown can't be decrypted.
    async fn outputs(
        &self,
        stack: &StackAddress,
        show_secrets: bool,
    ) -> Result<serde_json::Map<String, serde_json::Value>, StoreError>;

    /// The resources of a name in the form of the state, each as a JSON value, secrets as `[secret]` unless they are to be
    /// shown.
    ///
    /// # Errors
    /// When there is no such stack or resource, or a secret that is to be shown can't be decrypted.
    async fn show(
        &self,
        stack: &StackAddress,
        urn: &Urn,
        show_secrets: bool,
    ) -> Result<Vec<serde_json::Value>, StoreError>;

    /// What depends on what, in the state's order.
    ///
    /// # Errors
    /// When there is no such stack, or it can't be read.
    async fn graph(&self, stack: &StackAddress) -> Result<Vec<GraphNode>, StoreError>;

    /// The finished operations of a stack, newest first; secrets of their configurations only where they are to be shown.
    ///
    /// # Errors
    /// When there is no such stack, it can't be read, or a secret that is to be shown can't be decrypted.
    async fn history(&self, stack: &StackAddress, show_secrets: bool) -> Result<Vec<HistoryRecord>, StoreError>;

    /// Everything that is wrong with a stack's state, journal, history and tags, in words; with `secrets`, also those that
    /// can't be decrypted.
    ///
    /// # Errors
    /// When there is no such stack, or the store can't be read.
    async fn problems(&self, stack: &StackAddress, secrets: bool) -> Result<Vec<StateProblem>, StoreError>;

    /// Puts a state in the place of a stack's own, as `pulumi stack import` does. Gives warnings.
    ///
    /// # Errors
    /// When there is no such stack, the state is none or isn't this stack's, breaks a rule, or holds secrets that can't be
    /// decrypted; nothing was changed then.
    async fn import(
        &self,
        stack: &StackAddress,
        request: StackImportRequest,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<Vec<String>, StoreError>;

    /// What an edit would do.
    ///
    /// # Errors
    /// When there is no such stack or resource, the edit isn't safe, or a deployment of the stack is under way or cut off.
    async fn plan_edit(&self, stack: &StackAddress, edit: &StateEdit) -> Result<EditPlan, StoreError>;

    /// Makes an edit as it was planned.
    ///
    /// # Errors
    /// As [`Self::plan_edit`], and when the stack was changed since; nothing was changed then.
    async fn edit(
        &self,
        stack: &StackAddress,
        edit: &StateEdit,
        plan: &EditPlan,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError>;

    /// What a move would do.
    ///
    /// # Errors
    /// As [`Self::plan_edit`], for either stack.
    async fn plan_move(&self, request: &MoveRequest) -> Result<MovePlan, StoreError>;

    /// Makes a move as it was planned: first into the other stack, then out of this one, so that nothing is lost when it is
    /// cut off; the same move then goes on from there.
    ///
    /// # Errors
    /// As [`Self::edit`].
    async fn move_resources(
        &self,
        request: &MoveRequest,
        plan: &MovePlan,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError>;

    /// A stack's tags.
    ///
    /// # Errors
    /// When there is no such stack, or they can't be read.
    async fn tags(&self, stack: &StackAddress) -> Result<BTreeMap<String, String>, StoreError>;

    /// Sets a tag of a stack, or removes it.
    ///
    /// # Errors
    /// When there is no such stack, it is locked, or the store can't be written.
    async fn set_tag(
        &self,
        stack: &StackAddress,
        name: &str,
        value: Option<&str>,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError>;

    /// Makes an empty stack.
    ///
    /// # Errors
    /// When there is such a stack, or its secrets manager can't be made, or the settings can't be written; there is no new
    /// stack then.
    async fn create(
        &self,
        stack: &StackAddress,
        secrets: &NewStackSecrets,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError>;

    /// Removes a stack; its last state is kept as `.bak`.
    ///
    /// # Errors
    /// When there is no such stack, or something is left in it.
    async fn remove(
        &self,
        stack: &StackAddress,
        request: RemoveRequest,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError>;

    /// Gives a stack another name, and all its resources with it.
    ///
    /// # Errors
    /// When there is no such stack, there is one of the new name, or a deployment of it is under way or cut off.
    async fn rename(
        &self,
        stack: &StackAddress,
        new: &StackAddress,
        lock: LockRequest,
        notices: &dyn NoticeHandler,
    ) -> Result<(), StoreError>;
}
