//! Pulumi's file for importing many resources at once (SPEC.md section 9): read for our own import, and written of a stack,
//! so that `pulumi import --file` can build one like it by reading the cloud.

use std::collections::{BTreeMap, HashMap};

use resource_graph::Urn;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ImportItem, Reference};
use crate::application::error::{ApplicationError, ErrorKind};
use crate::domain::deployment::ErrorDetail;
use crate::ports::{Cloud, RecordedResource};

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BulkFile {
    /// Names of parents and providers that the stack has already.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub name_table: BTreeMap<String, String>,
    /// The resources.
    #[serde(default)]
    pub resources: Vec<BulkResource>,
}

/// A resource of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BulkResource {
    /// Its type.
    #[serde(rename = "type")]
    pub type_token: String,
    /// Its name.
    pub name: String,
    /// Its import id; none for a component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name of what it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The name of its provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The provider plugin's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where the plugin is downloaded from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_download_url: Option<String>,
    /// The inputs to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Vec<String>>,
    /// It is a component.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub component: bool,
    /// It is a component of a package.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remote: bool,
    /// Its name in generated code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_name: Option<String>,
}

impl BulkFile {
    /// Reads the file's text.
    ///
    /// # Errors
    /// When it isn't one, or asks for what only Pulumi's plugins can do.
    pub fn parse(text: &[u8]) -> Result<Self, ApplicationError> {
        serde_json::from_slice(text).map_err(|error| {
            ApplicationError::new(ErrorKind::Usage, "import-file", format!("the import file can't be read: {error}"))
                .with_hint("it has the form that `pulumi import --file` takes; explicit inputs, outputs and parameterizations need Pulumi's plugins")
        })
    }

    /// The file as text, as Pulumi writes it.
    pub fn to_text(&self) -> String {
        // Plain strings and numbers always have a JSON form.
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
        if self.serialize(&mut serializer).is_err() {
            return String::new();
        }
        text.push(b'\n');
        String::from_utf8(text).unwrap_or_default()
    }

    /// What is to be imported.
    ///
    /// # Errors
    /// What is wrong with entries, in Pulumi's words.
    pub fn items(&self) -> Result<Vec<ImportItem>, ApplicationError> {
        let mut details: Vec<ErrorDetail> = Vec::new();
        let mut refuse = |message: String| {
            details.push(ErrorDetail { code: "import-file".into(), message, ..ErrorDetail::default() });
        };
        if self.resources.is_empty() {
            refuse("the import file lists no resources".into());
        }
        let mut items = Vec::new();
        for resource in &self.resources {
            let name = &resource.name;
            match (&resource.id, resource.component || resource.remote) {
                (None, false) => refuse(format!("resource '{name}' of type '{}' has no ID", resource.type_token)),
                (Some(_), true) => {
                    refuse(format!(
                        "resource '{name}' of type '{}' has an ID, but is marked as a component",
                        resource.type_token
                    ));
                }
                _ => {}
            }
            let mut reference = |what: &str, name: &Option<String>| {
                let name = name.as_ref()?;
                match self.name_table.get(name).map(|urn| Urn::parse(urn)) {
                    Some(Ok(urn)) => Some(Reference::Recorded(urn)),
                    Some(Err(error)) => {
                        refuse(format!("the {what} '{name}' in 'nameTable' isn't a URN: {error}"));
                        None
                    }
                    None => Some(Reference::Imported(name.clone())),
                }
            };
            items.push(ImportItem {
                type_token: resource.type_token.clone(),
                name: name.clone(),
                id: resource.id.clone(),
                parent: reference("parent", &resource.parent),
                provider: reference("provider", &resource.provider),
                properties: resource.properties.clone(),
            });
        }
        if details.is_empty() { Ok(items) } else { Err(ApplicationError { kind: ErrorKind::Usage, details }) }
    }

    /// The file of a stack. Live resources only; default providers are left out, since every stack makes its own, and others
    /// stand in the name table, as they have to be made first.
    ///
    /// # Errors
    /// When the inputs of a record, which its import id is made of, can't be read.
    pub fn of(cloud: &dyn Cloud, records: &[RecordedResource]) -> Result<Self, ApplicationError> {
        let live = records.iter().filter(|record| {
            let (marks, token) = (record.marks(), record.urn().type_token());
            !marks.pending_deletion && !marks.pending_replacement && !token.is_stack() && !token.is_provider()
        });
        let live: Vec<&RecordedResource> = live.collect();
        let mut names: HashMap<&str, usize> = HashMap::new();
        for record in &live {
            *names.entry(record.urn().name()).or_default() += 1;
        }
        let mut file = Self::default();
        for record in &live {
            let urn = record.urn();
            let parent = record
                .parent()
                .and_then(|parent| Urn::parse(parent).ok())
                .filter(|parent| !parent.type_token().is_stack());
            let provider = record.provider().and_then(|provider| Urn::parse(provider).ok());
            let provider = provider.filter(|provider| !provider.name().starts_with("default"));
            let mut resource = BulkResource {
                type_token: urn.type_name().to_owned(),
                name: urn.name().to_owned(),
                component: !record.marks().custom,
                // A name that several have leads to none of them.
                parent: parent
                    .map(|parent| parent.name().to_owned())
                    .filter(|parent| names.get(parent.as_str()) == Some(&1)),
                ..BulkResource::default()
            };
            if let Some(provider) = provider {
                let name = provider.name().to_owned();
                file.name_table.insert(name.clone(), provider.to_string());
                resource.provider = Some(name);
            }
            if let (true, Some(id)) = (record.marks().custom, record.id()) {
                resource.id = Some(import_id(cloud, record, id)?);
            }
            file.resources.push(resource);
        }
        Ok(file)
    }
}

fn import_id(cloud: &dyn Cloud, record: &RecordedResource, id: &str) -> Result<String, ApplicationError> {
    let Some(provider) = cloud.resource(&record.urn().type_token()) else { return Ok(id.to_owned()) };
    let inputs = record.inputs().map_err(|error| ApplicationError::of_record(record.urn(), &error))?;
    Ok(provider.import_id(id, &inputs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_read_and_written_back() {
        let text = r#"{"nameTable":{"prov":"urn:pulumi:dev::shop::pulumi:providers:aws::prov"},
            "resources":[
             {"type":"aws:iam/role:Role","name":"api-role","id":"shop-api-role","provider":"prov"},
             {"type":"shop:index:Api","name":"api","component":true},
             {"type":"aws:lambda/permission:Permission","name":"api-inv","id":"shop-api/apigw","parent":"api","properties":["function"]}]}"#;
        let file = BulkFile::parse(text.as_bytes()).unwrap();
        assert_eq!(BulkFile::parse(file.to_text().as_bytes()).unwrap(), file);
        let items = file.items().unwrap();
        let provider = Urn::parse("urn:pulumi:dev::shop::pulumi:providers:aws::prov").unwrap();
        assert_eq!(items[0].provider, Some(Reference::Recorded(provider)));
        assert_eq!((items[1].id.as_ref(), &items[2].parent), (None, &Some(Reference::Imported("api".into()))));
    }

    #[test]
    fn what_is_wrong_is_told_as_pulumi_does() {
        let problems = |text: &str| match BulkFile::parse(text.as_bytes()).and_then(|file| file.items()) {
            Ok(items) => panic!("{items:?}"),
            Err(error) => error.to_string(),
        };
        assert!(problems(r#"{"resources":[{"type":"a:b:C","name":"x"}]}"#).contains("has no ID"));
        let both = r#"{"resources":[{"type":"a:b:C","name":"x","id":"1","component":true}]}"#;
        assert!(problems(both).contains("has an ID, but is marked as a component"));
        let broken =
            r#"{"nameTable":{"p":"nonsense"},"resources":[{"type":"a:b:C","name":"x","id":"1","parent":"p"}]}"#;
        assert!(problems(broken).contains("isn't a URN"));
        assert!(problems(r#"{"resources":[{"type":"a:b:C","name":"x","id":"1","outputs":{}}]}"#).contains("outputs"));
        assert!(problems("nonsense").contains("can't be read"));
        assert!(problems("{}").contains("no resources"));
    }
}
