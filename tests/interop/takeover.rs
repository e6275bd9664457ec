//! From Pulumi to semantest-iac and back: the real CLI takes what a takeover leaves, and what the CLI edits is what the next
//! deployment goes by.

use serde_json::Value;

use crate::end_to_end::state::pulumi_made::{self, AS_OURS, foreign, urn};
use crate::end_to_end::support::Project;
use crate::interop::support::{Pulumi, differences};

const STACK: &str = "organization/shop/aws-test";

struct Taken {
    project: Project,
    pulumi: Pulumi,
}

impl Taken {
    /// A stack that Pulumi made, gone on with once.
    async fn over() -> Self {
        let taken = Self::before().await;
        taken.project.all("deploy").await;
        taken
    }

    /// A stack that Pulumi made.
    async fn before() -> Self {
        let project = Project::new(&["web"]).await;
        pulumi_made::stack(&project, &AS_OURS).await;
        let backend = format!("file://{}", project.path(".semantest").display());
        let pulumi = Pulumi::on(&backend, "shop", &project.path(""), "end to end").await;
        Self { project, pulumi }
    }

    async fn preview(&self) -> Value {
        let arguments = ["preview", "--all", "--provider", "aws", "--env", "test", "--json"];
        self.project.run(&arguments).await.succeeded()
    }

    fn ours(kind: &str, role: &str) -> String {
        urn(&format!("semantest:index:RestApi${kind}::web-{role}"))
    }
}

fn resource<'a>(state: &'a Value, urn: &str) -> &'a Value {
    let resources = state["deployment"]["resources"].as_array().unwrap();
    resources.iter().find(|resource| resource["urn"] == urn).unwrap_or_else(|| panic!("no {urn}"))
}

fn changes(document: &Value) -> Vec<(&str, u64)> {
    let counts =
        ["create", "update", "replace", "delete"].map(|name| (name, document["changes"][name].as_u64().unwrap()));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cli_takes_a_stack_that_was_taken_over_and_takes_it_elsewhere_without_force() {
    let taken = Taken::before().await;
    let before = taken.pulumi.export(STACK).await;
    taken.project.all("deploy").await;
    let after = taken.pulumi.export(STACK).await;
    for urn in foreign() {
        assert_eq!(differences(resource(&before, &urn), resource(&after, &urn)), [""; 0], "{urn}");
    }
    let folder = taken.project.path("elsewhere");
    std::fs::create_dir_all(folder.join("backend")).unwrap();
    let elsewhere = Pulumi::on(&format!("file://{}/backend", folder.display()), "shop", &folder, "end to end").await;
    elsewhere.succeeds(&["stack", "init", STACK]).await;
    elsewhere.import(STACK, &after).await.succeeded();
    assert_eq!(differences(&after, &elsewhere.export(STACK).await), [""; 0]);
    let graph = taken.project.path("graph.dot");
    elsewhere.succeeds(&["stack", "graph", "--stack", STACK, graph.to_str().unwrap()]).await;
    assert!(std::fs::read_to_string(graph).unwrap().contains("web-function"));
    // Its verbs work on what was taken over.
    let role = Taken::ours("aws:iam/role:Role", "role");
    elsewhere.succeeds(&["state", "protect", &role, "--stack", STACK, "--yes"]).await;
    assert_eq!(resource(&elsewhere.export(STACK).await, &role)["protect"], true);
    elsewhere.succeeds(&["state", "unprotect", &role, "--stack", STACK, "--yes"]).await;
    assert_eq!(differences(&after, &elsewhere.export(STACK).await), [""; 0]);
    let refused = elsewhere.fails(&["state", "delete", &role, "--stack", STACK, "--yes"]).await;
    assert!(refused.contains("can't be safely deleted") || refused.contains("depend"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn protection_by_the_cli_holds() {
    let taken = Taken::over().await;
    let api = Taken::ours("aws:apigatewayv2/api:Api", "api");
    taken.pulumi.succeeds(&["state", "protect", &api, "--stack", STACK, "--yes"]).await;
    assert_eq!(changes(&taken.preview().await), []);
    let destroy = ["destroy", "--all", "--provider", "aws", "--env", "test", "--yes", "--json"];
    let refused = taken.project.run(&destroy).await.failed(1);
    assert!(refused.contains("protected") && refused.contains("web-api"), "{refused}");
    // A change is no deletion.
    taken.project.write_server("web", "2");
    let changed = taken.project.all("deploy").await;
    assert_eq!(changes(&changed).iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["update"], "{changed}");
    assert_eq!(resource(&taken.pulumi.export(STACK).await, &api)["protect"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cli_forgot_or_renamed_is_found_again() {
    let taken = Taken::over().await;
    // Forgotten: it is in the cloud with our tags, and is taken back instead of made twice.
    let route = Taken::ours("aws:apigatewayv2/route:Route", "route-default");
    taken.pulumi.succeeds(&["state", "delete", &route, "--stack", STACK, "--yes"]).await;
    let inventory = taken.project.inventory().await;
    taken.project.all("deploy").await;
    assert_eq!(taken.project.inventory().await, inventory);
    assert_eq!(changes(&taken.preview().await), []);
    let stage = Taken::ours("aws:apigatewayv2/stage:Stage", "stage");
    taken.pulumi.succeeds(&["state", "rename", &stage, "front", "--stack", STACK, "--yes"]).await;
    // It still belongs to our component, so that what isn't wanted under that name is ours to remove; the cloud has only one.
    let error_or_plan = taken.project.run(&["preview", "--all", "--provider", "aws", "--env", "test", "--json"]).await;
    assert_eq!(error_or_plan.code, Some(0), "{}", error_or_plan.stderr);
    taken
        .pulumi
        .succeeds(&["state", "rename", &stage.replace("web-stage", "front"), "web-stage", "--stack", STACK, "--yes"])
        .await;
    assert_eq!(changes(&taken.preview().await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn renaming_before_a_takeover_changes_nothing_about_it() {
    let taken = Taken::before().await;
    let function = urn("aws:lambda/function:Function::fn");
    taken.pulumi.succeeds(&["state", "rename", &function, "renamed", "--stack", STACK, "--yes"]).await;
    let document = taken.project.all("deploy").await;
    assert_eq!(document["adopted"].as_array().unwrap().len(), 7, "{document}");
    assert!(document["adopted"].to_string().contains("Function::renamed"), "{document}");
    assert_eq!(document["changes"]["replace"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cli_reads_the_import_file_up_to_the_plugins_that_it_would_need() {
    let taken = Taken::over().await;
    let written = ["export", "--import-file", "resources.json", "--provider", "aws", "--env", "test"];
    assert_eq!(taken.project.run(&written).await.code, Some(0));
    let file: Value = serde_json::from_slice(&std::fs::read(taken.project.path("resources.json")).unwrap()).unwrap();
    let entry = |name: &str| {
        let resources = file["resources"].as_array().unwrap();
        resources
            .iter()
            .find(|resource| resource["name"] == name)
            .unwrap_or_else(|| panic!("no {name} in {file}"))
            .clone()
    };
    assert_eq!((&entry("web")["component"], &entry("web-role")["parent"]), (&true.into(), &"web".into()));
    assert_eq!(entry("web-live")["id"], "shop-test-web/live");
    assert_eq!(entry("web-permission")["id"], "shop-test-web:live/shop-test-web");
    assert_eq!(entry("web-policy")["id"], "shop-test-web:shop-test-web");
    let route = entry("web-route-default")["id"].as_str().unwrap().to_owned();
    assert!(route.starts_with(&format!("{}/", entry("web-api")["id"].as_str().unwrap())), "{route}");
    // What has a provider of its own says which; it has to be made first.
    assert_eq!(entry("fn-europe")["provider"], "europe");
    assert_eq!(file["nameTable"]["europe"], urn("pulumi:providers:aws::europe"));

    let folder = taken.project.path("elsewhere");
    std::fs::create_dir_all(folder.join("backend")).unwrap();
    let elsewhere = Pulumi::on(&format!("file://{}/backend", folder.display()), "shop", &folder, "end to end").await;
    elsewhere.succeeds(&["stack", "init", STACK]).await;
    // Resources of the default provider alone: a fresh stack has no other.
    let mut own = file.clone();
    own.as_object_mut().unwrap().remove("nameTable");
    own["resources"]
        .as_array_mut()
        .unwrap()
        .retain(|resource| resource["name"].as_str().unwrap().starts_with("web") && resource.get("provider").is_none());
    let path = folder.join("resources.json");
    std::fs::write(&path, own.to_string()).unwrap();
    let path = path.to_str().unwrap();
    let told = elsewhere.run(&["import", "--file", path, "--stack", STACK, "--yes", "--generate-code=false"]).await;
    let said = format!("{}{}", told.stdout, told.stderr);
    assert!(told.code != Some(0), "there is no plugin here: {said}");
    assert!(said.contains("plugin") || said.contains("provider"), "{said}");
    for wrong in ["has no ID", "nameTable", "ambiguous", "could not parse", "unmarshal"] {
        assert!(!said.contains(wrong), "the file itself is right: {said}");
    }
    // The same parser does refuse what is wrong with a file.
    own["resources"][0].as_object_mut().unwrap().remove("component");
    std::fs::write(path, own.to_string()).unwrap();
    let refused =
        elsewhere.fails(&["import", "--file", path, "--stack", STACK, "--yes", "--generate-code=false"]).await;
    assert!(refused.contains("has no ID"), "{refused}");
}
