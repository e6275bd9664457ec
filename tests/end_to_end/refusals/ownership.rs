//! What belongs to whom: accounts, components whose parts have the same ids.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use localstack::proxy::{Action, Moment};

use crate::end_to_end::support::{Project, Run, get, url};

const ALL: [&str; 5] = ["--all", "--provider", "aws", "--env", "test"];

fn with<'a>(command: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&[command], &ALL[..], rest].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_another_account_are_refused() {
    let project = Project::new(&["web"]).await;
    project.all("deploy").await;
    let before = project.inventory().await;
    for command in ["deploy", "destroy", "preview"] {
        let confirmed: &[&str] = if command == "preview" { &["--json"] } else { &["--yes", "--json"] };
        let output = project.command(&with(command, confirmed)).env("AWS_ACCESS_KEY_ID", "999999999999").output();
        let error = Run::of(output.unwrap()).failed(2);
        assert!(error.contains("other-account") && error.contains("999999999999"), "{command}: {error}");
        assert!(error.contains(&project.account), "{command}: {error}");
    }
    assert_eq!(project.inventory().await, before);
    let again = project.all("deploy").await;
    assert_eq!(again["changes"]["create"], 0, "{again}");
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_cut_off_while_its_stage_is_made_is_gone_on_with_beside_another() {
    // Every stage has the id `$default`, every permission that of its statement.
    for path in ["/stages", "/policy"] {
        let project = Project::new(&["one", "two"]).await;
        let only = ["deploy", "--component", "one", "--provider", "aws", "--env", "test", "--yes", "--json"];
        project.run(&only).await.succeeded();
        let mut command = project.command(&with("deploy", &["--yes", "--json"]));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = child.id().to_string();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        project.proxy.set_hook(move |exchange, moment| {
            let is_it =
                exchange.is_write() && exchange.path.split('?').next().is_some_and(|called| called.ends_with(path));
            if !is_it || moment != Moment::After {
                return Action::Pass;
            }
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = std::process::Command::new("kill").args(["-9", &pid]).status();
            Action::Cut
        });
        let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
        project.proxy.remove_hook();
        assert!(calls.load(Ordering::SeqCst) > 0, "{path} was never called");
        assert_eq!(Run::of(output).code, None, "{path}");
        let both = project.all("deploy").await;
        assert_eq!(get(&url(&both, "two")).await["version"], "1");
        assert_eq!(project.all("deploy").await["calls"]["write"], 0);
        project.all("destroy").await;
        assert_eq!(project.inventory().await, Vec::<String>::new(), "{path}");
    }
}
