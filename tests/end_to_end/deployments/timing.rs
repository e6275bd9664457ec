//! What one sees of time: what is predicted, and what is told in the end.

use crate::end_to_end::support::Project;

#[tokio::test(flavor = "multi_thread")]
async fn a_local_deployment_is_predicted_as_local_and_measured_on_its_work() {
    let project = Project::new(&["web"]).await;
    let preview = project.run(&["preview", "--all", "--env", "test", "--json"]).await.succeeded();
    // By what AWS takes as a rule it would be three seconds.
    let predicted = preview["lowerBoundMs"].as_u64().unwrap();
    assert!(predicted > 0 && predicted < 1000, "{preview}");
    assert!(preview.get("appliedMs").is_none());

    let run = project.run(&["deploy", "--all", "--env", "test", "--yes", "--json=events"]).await;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let summary = run.stderr.lines().find(|line| line.starts_with("Deployed aws-test in ")).expect("a summary");
    assert!(summary.contains("; applied in ") && summary.ends_with(" × the lower bound"), "{summary}");
    let last: serde_json::Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    let milliseconds = |name: &str| last["payload"][name].as_u64().unwrap_or_else(|| panic!("no {name}: {last}"));
    assert!(milliseconds("lowerBoundMs") <= milliseconds("appliedMs"), "{last}");
    assert!(milliseconds("appliedMs") <= milliseconds("durationMs"), "{last}");
    project.all("destroy").await;
}
