//! A reader of stdout that doesn't read, or that goes away: the deployment goes on to its end, and an interrupt is heard.

use std::io::{PipeReader, Read, Write, pipe};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use std::time::{Duration, Instant};

use localstack::proxy::{Action, Moment};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::end_to_end::support::{Project, Run, get, url};

const EVENTS: &[&str] = &["deploy", "--all", "--provider", "aws", "--env", "test", "--yes", "--json=events"];

/// Starts a command whose stdout is full already, and its reader.
fn start_unread(mut command: Command) -> (Child, PipeReader) {
    let (reader, mut writer) = pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    // Whole pages, then what is left of the last one.
    for piece in [&[b'x'; 4096][..], b"x"] {
        while writer.write(piece).is_ok() {}
    }
    fcntl_setfl(&writer, flags).unwrap();
    (command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap(), reader)
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

/// Waits until the process ends, and says how.
async fn ended(child: Child, within: Duration) -> Run {
    let began = Instant::now();
    let run = Run::of(tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap());
    assert!(began.elapsed() < within, "it took {:?}: {}", began.elapsed(), run.stderr);
    run
}

/// Waits until the latest deployment has ended well, and nobody holds the lock.
async fn deployed(project: &Project) {
    let began = Instant::now();
    loop {
        let history = project.run(&["history", "--env", "test", "--json"]).await.succeeded();
        let held = project.path(".semantest/.pulumi/locks/organization/shop/aws-test");
        let is_free = std::fs::read_dir(held).map_or(true, |mut files| files.next().is_none());
        if history["deployments"][0]["result"] == "succeeded" && is_free {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "the deployment stands still: {history}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_nobody_reads_hold_no_deployment_up_and_are_there_for_who_reads_late() {
    let project = Project::new(&["web"]).await;
    let (child, mut reader) = start_unread(project.command(EVENTS));
    deployed(&project).await;
    let read = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    let run = ended(child, Duration::from_secs(20)).await;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = read.await.unwrap();
    let events: Vec<serde_json::Value> =
        text.trim_start_matches('x').lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kind = |event: &serde_json::Value| event["eventType"].as_str().unwrap().to_owned();
    assert_eq!(kind(&events[0]), "DeploymentRequested");
    assert_eq!(kind(events.last().unwrap()), "DeploymentCompleted");
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["metadata"]["sequenceNumber"], number, "{event}");
    }
    project.all("destroy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_the_wait_for_a_reader_when_all_is_done() {
    for form in ["--json=events", "--json"] {
        let project = Project::new(&["web"]).await;
        let mut arguments = EVENTS.to_vec();
        *arguments.last_mut().unwrap() = form;
        let (mut child, _reader) = start_unread(project.command(&arguments));
        deployed(&project).await;
        // It waits for somebody to read, for half a minute; everything else is over soon, on a busy machine, too.
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(child.try_wait().unwrap().is_none());
        interrupt(&child);
        let run = ended(child, Duration::from_secs(10)).await;
        assert_eq!(run.code, Some(130), "{}", run.stderr);
        assert!(run.stderr.contains("Deployed aws-test") && run.stderr.contains("nobody reads it"), "{}", run.stderr);
        let document = project.all("deploy").await;
        assert_eq!(document["changes"]["create"], 0);
        assert_eq!(get(&url(&document, "web")).await["version"], "1");
        project.all("destroy").await;
        assert_eq!(project.inventory().await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_interrupt_is_heard_while_nobody_reads() {
    let project = Project::new(&["web"]).await;
    let hangs = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&hangs);
    project.proxy.set_hook(move |exchange, moment| {
        if exchange.is_write() && moment == Moment::Before {
            told.store(true, Ordering::SeqCst);
            return Action::Delay(Duration::from_secs(60));
        }
        Action::Pass
    });
    let (child, _reader) = start_unread(project.command(EVENTS));
    let began = Instant::now();
    while !hangs.load(Ordering::SeqCst) {
        assert!(began.elapsed() < Duration::from_secs(60), "no call was made");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    interrupt(&child);
    tokio::time::sleep(Duration::from_millis(300)).await;
    interrupt(&child);
    let run = ended(child, Duration::from_secs(12)).await;
    project.proxy.remove_hook();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    project.all("deploy").await;
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_fails_no_deployment() {
    let project = Project::new(&["web"]).await;
    let (child, reader) = start_unread(project.command(EVENTS));
    drop(reader);
    let run = ended(child, Duration::from_secs(90)).await;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(project.all("deploy").await["changes"]["create"], 0);
    project.all("destroy").await;
}
