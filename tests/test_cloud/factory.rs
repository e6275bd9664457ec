//! The folder as a cloud before it is connected to.

use std::sync::Arc;

use async_trait::async_trait;
use semantest_iac::domain::invalid::InvalidValue;
use semantest_iac::domain::provider::Provider;
use semantest_iac::domain::violation::{FieldPath, Severity, Violation};
use semantest_iac::ports::shape::{Field, ObjectShape, Shape, TextShape};
use semantest_iac::ports::{
    ArtifactStore, BrokenRules, Cloud, CloudFactory, CloudSettings, ConnectError, ConnectRequest, ConnectionChoice,
    MissingSetting, RulesRequest, Variables,
};

use crate::test_cloud::cloud::FolderCloud;

pub const PROVIDER: Provider = Provider::known("test");

/// The variable that names the folder where the environment doesn't.
pub const VARIABLE: &str = "TEST_CLOUD_FOLDER";

static SHAPE: ObjectShape = ObjectShape {
    name: "test",
    description: "Which folder stands for the cloud.",
    fields: &[Field::optional("folder", Shape::Text(&FOLDER), "The folder, absolute.")],
    exactly_one: &[],
    reserved: &[],
};

static FOLDER: TextShape = TextShape::new("an absolute path", Some("^/"), &["/srv/cloud"], |text| {
    if text.starts_with('/') { Ok(()) } else { Err(InvalidValue::new("folder", text, "it isn't absolute")) }
});

const MISSING: MissingSetting =
    MissingSetting { code: "config/no-folder", key: "folder", hint: "name the folder that stands for the cloud" };

/// A folder as a cloud, before it is connected to.
pub struct FolderFactory;

fn folder(settings: &CloudSettings, variables: Variables<'_>) -> Option<String> {
    settings.text("folder").or_else(|| variables.text(VARIABLE)).map(str::to_owned)
}

#[async_trait]
impl CloudFactory for FolderFactory {
    fn provider(&self) -> Provider {
        PROVIDER
    }

    fn settings(&self) -> &'static ObjectShape {
        &SHAPE
    }

    fn meaning(&self) -> &'static str {
        "Which folder stands for the cloud."
    }

    fn example(&self) -> &'static str {
        "{ folder: /srv/cloud }"
    }

    fn secret_variables(&self) -> &'static [&'static str] {
        &["TEST_CLOUD_TOKEN"]
    }

    fn check(&self, request: &RulesRequest<'_>) -> BrokenRules {
        let long = request.components.iter().filter(|component| component.name().as_str().len() > 10);
        let components = long.map(|component| {
            let violation = Violation {
                code: "test/name",
                severity: Severity::Error,
                field: FieldPath::root(),
                message: "a store's name has 10 characters at most".to_owned(),
                hint: Some("choose a shorter one".to_owned()),
                source_url: "https://example.com/stores",
            };
            (component.name().clone(), violation)
        });
        BrokenRules { components: components.collect(), environment: Vec::new() }
    }

    fn missing(&self, settings: &CloudSettings, variables: Variables<'_>) -> Option<MissingSetting> {
        folder(settings, variables).is_none().then_some(MISSING)
    }

    fn is_embedded(&self, _settings: &CloudSettings) -> bool {
        false
    }

    fn needs_local_cloud(&self, _settings: &CloudSettings, _choice: &ConnectionChoice) -> Result<bool, InvalidValue> {
        Ok(false)
    }

    async fn connect(&self, request: ConnectRequest<'_>) -> Result<Arc<dyn Cloud>, ConnectError> {
        let folder = folder(request.settings, request.variables).ok_or(ConnectError::Missing(MISSING))?;
        Ok(Arc::new(FolderCloud::new(folder.into())))
    }

    async fn describe(
        &self,
        settings: &CloudSettings,
        _artifacts: Arc<dyn ArtifactStore>,
    ) -> Result<Arc<dyn Cloud>, ConnectError> {
        Ok(Arc::new(FolderCloud::new(settings.text("folder").unwrap_or("/").into())))
    }
}
