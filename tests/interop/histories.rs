//! Our deployments in the history that the CLI shows: kind, result, times, changes, and where the source came from.

use std::process::Command;

use serde_json::{Value, json};

use crate::interop::shop::{STACK, Shop};

async fn history(shop: &Shop) -> Vec<Value> {
    let history = shop.pulumi().await.json(&["stack", "history", "--json", "--stack", STACK]).await;
    history.as_array().unwrap().clone()
}

fn git(shop: &Shop, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.arg("-C").arg(shop.project.path("")).args(arguments);
    // Not even what this machine's user has git ignore ($XDG_CONFIG_HOME/git/ignore).
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Ann Author"),
        ("GIT_AUTHOR_EMAIL", "ann@example.com"),
        ("GIT_COMMITTER_NAME", "Carl Committer"),
        ("GIT_COMMITTER_EMAIL", "carl@example.com"),
    ] {
        command.env(name, value);
    }
    let output = command.output().expect("git is installed");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_and_destructions_are_in_the_history_that_the_cli_shows() {
    let shop = Shop::new().await;
    shop.project.write(".gitignore", ".semantest/\n");
    git(&shop, &["init", "--quiet", "--initial-branch=trunk"]);
    git(&shop, &["remote", "add", "origin", "https://github.com/semantest/shop.git"]);
    git(&shop, &["add", "."]);
    git(&shop, &["commit", "--quiet", "-m", "Sell things"]);
    let before = chrono::Utc::now().timestamp();
    let deployed = shop.deploy().await;
    let entries = history(&shop).await;
    let [first] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((&first["kind"], &first["result"]), (&json!("update"), &json!("succeeded")));
    assert_eq!(first["message"], "Sell things");
    let time = |name: &str| {
        let text = first[name].as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp()
    };
    assert!(before <= time("startTime") && time("startTime") <= time("endTime"), "{first}");
    assert!(time("endTime") <= chrono::Utc::now().timestamp(), "{first}");
    let created = &deployed["changes"]["create"];
    assert_eq!(first["resourceChanges"], json!({ "create": created }), "{first}");
    let environment = &first["environment"];
    for (name, value) in [
        ("git.headName", "refs/heads/trunk"),
        ("git.dirty", "false"),
        ("git.author", "Ann Author"),
        ("git.author.email", "ann@example.com"),
        ("git.committer", "Carl Committer"),
        ("git.committer.email", "carl@example.com"),
        ("vcs.owner", "semantest"),
        ("vcs.repo", "shop"),
        ("vcs.kind", "github.com"),
        ("vcs.root", "."),
        ("exec.kind", "cli"),
    ] {
        assert_eq!(environment[name], value, "{name}: {environment:#}");
    }
    assert_eq!(environment["git.head"].as_str().unwrap().len(), 40);
    assert!(
        environment["exec.agent"].as_str().is_some_and(|agent| agent.starts_with("semantest-iac/")),
        "{environment:#}"
    );

    // A change, which isn't committed; made by a build of a CI.
    shop.change("2");
    let mut command = shop.command(&["deploy", "--all", "--env", "test", "--yes", "--json"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_RUN_ID", "4711");
    assert!(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap().status.success());
    shop.run(&["destroy", "--all", "--env", "test", "--yes", "--json"]).await.succeeded();
    let entries = history(&shop).await;
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["destroy", "update", "update"]);
    let second = &entries[1];
    assert_eq!(
        (&second["environment"]["git.dirty"], &second["environment"]["ci.system"]),
        (&json!("true"), &json!("GitHub Actions"))
    );
    assert_eq!(second["environment"]["ci.build.id"], "4711");
    assert!(second["resourceChanges"]["update"].as_u64().is_some_and(|count| count > 0), "{second}");
    assert_eq!(entries[0]["resourceChanges"], json!({ "delete": created }), "{}", entries[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_failed_is_shown_as_failed() {
    let shop = Shop::new().await;
    shop.project.write("web/server.js", "process.exit(1)");
    let run = shop.run(&["deploy", "--all", "--env", "test", "--yes", "--json"]).await;
    assert_ne!(run.code, Some(0), "{}", run.stdout);
    let entries = history(&shop).await;
    assert_eq!((&entries[0]["kind"], &entries[0]["result"]), (&json!("update"), &json!("failed")));
}
