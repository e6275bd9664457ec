//! Two people with the same configuration, each with a state of their own: neither touches what is the other's.

use serde_json::Value;

use super::pulumi_made::recorded;
use crate::end_to_end::support::{Project, Run, get, url};

const TARGET: [&str; 5] = ["--all", "--provider", "aws", "--env", "test"];

async fn run(project: &Project, command: &str, rest: &[&str]) -> Run {
    project.run(&[&[command], &TARGET[..], rest].concat()).await
}

/// Another checkout of the same project, on the same account.
async fn another(first: &Project) -> Project {
    let mut second = Project::new(&["web"]).await;
    second.account.clone_from(&first.account);
    let text = std::fs::read_to_string(first.path("semantest-iac.yaml")).unwrap();
    second.write("semantest-iac.yaml", &text);
    second.write_server("web", "2");
    second
}

#[tokio::test(flavor = "multi_thread")]
async fn another_states_stack_of_the_same_name_is_not_taken_over() {
    let first = Project::new(&["web"]).await;
    let deployed = first.all("deploy").await;
    let address = url(&deployed, "web").to_owned();
    let inventory = first.inventory().await;

    let second = another(&first).await;
    let before = first.proxy.writes();
    for (command, more) in [("preview", &[][..]), ("deploy", &["--yes"][..])] {
        let refused = run(&second, command, more).await;
        assert_eq!(refused.code, Some(1), "{command}: {}{}", refused.stdout, refused.stderr);
        let told = &refused.stderr;
        assert!(
            told.contains("the account has a stack shop/aws-test already, which this state doesn't know"),
            "{told}"
        );
        assert!(told.contains("shop-test-web") && told.contains("deployed by "), "{told}");
        assert!(told.contains("state.url") && told.contains("--reclaim"), "{told}");
    }
    let destroyed = run(&second, "destroy", &["--yes"]).await;
    assert_eq!(destroyed.code, Some(0), "{}", destroyed.stderr);
    assert_eq!(first.proxy.writes(), before, "nothing was changed");
    assert_eq!(first.inventory().await, inventory);
    assert_eq!(get(&format!("{address}/")).await["version"], "1");

    // Somebody who knows that it is theirs says so; the address stays, and so does whose it is from then on.
    let document = run(&second, "deploy", &["--reclaim", "--yes", "--json"]).await.succeeded();
    assert_eq!(url(&document, "web"), address);
    assert_eq!(get(&format!("{address}/")).await["version"], "2");
    assert_eq!(first.inventory().await, inventory);
    let again = run(&second, "deploy", &["--yes", "--json"]).await.succeeded();
    assert_eq!(again["changes"]["same"], document["changes"]["create"], "{again}");
    second.all("destroy").await;
    assert_eq!(second.inventory().await, Vec::<String>::new());
}

/// What was deployed before stacks had identities is given its own by the next deployment of its own state.
#[tokio::test(flavor = "multi_thread")]
async fn a_stack_from_before_is_given_its_identity() {
    let project = Project::new(&["web"]).await;
    project.all("deploy").await;
    let role = "shop-test-web";
    let iam = aws_sdk_iam::Client::new(&project.sdk().await);
    iam.untag_role().role_name(role).tag_keys("semantest:identity").send().await.unwrap();
    let read =
        project.run(&["deploy", "--all", "--provider", "aws", "--env", "test", "--refresh", "all", "--yes", "--json"]);
    let document = read.await.succeeded();
    assert_eq!(document["changes"]["update"], 1, "{document}");
    let tags = iam.list_role_tags().role_name(role).send().await.unwrap();
    let identity = tags.tags().iter().find(|tag| tag.key() == "semantest:identity").map(|tag| tag.value().to_owned());
    let records = recorded(&project);
    let provider = records.iter().find(|(urn, _)| urn.contains("::pulumi:providers:aws::")).expect("a provider");
    let provider: Value = serde_json::from_str(provider.1.get()).unwrap();
    assert_eq!(identity.as_deref(), provider["id"].as_str());
    project.all("destroy").await;
}
