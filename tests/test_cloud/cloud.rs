//! A folder as a cloud: a store is a folder in it, an entry a file in a store.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use resource_graph::resource::resource_type::never_equivalent;
use resource_graph::{
    CallCost, OperationCost, OutputReference, PropertyMap, Quota, Recorded, ResourceSpec, ResourceTypeInfo,
    ResourceTypes, TypeToken, Urn, Value,
};
use semantest_iac::domain::provider::Provider;
use semantest_iac::ports::{
    Account, AdoptionFacts, Blueprint, BlueprintRequest, Blueprints, CallKind, Catalogue, CloudIdentity,
    ComponentDeployment, Diagnostics, Entry, Found, ImportedId, Invoked, OperationContext, OutputDeclaration,
    ProviderError, ProviderErrorKind, ResourceProvider, ResourceState, Whose,
};

use crate::test_cloud::factory::PROVIDER;

const QUOTA: &str = "test:files";
const COST: OperationCost = OperationCost::new(&[CallCost { quota: QUOTA, calls: 1 }], 1);

static STORE: ResourceTypeInfo = ResourceTypeInfo {
    token: "test:index:Store",
    replace_on: &["name"],
    stable_outputs: &["path"],
    delete_before_replace: true,
    conflict_input: None,
    conflict_scope: "",
    id_within: &[],
    create: COST,
    update: COST,
    delete: COST,
    read: COST,
    equivalent: never_equivalent,
};

static ENTRY: ResourceTypeInfo =
    ResourceTypeInfo { token: "test:index:Entry", replace_on: &["store", "name"], ..STORE };

/// Says whose a store is; it stands beside it, so that the store itself has entries only.
fn mark_of(store: &str) -> String {
    format!(".{store}")
}

/// The folder.
#[derive(Clone)]
pub struct FolderCloud(PathBuf);

impl FolderCloud {
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }
}

impl ResourceTypes for FolderCloud {
    fn info(&self, token: &TypeToken) -> Option<&ResourceTypeInfo> {
        [&STORE, &ENTRY].into_iter().find(|info| info.token == token.as_str())
    }
}

impl Catalogue for FolderCloud {
    fn longest_operation(&self) -> Option<Duration> {
        None
    }

    fn resource(&self, token: &TypeToken) -> Option<Arc<dyn ResourceProvider>> {
        let info = [&STORE, &ENTRY].into_iter().find(|info| info.token == token.as_str())?;
        Some(Arc::new(FileType { cloud: self.clone(), info }))
    }

    fn type_tokens(&self) -> Vec<&'static str> {
        vec![STORE.token, ENTRY.token]
    }

    fn quotas(&self) -> BTreeMap<&'static str, Quota> {
        [(QUOTA, Quota { rate: 1000.0, burst: 1000.0 })].into()
    }

    fn provider_resource(&self, _identity: &CloudIdentity) -> (String, PropertyMap) {
        ("default".to_owned(), [("folder", self.0.display().to_string())].into())
    }

    fn mark(&self, _inputs: &mut PropertyMap, _identity: &str) {}

    fn account_of(&self, _record: &dyn Recorded) -> Option<String> {
        None
    }

    fn is_elsewhere(&self, _record: &dyn Recorded) -> bool {
        false
    }
}

#[async_trait]
impl Account for FolderCloud {
    fn provider(&self) -> Provider {
        PROVIDER
    }

    async fn identity(&self) -> Result<CloudIdentity, ProviderError> {
        fs::metadata(&self.0).map_err(failed)?;
        let account = self.0.display().to_string();
        Ok(CloudIdentity { account, principal: "whoever runs this".to_owned(), region: "here".to_owned() })
    }
}

impl Blueprints for FolderCloud {
    fn blueprint(&self, request: &BlueprintRequest) -> Result<Blueprint, ProviderError> {
        let mut blueprint = Blueprint::default();
        for deployment in &request.components {
            self.add(&mut blueprint, request, deployment);
        }
        Ok(blueprint)
    }
}

impl FolderCloud {
    /// A component is a store with two entries: how its code is started, and what it greets with.
    fn add(&self, blueprint: &mut Blueprint, request: &BlueprintRequest, deployment: &ComponentDeployment) {
        let component = deployment.component.name().as_str();
        let BlueprintRequest { project, stack, environment, .. } = request;
        let group = deployment.component.group_urn(project, stack);
        let mut spec = ResourceSpec::component(group.clone());
        spec.options.parent = Some(Urn::root(stack, project));
        blueprint.resources.push(spec);
        let mut resource = |info: &ResourceTypeInfo, role: &str, inputs: PropertyMap| {
            let (token, name) = (TypeToken::new(info.token), format!("{component}-{role}"));
            let urn = Urn::new(stack, project, Some(group.qualified_type()), &token, &name);
            let mut spec = ResourceSpec::new(urn.clone(), inputs);
            spec.options.parent = Some(group.clone());
            blueprint.resources.push(spec);
            urn
        };
        let store = resource(&STORE, "store", [("name", format!("{project}-{environment}-{component}"))].into());
        let start = match deployment.package.as_ref().map(|package| &package.entry) {
            None => String::new(),
            Some(Entry::Launcher { module, export }) => format!("launch {module}#{export}"),
            Some(Entry::Handler(handler)) => format!("call {handler}"),
        };
        let greeting = deployment.component.environment().and_then(|variables| variables.get("GREETING"));
        let greeting = greeting.map(|value| value.expose().to_owned()).unwrap_or_default();
        for (name, content) in [("start", start), ("greeting", greeting)] {
            let inputs = PropertyMap::from([
                ("store", Value::from(OutputReference::new(store.clone(), "id"))),
                ("name", name.into()),
                ("content", content.into()),
            ]);
            resource(&ENTRY, name, inputs);
        }
        let (component, value) = (component.to_owned(), OutputReference::new(store, "path").into());
        blueprint.outputs.push(OutputDeclaration { component, name: "path".to_owned(), value });
    }
}

#[async_trait]
impl Diagnostics for FolderCloud {
    async fn invoke(&self, _: &PropertyMap, _: &str, _: Duration) -> Result<Invoked, ProviderError> {
        Ok(Invoked::Well("null".into()))
    }

    async fn recent_output(&self, _outputs: &PropertyMap) -> Result<Option<String>, ProviderError> {
        Ok(None)
    }

    fn health_headers(&self, _identity: &CloudIdentity) -> Vec<(String, String)> {
        Vec::new()
    }
}

fn failed(error: std::io::Error) -> ProviderError {
    let kind = match error.kind() {
        ErrorKind::NotFound => ProviderErrorKind::NotFound,
        ErrorKind::AlreadyExists => ProviderErrorKind::AlreadyExists,
        ErrorKind::PermissionDenied => ProviderErrorKind::Denied,
        _ => ProviderErrorKind::Refused,
    };
    ProviderError::new(kind, error.to_string())
}

/// One of the two types.
struct FileType {
    cloud: FolderCloud,
    info: &'static ResourceTypeInfo,
}

impl FileType {
    fn is_store(&self) -> bool {
        self.info.token == STORE.token
    }

    fn id(&self, inputs: &PropertyMap) -> String {
        let name = inputs.string("name").unwrap_or_default();
        match inputs.string("store").filter(|_| !self.is_store()) {
            Some(store) => format!("{store}/{name}"),
            None => name.to_owned(),
        }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.cloud.0.join(id)
    }

    fn mark(&self, id: &str) -> PathBuf {
        self.cloud.0.join(mark_of(id.split('/').next().unwrap_or_default()))
    }

    fn look(&self, id: &str, inputs: &PropertyMap) -> Result<Option<ResourceState>, ProviderError> {
        let path = self.path(id);
        let mut inputs = inputs.clone();
        if self.is_store() {
            if !path.is_dir() {
                return Ok(None);
            }
        } else {
            match fs::read_to_string(&path) {
                Ok(content) => _ = inputs.insert("content", content),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(failed(error)),
            }
        }
        let mut outputs = inputs.clone();
        outputs.insert("path", path.display().to_string());
        Ok(Some(ResourceState { id: id.to_owned(), inputs, outputs }))
    }

    fn made(&self, id: &str, inputs: &PropertyMap) -> Result<ResourceState, ProviderError> {
        let state = self.look(id, inputs)?;
        state.ok_or_else(|| ProviderError::new(ProviderErrorKind::NotFound, format!("{id} is gone")))
    }
}

#[async_trait]
impl ResourceProvider for FileType {
    fn info(&self) -> &'static ResourceTypeInfo {
        self.info
    }

    fn has_generated_id(&self) -> bool {
        false
    }

    fn identifying_inputs(&self) -> &'static [&'static str] {
        if self.is_store() { &["name"] } else { &["store", "name"] }
    }

    fn adoption_facts(&self) -> AdoptionFacts {
        AdoptionFacts::default()
    }

    fn unmanaged_inputs(&self, _inputs: &PropertyMap) -> Vec<String> {
        Vec::new()
    }

    fn default_inputs(&self, _inputs: &PropertyMap) -> Vec<String> {
        Vec::new()
    }

    fn import_id(&self, id: &str, _inputs: &PropertyMap) -> String {
        id.to_owned()
    }

    fn of_import_id(&self, import_id: &str) -> Result<ImportedId, ProviderError> {
        Ok(ImportedId::Read { id: import_id.to_owned(), inputs: PropertyMap::new() })
    }

    async fn create(&self, context: &OperationContext, inputs: &PropertyMap) -> Result<ResourceState, ProviderError> {
        let _permit = context.gate.acquire(QUOTA, CallKind::Write).await?;
        let id = self.id(inputs);
        if self.is_store() {
            fs::create_dir(self.path(&id)).map_err(failed)?;
            fs::write(self.mark(&id), &context.tags.stack).map_err(failed)?;
        } else {
            let mut file = fs::File::create_new(self.path(&id)).map_err(failed)?;
            file.write_all(inputs.string("content").unwrap_or_default().as_bytes()).map_err(failed)?;
        }
        self.made(&id, inputs)
    }

    async fn read(
        &self,
        context: &OperationContext,
        id: &str,
        inputs: &PropertyMap,
    ) -> Result<Option<ResourceState>, ProviderError> {
        let _permit = context.gate.acquire(QUOTA, CallKind::Read).await?;
        self.look(id, inputs)
    }

    async fn update(
        &self,
        context: &OperationContext,
        old: &ResourceState,
        inputs: &PropertyMap,
    ) -> Result<ResourceState, ProviderError> {
        let _permit = context.gate.acquire(QUOTA, CallKind::Write).await?;
        if !self.is_store() {
            fs::write(self.path(&old.id), inputs.string("content").unwrap_or_default()).map_err(failed)?;
        }
        self.made(&old.id, inputs)
    }

    async fn delete(&self, context: &OperationContext, old: &ResourceState) -> Result<(), ProviderError> {
        let _permit = context.gate.acquire(QUOTA, CallKind::Write).await?;
        let removed = match self.is_store() {
            true => fs::remove_dir(self.path(&old.id)).and_then(|()| fs::remove_file(self.mark(&old.id))),
            false => fs::remove_file(self.path(&old.id)),
        };
        match removed {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map_err(failed),
        }
    }

    async fn find(&self, context: &OperationContext, inputs: &PropertyMap) -> Result<Option<Found>, ProviderError> {
        let _permit = context.gate.acquire(QUOTA, CallKind::Read).await?;
        let id = self.id(inputs);
        let is_ours = fs::read_to_string(self.mark(&id)).is_ok_and(|stack| stack == context.tags.stack);
        let whose = if is_ours { Whose::Ours } else { Whose::Others };
        Ok(self.look(&id, inputs)?.map(|state| Found { whose, state }))
    }
}
