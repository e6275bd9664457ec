//! Importing: resources that only the cloud knows are read from it and recorded in a stack. Nothing is changed in the cloud.
//!
//! What is recorded is as Pulumi's own import leaves it (SPEC.md section 6.1, "read extraction"): as inputs what was read
//! without what is computed, empty or a default; as outputs all of it. `__defaults` isn't written: with it, a program that
//! leaves a name out would get a new one, and so a replacement; without it, what is recorded is reused.

pub mod bulk_file;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::future::join_all;
use resource_graph::{ResourceRecord, TypeToken, Urn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{ApplicationError, ErrorKind};
use super::plan::refresh::tags;
use super::report::SCHEMA_VERSION;
use super::request::{Options, Ports};
use super::steps::default_provider::DefaultProvider;
use super::steps::gate::ReadGate;
use super::steps::ownership::{Owner, Owners, ThingKey};
use crate::domain::component::Component;
use crate::domain::deployment::{ChangeCounts, ErrorDetail};
use crate::ports::clock::recorded_time;
use crate::ports::{
    CallGate, CallKind, CheckpointChange, CloudIdentity, HistoryEntry, ImportedId, LockRequest, LockedStack,
    OperationContext, ProviderError, RecordedResource, ResourceState, StackSnapshot,
};

/// The kind of the history's entry (SPEC.md section 4.7).
const HISTORY_KIND: &str = "resource-import";

/// What a resource of an import refers to: its parent, or its provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Something that the stack has already.
    Recorded(Urn),
    /// Another resource of the same import, by its name.
    Imported(String),
}

/// A resource to import.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportItem {
    /// Its type.
    pub type_token: String,
    /// Its name in the stack.
    pub name: String,
    /// Its import id; none for a component.
    pub id: Option<String>,
    /// What it belongs to; none for what belongs to the stack itself.
    pub parent: Option<Reference>,
    /// The provider resource; none for the default one.
    pub provider: Option<Reference>,
    /// The inputs to keep; none for all that were read.
    pub properties: Option<Vec<String>>,
}

/// What to import.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// How.
    pub options: Options,
    /// The resources.
    pub items: Vec<ImportItem>,
    /// The component of the configuration that those without a parent belong to.
    pub component: Option<Component>,
    /// Whether they are to be protected from deletion.
    pub protect: bool,
}

/// A resource that was imported, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedResource {
    /// Its name.
    pub urn: String,
    /// Its id as the state holds it; absent for components.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Names of the inputs that were read.
    pub inputs: Vec<String>,
    /// Whether it is protected from deletion.
    pub protect: bool,
}

/// The result of `import`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// What was imported.
    pub imported: Vec<ImportedResource>,
}

/// Who may say no.
#[async_trait::async_trait]
pub trait ImportConfirmation: Send + Sync {
    /// Shows what would be recorded, and says whether to do it.
    ///
    /// # Errors
    /// When nobody can be asked.
    async fn confirm(&self, stack: &str, resources: &[ImportedResource]) -> Result<bool, ApplicationError>;
}

/// Reads the resources and records them.
///
/// # Errors
/// When one can't be imported: nothing is recorded then.
pub async fn import(
    ports: &Ports,
    request: &ImportRequest,
    confirmation: &dyn ImportConfirmation,
) -> Result<ImportReport, ApplicationError> {
    let started_ms = ports.clock.now_ms();
    refuse_unknown_types(ports, request)?;
    let (identity, snapshot) = tokio::join!(ports.cloud.identity(), ports.store.read());
    // The one call that isn't made through a gate.
    ports.calls.count(CallKind::Read);
    let (identity, snapshot) = (identity?, snapshot?);
    let read = read(ports, request).await?;
    let planned = PlannedImport::new(ports, request, &identity, &snapshot, &read)?;
    if !confirmation.confirm(&request.options.target.stack, &planned.reported()).await? {
        return Err(ApplicationError::new(ErrorKind::Failed, "declined", "nothing was done: the import was declined"));
    }
    let lock = LockRequest { timeout: request.options.lock_timeout };
    let stack = ports.store.lock(lock, &request.options.cancellation, ports.notices.as_ref()).await?;
    let recorded = record(ports, request, &identity, &read, stack.as_ref(), started_ms).await;
    let released = stack.release().await;
    let imported = recorded?;
    released?;
    let target = &request.options.target;
    let (project, stack) = (target.project.clone(), target.stack.clone());
    Ok(ImportReport { schema_version: SCHEMA_VERSION, project, stack, imported })
}

/// Under the lock the state is looked at again: somebody may have come between.
async fn record(
    ports: &Ports,
    request: &ImportRequest,
    identity: &CloudIdentity,
    read: &[Option<ResourceState>],
    stack: &dyn LockedStack,
    started_ms: i64,
) -> Result<Vec<ImportedResource>, ApplicationError> {
    let snapshot = stack.read().await?;
    if snapshot.interrupted.is_some() {
        let message = "a deployment of the stack was cut off, and what it left open isn't settled";
        return Err(ApplicationError::new(ErrorKind::Failed, "interrupted-deployment", message)
            .with_hint("`semantest-iac deploy` settles it; import afterwards"));
    }
    let planned = PlannedImport::new(ports, request, identity, &snapshot, read)?;
    let records = planned.before.iter().chain(&planned.records);
    let changes: Result<Vec<_>, _> = records
        .map(|record| Ok(CheckpointChange::Put { urn: record.urn.clone(), image: stack.encode(record)? }))
        .collect::<Result<_, crate::ports::StoreError>>();
    stack.checkpoint(&changes?, &[]).await?;
    let entry = HistoryEntry {
        deployment_id: String::new(),
        kind: HISTORY_KIND.into(),
        succeeded: true,
        started: started_ms / 1000,
        ended: ports.clock.now_ms() / 1000,
        message: request.options.message.clone(),
        environment: request.options.source.clone(),
        changes: ChangeCounts { create: planned.records.len(), ..ChangeCounts::default() },
    };
    stack.finish(&entry, false).await?;
    Ok(planned.reported())
}

fn refuse_unknown_types(ports: &Ports, request: &ImportRequest) -> Result<(), ApplicationError> {
    let is_unknown = |item: &&ImportItem| {
        item.id.is_some() && ports.cloud.resource(&TypeToken::new(item.type_token.as_str())).is_none()
    };
    let details: Vec<ErrorDetail> = request
        .items
        .iter()
        .filter(is_unknown)
        .map(|item| {
            let detail = wrong("import-type", format!("{} isn't a type that can be imported", item.type_token));
            with_hint(detail, format!("the types are {}", ports.cloud.type_tokens().join(", ")))
        })
        .collect();
    if details.is_empty() { Ok(()) } else { Err(ApplicationError { kind: ErrorKind::Usage, details }) }
}

/// Reads all resources; for components there is nothing to read.
async fn read(ports: &Ports, request: &ImportRequest) -> Result<Vec<Option<ResourceState>>, ApplicationError> {
    let gate: Arc<dyn CallGate> = Arc::new(ReadGate::new(ports, &request.options));
    let reads = request.items.iter().map(|item| read_one(ports, request, item, Arc::clone(&gate)));
    let (mut found, mut details, mut kind) = (Vec::new(), Vec::new(), ErrorKind::Failed);
    for (item, state) in request.items.iter().zip(join_all(reads).await) {
        match state {
            Ok(state) => found.push(state),
            Err(error) => {
                let error = ApplicationError::from(error);
                kind = error.kind;
                let named = |mut detail: ErrorDetail| {
                    detail.message = format!("{} {}: {}", item.type_token, item.name, detail.message);
                    detail
                };
                details.extend(error.details.into_iter().map(named));
            }
        }
    }
    if details.is_empty() { Ok(found) } else { Err(ApplicationError { kind, details }) }
}

async fn read_one(
    ports: &Ports,
    request: &ImportRequest,
    item: &ImportItem,
    gate: Arc<dyn CallGate>,
) -> Result<Option<ResourceState>, ProviderError> {
    let token = TypeToken::new(item.type_token.as_str());
    let (Some(id), Some(provider)) = (&item.id, ports.cloud.resource(&token)) else { return Ok(None) };
    let target = &request.options.target;
    let urn = Urn::new(&target.stack, &target.project, None, &token, &item.name);
    let context = OperationContext { urn, tags: tags(&request.options, "", ""), gate };
    let state = match provider.of_import_id(id)? {
        ImportedId::Read { id, inputs } => provider.read(&context, &id, &inputs).await?,
        ImportedId::Find { inputs } => provider.find(&context, &inputs).await?.map(|found| found.state),
    };
    let mut state = state.ok_or_else(|| {
        ProviderError::new(crate::ports::ProviderErrorKind::NotFound, format!("there is no {id} in the cloud"))
            .with_hint("check the id, the region and the account")
    })?;
    if let Some(kept) = &item.properties {
        state.inputs.retain(|name, _| kept.iter().any(|kept| kept == name));
    }
    Ok(Some(state))
}

/// What an import records.
struct PlannedImport {
    /// What the resources need and the stack lacks: its root, their component, the default provider.
    before: Vec<ResourceRecord>,
    records: Vec<ResourceRecord>,
}

impl PlannedImport {
    fn new(
        ports: &Ports,
        request: &ImportRequest,
        identity: &CloudIdentity,
        snapshot: &StackSnapshot,
        read: &[Option<ResourceState>],
    ) -> Result<Self, ApplicationError> {
        let mut planner = Planner {
            request,
            known: super::plan::recorded::live(&snapshot.resources),
            now: recorded_time(ports.clock.now_ms()),
            planned: Self { before: Vec::new(), records: Vec::new() },
        };
        let parent = planner.default_parent();
        let recorded = planner.known.values().copied();
        let provider = DefaultProvider::of(ports, &request.options.target, identity, recorded);
        provider.record.into_iter().for_each(|record| planner.ensure(record));
        let provider = provider.reference;
        let mut details = Vec::new();
        let mut imported: HashMap<String, Vec<ResourceRecord>> = HashMap::new();
        let owners = Owners::of(ports.cloud.as_ref(), &snapshot.resources);
        let mut urns = HashSet::new();
        for (item, state) in request.items.iter().zip(read) {
            match planner.record_of(item, state.as_ref(), &parent, &provider, &imported) {
                Ok(record) => {
                    if planner.known.contains_key(&record.urn) || !urns.insert(record.urn.clone()) {
                        let message = format!("{} is in the stack already", record.urn);
                        details.push(with_hint(wrong("import-exists", message), "choose another name"));
                    } else if let Some(owner) = owner_of(ports, &owners, &record) {
                        let id = record.id.as_deref().unwrap_or_default();
                        let message = format!("{id} is in the stack already: it is {owner}");
                        details.push(with_hint(wrong("import-exists", message), "what is recorded needs no import"));
                    }
                    imported.entry(item.name.clone()).or_default().push(record.clone());
                    planner.planned.records.push(record);
                }
                Err(detail) => details.push(detail),
            }
        }
        if details.is_empty() { Ok(planner.planned) } else { Err(ApplicationError { kind: ErrorKind::Usage, details }) }
    }

    fn reported(&self) -> Vec<ImportedResource> {
        let reported = self.records.iter().map(|record| ImportedResource {
            urn: record.urn.to_string(),
            id: record.id.clone(),
            inputs: record.inputs.keys().map(str::to_owned).collect(),
            protect: record.protect,
        });
        reported.collect()
    }
}

fn owner_of(ports: &Ports, owners: &Owners, record: &ResourceRecord) -> Option<Urn> {
    let types = ports.cloud.as_ref();
    match owners.owner(&record.urn, &ThingKey::of(types, record)?) {
        Owner::Other(urn) => Some(urn),
        Owner::Nobody | Owner::OldCopy => None,
    }
}

struct Planner<'a> {
    request: &'a ImportRequest,
    known: HashMap<&'a Urn, &'a RecordedResource>,
    now: String,
    planned: PlannedImport,
}

impl Planner<'_> {
    /// What resources without a parent belong to: the component that was named, or the stack.
    fn default_parent(&mut self) -> Urn {
        let target = &self.request.options.target;
        let root = Urn::root(&target.stack, &target.project);
        self.ensure(ResourceRecord::new(root.clone(), false));
        let Some(component) = &self.request.component else { return root };
        let group = component.group_urn(&target.project, &target.stack);
        self.ensure(ResourceRecord { parent: Some(root), ..ResourceRecord::new(group.clone(), false) });
        group
    }

    fn ensure(&mut self, mut record: ResourceRecord) {
        if !self.known.contains_key(&record.urn) {
            (record.created, record.modified) = (Some(self.now.clone()), Some(self.now.clone()));
            self.planned.before.push(record);
        }
    }

    fn record_of(
        &self,
        item: &ImportItem,
        state: Option<&ResourceState>,
        default_parent: &Urn,
        default_provider: &str,
        imported: &HashMap<String, Vec<ResourceRecord>>,
    ) -> Result<ResourceRecord, ErrorDetail> {
        let parent = match &item.parent {
            None => default_parent.clone(),
            Some(reference) => self.target_of(item, "parent", reference, imported)?.0,
        };
        let provider = match &item.provider {
            None => default_provider.to_owned(),
            Some(reference) => match self.target_of(item, "provider", reference, imported)? {
                (urn, Some(id)) if urn.type_token().is_provider() => format!("{urn}::{id}"),
                (urn, _) => {
                    return Err(wrong("import-reference", format!("{urn}, the provider of {}, isn't one", item.name)));
                }
            },
        };
        let target = &self.request.options.target;
        let token = TypeToken::new(item.type_token.as_str());
        let parent_type = (!parent.type_token().is_stack()).then(|| parent.qualified_type());
        let urn = Urn::new(&target.stack, &target.project, parent_type, &token, &item.name);
        let mut record = ResourceRecord::new(urn, state.is_some());
        record.parent = Some(parent);
        (record.created, record.modified) = (Some(self.now.clone()), Some(self.now.clone()));
        if let Some(state) = state {
            record.id = Some(state.id.clone());
            (record.inputs, record.outputs) = (state.inputs.clone(), state.outputs.clone());
            record.provider = Some(provider);
            record.protect = self.request.protect;
            record.property_dependencies = record.inputs.keys().map(|name| (name.to_owned(), Vec::new())).collect();
        }
        Ok(record)
    }

    /// The URN and id of what a resource refers to.
    fn target_of(
        &self,
        item: &ImportItem,
        what: &str,
        reference: &Reference,
        imported: &HashMap<String, Vec<ResourceRecord>>,
    ) -> Result<(Urn, Option<String>), ErrorDetail> {
        match reference {
            Reference::Recorded(urn) => match self.known.get(urn) {
                Some(record) => Ok((urn.clone(), record.id().map(str::to_owned))),
                None => {
                    Err(wrong("import-reference", format!("{urn}, the {what} of {}, isn't in the stack", item.name)))
                }
            },
            Reference::Imported(name) => match imported.get(name).map(Vec::as_slice) {
                Some([record]) => Ok((record.urn.clone(), record.id.clone())),
                Some(_) => Err(wrong("import-reference", format!("ambiguous {what} '{name}' of {}", item.name))),
                None => Err(wrong(
                    "import-reference",
                    format!(
                        "the {what} '{name}' of {} has no entry in 'nameTable' or, before it, in 'resources'",
                        item.name
                    ),
                )),
            },
        }
    }
}

fn wrong(code: &str, message: String) -> ErrorDetail {
    ErrorDetail { code: code.into(), message, ..ErrorDetail::default() }
}

fn with_hint(detail: ErrorDetail, hint: impl Into<String>) -> ErrorDetail {
    ErrorDetail { hint: Some(hint.into()), ..detail }
}
