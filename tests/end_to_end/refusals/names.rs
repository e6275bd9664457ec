//! Every input and output of every resource in the state of the deployed example: under the names and with the types of Pulumi's
//! AWS provider.

use resource_graph::{ResourceRecord, Value};
use semantest_iac::ports::ResourceState;
use state::{StackId, StackStore, StoreOptions, ValueDecoder};

use crate::aws::schema;
use crate::end_to_end::support::{Project, http, url};

/// The state's records, with secrets hidden: what they hold is of the types that the others are.
async fn records(project: &Project) -> Vec<ResourceRecord> {
    let store = StackStore::open_folder(project.path(".semantest"), StoreOptions::default()).unwrap();
    let id = StackId::new("semantest", "aws-test").unwrap();
    let loaded = store.load(&id).await.unwrap().expect("a checkpoint");
    let decoder = ValueDecoder::hiding();
    let resources = &loaded.checkpoint.latest.as_ref().expect("a state").resources;
    resources.iter().map(|resource| resource.to_record(&decoder).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_the_deployed_example_has_pulumis_names_and_types() {
    let project = Project::of_example("{}").await;
    let deployed = project.all("deploy").await;
    assert_eq!(http().get(url(&deployed, "rest-api") + "/health").send().await.unwrap().status(), 200);
    let records = records(&project).await;
    let mut checked = Vec::new();
    for record in records.iter().filter(|record| record.type_token.package() == "aws") {
        let is_reserved = |name: &str, _: &Value| !name.starts_with("__");
        let (mut inputs, mut outputs) = (record.inputs.clone(), record.outputs.clone());
        inputs.retain(is_reserved);
        outputs.retain(is_reserved);
        let id = record.id.clone().expect("an id");
        schema::check(record.type_token.as_str(), &ResourceState { id, inputs, outputs });
        checked.push(record.type_token.name().to_owned());
    }
    checked.sort();
    checked.dedup();
    let expected =
        ["Alias", "Api", "Function", "Integration", "LogGroup", "Permission", "Role", "RolePolicy", "Route", "Stage"];
    assert_eq!(checked, expected);
    // Beside the cloud's resources there are the root, the component and the provider, and nothing else.
    let others: Vec<&str> =
        records.iter().map(|record| record.type_token.as_str()).filter(|token| !token.starts_with("aws:")).collect();
    assert_eq!(others, ["pulumi:pulumi:Stack", "pulumi:providers:aws", "semantest:index:RestApi"]);
}
