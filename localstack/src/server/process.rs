//! Processes by their id: who they are beyond a reuse of the number, whether they live, and how they end.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::time::Instant;

/// How often a process that isn't our child is looked at while it ends.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What tells a living process from an earlier or later one of the same id: when it started. `None` where no such process lives.
///
/// Linux: boot and start time of `/proc`; elsewhere what `ps` says. The text is for comparing only.
pub(crate) fn start_of(pid: u32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() { start_by_proc(pid) } else { start_by_ps(pid) }
}

fn start_by_proc(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets, which may itself hold spaces and brackets.
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    let (state, start) = (fields.first()?, fields.get(19)?);
    if matches!(*state, "Z" | "X") {
        return None;
    }
    // The start is counted from the boot, so that it comes again after the next one.
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{}/{start}", boot.trim()))
}

fn start_by_ps(pid: u32) -> Option<String> {
    let output = Command::new("ps")
        .args(["-o", "stat=,lstart=", "-p", &pid.to_string()])
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (state, start) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| start.trim().to_owned())
}

/// A process that was seen before, by id and start.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    pub(crate) start: String,
}

impl Identity {
    pub(crate) fn is_alive(&self) -> bool {
        start_of(self.pid).is_some_and(|start| start == self.start)
    }

    /// Asks the process to end, then makes it; its whole group goes with it. Says whether it is gone.
    pub(crate) async fn end(&self, grace: Duration) -> bool {
        let Some(pid) = Pid::from_raw(self.pid.cast_signed()) else {
            return true;
        };
        if self.is_alive() {
            // It may have ended in between, which is as well.
            let _ = kill_process(pid, Signal::TERM);
            self.gone_within(grace).await;
        }
        // Members of the group that outlived their leader keep its id from being used again, so this can't hit anyone else
        // as long as the leader was ours a moment ago.
        kill_group(self.pid);
        self.gone_within(Duration::from_secs(5)).await
    }

    async fn gone_within(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        true
    }
}

/// Ends all processes of a group at once.
pub(crate) fn kill_group(leader: u32) {
    if let Some(group) = Pid::from_raw(leader.cast_signed()) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;

    use super::*;

    #[test]
    fn both_ways_of_asking_know_this_process_and_no_dead_one() {
        let mut child = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let by_ps = Command::new("ps").arg("--version").output().is_ok();
        let start = start_of(child.id()).unwrap();
        assert_eq!(start_of(child.id()), Some(start));
        if by_ps {
            assert!(start_by_ps(child.id()).is_some_and(|start| start.contains(':')));
        }
        kill_group(child.id());
        while start_of(child.id()).is_some() {
            std::thread::yield_now();
        }
        // It is a zombie now, which counts as dead.
        assert!(!by_ps || start_by_ps(child.id()).is_none());
        child.wait().unwrap();
        assert_eq!(start_of(child.id()), None);
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_request_is_ended_with_its_group() {
        let mut child = Command::new("sh")
            .args(["-c", "trap '' TERM; sleep 600 & echo ready; wait; sleep 600"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        let identity = Identity { pid: child.id(), start: start_of(child.id()).unwrap() };
        assert!(identity.end(Duration::from_millis(50)).await);
        child.wait().unwrap();
        let group = Pid::from_raw(child.id().cast_signed()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while rustix::process::test_kill_process_group(group).is_ok() {
            assert!(Instant::now() < deadline, "a member of the group lives on");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    #[test]
    fn another_process_of_the_same_id_is_not_taken_for_it() {
        let identity = Identity { pid: std::process::id(), start: "some other time".to_owned() };
        assert!(!identity.is_alive());
    }
}
