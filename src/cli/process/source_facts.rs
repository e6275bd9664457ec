//! Facts about the source that is deployed, for the history: the commit, the branch, who wrote it, the CI's build. Names
//! and meanings are those of Pulumi's update environment (SPEC.md section 4.7).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::environment::Process;

/// A git that takes longer (a huge repository, a dead network drive) isn't waited for: a deployment doesn't need it.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is known of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// `git.head`, `ci.build.id` and the like.
    pub facts: BTreeMap<String, String>,
    /// The title of the commit: the deployment's message where none is given.
    pub title: Option<String>,
}

/// Collects what can be known of `folder`. Asks git only where there is a repository.
pub async fn collect(process: &Process, folder: &Path) -> SourceFacts {
    let mut known = SourceFacts { facts: ci_facts(process), title: None };
    let in_repository = folder.ancestors().any(|folder| folder.join(".git").exists());
    if in_repository {
        // What was found before the time was up is as good.
        let _ = tokio::time::timeout(PATIENCE, add_git(process, folder, &mut known)).await;
    }
    known
}

async fn add_git(process: &Process, folder: &Path, known: &mut SourceFacts) {
    let (commit, branch, changes, remote, below) = tokio::join!(
        git(process, folder, &["log", "-1", "--no-show-signature", "--format=%H%n%an%n%ae%n%cn%n%ce%n%s"]),
        git(process, folder, &["symbolic-ref", "--quiet", "HEAD"]),
        git(process, folder, &["status", "--porcelain", "--untracked-files=no", "--ignore-submodules"]),
        git(process, folder, &["config", "--get", "remote.origin.url"]),
        git(process, folder, &["rev-parse", "--show-prefix"]),
    );
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            known.facts.insert(name.to_owned(), value.to_owned());
        }
    };
    if let Some(commit) = commit {
        let mut lines = commit.lines();
        for name in ["git.head", "git.author", "git.author.email", "git.committer", "git.committer.email"] {
            add(name, lines.next().unwrap_or_default());
        }
        known.title = lines.next().filter(|title| !title.is_empty()).map(str::to_owned);
    }
    let mut add = |name: &str, value: &str| known.facts.insert(name.to_owned(), value.to_owned());
    // A CI checks a commit out rather than a branch.
    if let Some(branch) = branch.as_deref().map(str::trim).or_else(|| ci_branch(process)) {
        add("git.headName", branch);
    }
    if let Some(changes) = changes {
        add("git.dirty", if changes.trim().is_empty() { "false" } else { "true" });
    }
    if let Some((kind, owner, repository)) = remote.as_deref().and_then(hosted) {
        add("vcs.kind", &kind);
        add("vcs.owner", &owner);
        add("vcs.repo", &repository);
    }
    if let Some(below) = below.filter(|_| remote.is_some()) {
        let below = below.trim().trim_end_matches('/');
        add("vcs.root", if below.is_empty() { "." } else { below });
    }
}

async fn git(process: &Process, folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).env_clear().envs(&process.variables);
    // Looking must not write: `git status` would refresh the index.
    command.env("GIT_OPTIONAL_LOCKS", "0").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Host, owner and repository of a remote: `git@github.com:semantest/nodejs.server.git`. What a URL may hold of
/// credentials stays out.
fn hosted(remote: &str) -> Option<(String, String, String)> {
    let remote = remote.trim();
    let rest = match remote.split_once("://") {
        Some((_, rest)) => rest,
        None => remote.split_once('@').map_or(remote, |(_, rest)| rest),
    };
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let (host, path) = rest.split_once(['/', ':'])?;
    let path = path.trim_start_matches('/').trim_end_matches('/').trim_end_matches(".git");
    // A port between host and path.
    let path = path.split_once('/').filter(|(port, _)| port.parse::<u16>().is_ok()).map_or(path, |(_, path)| path);
    let (owner, repository) = path.rsplit_once('/')?;
    (!host.is_empty() && !owner.is_empty() && !repository.is_empty())
        .then(|| (host.to_owned(), owner.to_owned(), repository.to_owned()))
}

/// What the CI says of the build, in the variables that each CI has.
fn ci_facts(process: &Process) -> BTreeMap<String, String> {
    const GITHUB: &[(&str, &str)] = &[
        ("ci.build.id", "GITHUB_RUN_ID"),
        ("ci.build.number", "GITHUB_RUN_NUMBER"),
        ("ci.build.type", "GITHUB_EVENT_NAME"),
        ("ci.pr.headSHA", "GITHUB_SHA"),
    ];
    const GITLAB: &[(&str, &str)] = &[
        ("ci.build.id", "CI_PIPELINE_ID"),
        ("ci.build.number", "CI_PIPELINE_IID"),
        ("ci.build.type", "CI_PIPELINE_SOURCE"),
        ("ci.build.url", "CI_JOB_URL"),
        ("ci.pr.headSHA", "CI_COMMIT_SHA"),
        ("ci.pr.number", "CI_MERGE_REQUEST_IID"),
    ];
    const CIRCLE: &[(&str, &str)] = &[
        ("ci.build.id", "CIRCLE_BUILD_NUM"),
        ("ci.build.number", "CIRCLE_BUILD_NUM"),
        ("ci.build.url", "CIRCLE_BUILD_URL"),
        ("ci.pr.headSHA", "CIRCLE_SHA1"),
    ];
    const JENKINS: &[(&str, &str)] = &[
        ("ci.build.id", "BUILD_ID"),
        ("ci.build.number", "BUILD_NUMBER"),
        ("ci.build.url", "BUILD_URL"),
        ("ci.pr.headSHA", "GIT_COMMIT"),
    ];
    /// The variable that gives a CI system away, its name, and what its other variables tell.
    type System = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
    let systems: [System; 4] = [
        ("GITHUB_ACTIONS", "GitHub Actions", GITHUB),
        ("GITLAB_CI", "GitLab CI/CD", GITLAB),
        ("CIRCLECI", "CircleCI", CIRCLE),
        ("JENKINS_URL", "Jenkins", JENKINS),
    ];
    let mut facts = BTreeMap::new();
    let Some((_, system, variables)) = systems.into_iter().find(|(mark, ..)| process.variable(mark).is_some()) else {
        return facts;
    };
    facts.insert("ci.system".to_owned(), system.to_owned());
    for (fact, variable) in variables {
        if let Some(value) = process.text(variable) {
            facts.insert((*fact).to_owned(), value.to_owned());
        }
    }
    if let (Some(server), Some(repository), Some(run)) =
        (process.text("GITHUB_SERVER_URL"), process.text("GITHUB_REPOSITORY"), process.text("GITHUB_RUN_ID"))
    {
        facts.insert("ci.build.url".to_owned(), format!("{server}/{repository}/actions/runs/{run}"));
    }
    // What is built for a pull request on GitHub is a commit of its own, which merges the request's.
    if let Some(PullRequest { number, head }) = pull_request(process) {
        facts.insert("ci.pr.number".to_owned(), number.to_string());
        facts.insert("ci.pr.headSHA".to_owned(), head);
    }
    facts
}

/// The branch that a CI builds.
fn ci_branch(process: &Process) -> Option<&str> {
    ["GITHUB_HEAD_REF", "GITHUB_REF", "CI_COMMIT_REF_NAME", "CIRCLE_BRANCH", "GIT_BRANCH"]
        .into_iter()
        .find_map(|variable| process.text(variable).filter(|branch| !branch.is_empty()))
}

/// A pull request, and the commit that it proposes.
struct PullRequest {
    number: u64,
    head: String,
}

/// The pull request that GitHub Actions runs for, from the event that it leaves in a file.
fn pull_request(process: &Process) -> Option<PullRequest> {
    let path =
        process.text("GITHUB_EVENT_PATH").filter(|_| process.text("GITHUB_EVENT_NAME") == Some("pull_request"))?;
    let event: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let head = event["pull_request"]["head"]["sha"].as_str()?.to_owned();
    Some(PullRequest { number: event["number"].as_u64()?, head })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(variables: &[(&str, &str)]) -> Process {
        let path = std::env::var_os("PATH").map(|path| ("PATH".into(), path));
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).chain(path).collect();
        Process { variables, ..Process::default() }
    }

    async fn run_git(folder: &Path, arguments: &[&str]) -> bool {
        let process = process(&[("HOME", "/nowhere"), ("GIT_CONFIG_NOSYSTEM", "1")]);
        git(&process, folder, arguments).await.is_some()
    }

    #[tokio::test]
    async fn a_repository_tells_its_commit_and_whether_it_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        if !run_git(path, &["init", "--quiet", "--initial-branch=trunk"]).await {
            #[expect(clippy::print_stdout, reason = "a skipped test says why")]
            {
                println!("skipped: there is no git");
            }
            return;
        }
        std::fs::write(path.join("a"), "1").unwrap();
        let identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"];
        assert!(run_git(path, &["add", "a"]).await);
        assert!(run_git(path, &[&identity[..], &["commit", "--quiet", "-m", "A title\n\nMore"]].concat()).await);
        assert!(run_git(path, &["remote", "add", "origin", "https://token@github.com/semantest/app.git"]).await);
        let known = collect(&process(&[]), path).await;
        assert_eq!(known.title.as_deref(), Some("A title"));
        assert_eq!(known.facts["git.head"].len(), 40);
        assert_eq!(known.facts["git.headName"], "refs/heads/trunk");
        assert_eq!((known.facts["git.author"].as_str(), known.facts["git.dirty"].as_str()), ("Ann", "false"));
        assert_eq!((known.facts["vcs.owner"].as_str(), known.facts["vcs.root"].as_str()), ("semantest", "."));
        std::fs::create_dir(path.join("below")).unwrap();
        assert_eq!(collect(&process(&[]), &path.join("below")).await.facts["vcs.root"], "below");
        assert!(run_git(path, &["checkout", "--quiet", "--detach"]).await);
        assert_eq!(collect(&process(&[]), path).await.facts.get("git.headName"), None);
        let built = collect(&process(&[("CI_COMMIT_REF_NAME", "feature")]), path).await;
        assert_eq!(built.facts["git.headName"], "feature");
        assert!(!known.facts.values().any(|value| value.contains("token")));
        std::fs::write(path.join("a"), "2").unwrap();
        assert_eq!(collect(&process(&[]), path).await.facts["git.dirty"], "true");
    }

    #[tokio::test]
    async fn without_a_repository_or_git_there_are_no_facts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(collect(&Process::default(), folder.path()).await, SourceFacts::default());
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        assert_eq!(collect(&Process::default(), folder.path()).await, SourceFacts::default());
    }

    #[test]
    fn remotes_have_many_forms() {
        for remote in [
            "git@github.com:semantest/app.git",
            "https://github.com/semantest/app",
            "https://user:token@github.com/semantest/app.git/",
            "ssh://git@github.com:22/semantest/app.git",
        ] {
            let (host, owner, repository) = hosted(remote).unwrap();
            assert_eq!(
                (host.as_str(), owner.as_str(), repository.as_str()),
                ("github.com", "semantest", "app"),
                "{remote}"
            );
        }
        for remote in ["/srv/git/app.git", "", "nonsense", "file:///x"] {
            assert!(hosted(remote).is_none_or(|(host, ..)| !host.contains('/')), "{remote}");
        }
    }

    #[test]
    fn a_ci_build_is_recognised() {
        let facts = ci_facts(&process(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "semantest/app"),
        ]));
        assert_eq!(facts["ci.system"], "GitHub Actions");
        assert_eq!(facts["ci.build.url"], "https://github.com/semantest/app/actions/runs/7");
        assert!(ci_facts(&process(&[])).is_empty());
    }

    #[test]
    fn a_build_for_a_pull_request_names_it_and_its_own_commit() {
        let folder = tempfile::tempdir().unwrap();
        let event = folder.path().join("event.json");
        std::fs::write(&event, r#"{"number": 7, "pull_request": {"head": {"sha": "abc", "ref": "feature"}}}"#).unwrap();
        let event = event.to_str().unwrap();
        let build = |kind| {
            ci_facts(&process(&[
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_EVENT_NAME", kind),
                ("GITHUB_SHA", "merge"),
                ("GITHUB_EVENT_PATH", event),
            ]))
        };
        let facts = build("pull_request");
        assert_eq!((facts["ci.pr.number"].as_str(), facts["ci.pr.headSHA"].as_str()), ("7", "abc"));
        let facts = build("push");
        assert_eq!((facts.get("ci.pr.number"), facts["ci.pr.headSHA"].as_str()), (None, "merge"));
    }
}
