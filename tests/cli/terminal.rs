//! On a terminal: questions, the live tree and its end, and what happens when somebody presses Ctrl-C twice.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use localstack::proxy::{Action, Moment};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::cli::program::Program;
use crate::end_to_end::support::{Project, Run};

/// A program on a terminal of its own; stdout goes to a pipe where `results` is asked for.
struct OnTerminal {
    child: Child,
    terminal: File,
    shown: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl OnTerminal {
    fn start(command: Command) -> Self {
        Self::start_read_when(command, &Arc::default())
    }

    /// The terminal isn't read as long as `stopped` isn't 0.
    fn start_read_when(mut command: Command, stopped: &Arc<AtomicUsize>) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs: OwnedFd = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap().into();
        tcsetwinsize(theirs.as_fd(), size).unwrap();
        command.stdin(theirs.try_clone().unwrap()).stderr(theirs.try_clone().unwrap()).stdout(Stdio::piped());
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        let child = command.spawn().unwrap();
        drop((command, theirs));
        let terminal = File::from(ours);
        let (shown, mut source) = (Arc::new(Mutex::new(String::new())), terminal.try_clone().unwrap());
        let (collected, stopped) = (Arc::clone(&shown), Arc::clone(stopped));
        let reader = std::thread::spawn(move || {
            while stopped.load(Ordering::SeqCst) != 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
            let mut bytes = Vec::new();
            let mut buffer = [0; 4096];
            // Reading ends with an error when the other side is closed.
            while let Ok(count @ 1..) = source.read(&mut buffer) {
                bytes.extend_from_slice(&buffer[..count]);
                *collected.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        Self { child, terminal, shown, reader: Some(reader) }
    }

    /// Waits until the terminal shows a text.
    fn wait_for(&self, text: &str) {
        for _ in 0..6000 {
            if self.shown.lock().unwrap().contains(text) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{text:?} never came: {}", self.shown.lock().unwrap());
    }

    /// Waits until the terminal shows a text after what was seen already.
    fn wait_for_from(&self, seen: &mut usize, text: &str) {
        for _ in 0..6000 {
            let shown = self.shown.lock().unwrap().clone();
            if let Some(at) = shown.get(*seen..).and_then(|new| new.find(text)) {
                *seen += at + text.len();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{text:?} never came: {}", self.shown.lock().unwrap());
    }

    fn type_in(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
    }

    /// Exit code, stdout, and all that the terminal was sent.
    fn end(mut self) -> (Option<i32>, String, String) {
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let code = self.child.wait().unwrap().code();
        self.reader.take().unwrap().join().unwrap();
        let shown = self.shown.lock().unwrap().clone();
        (code, stdout, shown)
    }
}

impl Drop for OnTerminal {
    /// A test that fails leaves no program behind that waits for an answer.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a terminal shows at the end of this output: lines, with erasures of the last n of them carried out.
fn screen(sent: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut rest = sent;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\u{1b}[") {
            let end = after.find(|character: char| character.is_ascii_alphabetic()).unwrap();
            let (number, command) = (after[..end].parse::<usize>().unwrap_or(0), &after[end..=end]);
            match command {
                "A" => lines.truncate(lines.len().saturating_sub(number).max(1)),
                "J" => lines.last_mut().unwrap().clear(),
                _ => {}
            }
            rest = &after[end + 1..];
            continue;
        }
        match next {
            '\n' => lines.push(String::new()),
            '\r' => {}
            other => lines.last_mut().unwrap().push(other),
        }
        rest = &rest[next.len_utf8()..];
    }
    lines
}

#[test]
fn a_project_is_set_up_by_questions() {
    let program = Program::with(&[("api/package.json", r#"{"main":"server.js"}"#), ("api/server.js", "")]);
    let mut terminal = OnTerminal::start(program.command(&["init"]));
    for (question, answer) in [
        ("Project", "shop\n"),
        ("Folder of the server", "\n"),
        ("Name of the component", "rest-api\n"),
        ("Command that starts it", "\n"),
        ("Runtime", "nodejs22\n"),
        ("health check", "-\n"),
        ("Region", "eu-west-1\n"),
    ] {
        terminal.wait_for(question);
        terminal.type_in(answer);
    }
    let (code, stdout, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(stdout.ends_with("semantest-iac.yaml\n"));
    let text = std::fs::read_to_string(program.path("semantest-iac.yaml")).unwrap();
    assert!(
        text.contains("project: shop") && text.contains("  rest-api:") && text.contains("region: eu-west-1"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_shown_confirmed_and_drawn() {
    let project = Project::new(&["web"]).await;
    let deploy = ["deploy", "--all", "--env", "test"];
    let declined = tokio::task::spawn_blocking({
        let command = project.command(&deploy);
        move || {
            let mut terminal = OnTerminal::start(command);
            terminal.wait_for("Deploy this to aws-test? [y/N]");
            terminal.type_in("n\n");
            terminal.end()
        }
    })
    .await
    .unwrap();
    assert_eq!(declined.0, Some(1), "{}", declined.2);
    assert!(declined.2.contains("nothing was done"));
    assert_eq!(project.proxy.writes(), 0);

    // Slow enough that the tree is drawn while it goes on.
    project.proxy.set_hook(|exchange, moment| match moment {
        Moment::Before if exchange.is_write() => Action::Delay(Duration::from_millis(150)),
        _ => Action::Pass,
    });
    let (code, stdout, sent) = tokio::task::spawn_blocking({
        let command = project.command(&deploy);
        move || {
            let mut terminal = OnTerminal::start(command);
            terminal.wait_for("[y/N]");
            terminal.type_in("y\n");
            terminal.wait_for("creating");
            terminal.end()
        }
    })
    .await
    .unwrap();
    project.proxy.remove_hook();
    assert_eq!(code, Some(0), "{sent}");
    assert!(stdout.contains("url: http"), "{stdout}");
    let screen = screen(&sent);
    let after: Vec<&String> = screen.iter().skip_while(|line| !line.contains("[y/N]")).collect();
    let text = after.iter().map(|line| format!("{line}\n")).collect::<String>();
    // Of the drawing nothing is left but the final state: each resource once, and no wheel.
    assert_eq!(text.matches("web-function").count(), 1, "{text}");
    assert!(text.contains("created") && !text.contains("creating") && !text.contains("waiting"), "{text}");
    assert!(!text.contains('⠋') && text.contains("Deployed aws-test"), "{text}");
    project.all("destroy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_is_not_read_does_not_hold_the_deployment_up() {
    let project = Project::new(&["web"]).await;
    // Slow, so that more is drawn than the terminal takes.
    project.proxy.set_hook(|exchange, moment| match moment {
        Moment::Before if exchange.is_write() => Action::Delay(Duration::from_millis(800)),
        _ => Action::Pass,
    });
    let stopped = Arc::new(AtomicUsize::new(1));
    let terminal =
        OnTerminal::start_read_when(project.command(&["deploy", "--all", "--env", "test", "--yes"]), &stopped);
    let succeeded = async || {
        let history = project.run(&["history", "--env", "test", "--json"]).await.succeeded();
        history["deployments"][0]["result"] == "succeeded"
    };
    let mut waited = 0;
    while !succeeded().await {
        waited += 1;
        assert!(waited < 240, "the deployment stands still");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    project.proxy.remove_hook();
    stopped.store(0, Ordering::SeqCst);
    let (code, _, shown) = tokio::task::spawn_blocking(move || terminal.end()).await.unwrap();
    assert!(code == Some(0) && screen(&shown).join("\n").contains("Deployed aws-test"), "{shown}");
    project.all("destroy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_interruption_ends_it_at_once() {
    let project = Project::new(&["web"]).await;
    let mut command = project.command(&["deploy", "--all", "--env", "test", "--yes", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    project.proxy.set_hook(move |exchange, moment| {
        // The third write hangs, so that a graceful stop would take for ever.
        if exchange.is_write() && moment == Moment::Before && asked.fetch_add(1, Ordering::SeqCst) == 2 {
            let interrupt = || Command::new("kill").args(["-INT", &pid]).status();
            let _ = interrupt();
            std::thread::spawn({
                let pid = pid.clone();
                move || {
                    // The two must not fall together, or the system counts them as one.
                    std::thread::sleep(Duration::from_millis(300));
                    Command::new("kill").args(["-INT", &pid]).status()
                }
            });
            return Action::Delay(Duration::from_secs(30));
        }
        Action::Pass
    });
    let started = std::time::Instant::now();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    project.proxy.remove_hook();
    let run = Run::of(output);
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert!(started.elapsed() < Duration::from_secs(25), "it waited for the call");
    assert_eq!(run.document()["result"], "interrupted");
    for part in ["Stopping", "Stopping at once", "done", "undone", "unknown"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    // The table names each operation; for people they are summed up below it, machines are told of each.
    assert!(!run.stderr.contains("its operation was cut off"), "{}", run.stderr);
    assert!(run.stdout.contains("its operation was cut off"), "{}", run.stdout);
    project.all("deploy").await;
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

/// A new stack's passphrase is asked for twice, an existing one's once, a secret value isn't shown, and removals are confirmed.
#[test]
fn passphrases_and_secret_values_are_asked_for_and_never_shown() {
    let program = Program::with(&[
        ("api/package.json", r#"{"main":"server.js"}"#),
        ("api/server.js", ""),
        (
            "semantest-iac.yaml",
            "project: shop\ncomponents:\n  api: { kind: rest-api, source: ./api, start: node server.js }\nenvironments:\n  test: { aws: { region: us-east-1 } }\n",
        ),
    ]);
    let secrets = ["correct horse", "battery staple"];
    let answered = |arguments: &[&str], answers: &[(&str, &str)]| {
        let mut command = program.command(arguments);
        command.env_remove("PULUMI_CONFIG_PASSPHRASE");
        let mut terminal = OnTerminal::start(command);
        let mut seen = 0;
        for (question, answer) in answers {
            terminal.wait_for_from(&mut seen, question);
            terminal.type_in(&format!("{answer}\r"));
        }
        let (code, stdout, shown) = terminal.end();
        for secret in secrets.iter().filter(|_| arguments[1] != "get") {
            assert!(!shown.contains(secret) && !stdout.contains(secret), "{shown}\n{stdout}");
        }
        (code, stdout, shown)
    };
    let ask = |what| (what, secrets[0]);
    let (code, _, shown) = answered(&["stack", "init", "dev"], &[ask("assphrase"), ("assphrase", "another")]);
    assert!(code != Some(0) && !program.path("Pulumi.dev.yaml").exists(), "{shown}");
    let (code, _, shown) = answered(&["stack", "init", "dev"], &[ask("assphrase"), ask("assphrase")]);
    assert_eq!(code, Some(0), "{shown}");
    let set = ["config", "set", "--secret", "token", "-s", "dev"];
    let (code, _, shown) = answered(&set, &[("value", secrets[1]), ask("assphrase")]);
    assert_eq!(code, Some(0), "{shown}");
    let get = ["config", "get", "token", "-s", "dev"];
    let (code, stdout, shown) = answered(&get, &[ask("assphrase")]);
    assert!(code == Some(0) && stdout.contains(secrets[1]), "{shown}");
    let (code, stdout, shown) = answered(&get, &[("assphrase", "wrong")]);
    assert!(code != Some(0) && stdout.is_empty() && shown.contains("incorrect passphrase"), "{shown}");
    let (_, _, shown) = answered(&["stack", "rm", "-s", "dev"], &[("Confirm?", "n")]);
    assert!(program.path(".semantest/.pulumi/stacks/shop/dev.json").exists(), "{shown}");
    let (code, _, shown) = answered(&["stack", "rm", "-s", "dev"], &[("Confirm?", "y")]);
    assert!(code == Some(0) && !program.path(".semantest/.pulumi/stacks/shop/dev.json").exists(), "{shown}");
}
