//! Whether a process still lives. A process is told by its machine's boot, its id and its start time, since ids are
//! used again.

/// Knows the processes of this machine.
pub trait ProcessProbe: Send + Sync {
    /// The present boot of this machine (and the process namespace, where there are several); empty when it isn't known.
    fn boot(&self) -> String;

    /// When a process was started, as an opaque text; nothing when it doesn't run.
    fn start_time(&self, pid: u32) -> Option<String>;
}

/// The processes of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemProcesses;

#[cfg(target_os = "linux")]
impl ProcessProbe for SystemProcesses {
    fn boot(&self) -> String {
        let Ok(boot) = std::fs::read_to_string("/proc/sys/kernel/random/boot_id") else { return String::new() };
        // Containers of one machine share the boot, but not the process ids.
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        format!("{} {}", boot.trim(), namespace.display())
    }

    fn start_time(&self, pid: u32) -> Option<String> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything; state and start time are fields 3 and 22.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        if matches!(state, "Z" | "X" | "x") {
            return None;
        }
        fields.nth(18).map(str::to_owned)
    }
}

#[cfg(target_os = "macos")]
impl ProcessProbe for SystemProcesses {
    fn boot(&self) -> String {
        output("/usr/sbin/sysctl", &["-n", "kern.bootsessionuuid"]).unwrap_or_default()
    }

    fn start_time(&self, pid: u32) -> Option<String> {
        let text = output("/bin/ps", &["-o", "stat=,lstart=", "-p", &pid.to_string()])?;
        let (state, start) = text.split_once(char::is_whitespace)?;
        (!state.starts_with('Z')).then(|| start.trim().to_owned())
    }
}

#[cfg(target_os = "macos")]
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(arguments).env("LC_ALL", "C").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
impl ProcessProbe for SystemProcesses {
    fn boot(&self) -> String {
        String::new()
    }

    fn start_time(&self, _pid: u32) -> Option<String> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_by_its_start_time_and_a_dead_one_has_none() {
        let own = SystemProcesses.start_time(std::process::id()).unwrap();
        assert_eq!(SystemProcesses.start_time(std::process::id()), Some(own));
        assert!(!SystemProcesses.boot().is_empty());
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let pid = child.id();
        assert!(SystemProcesses.start_time(pid).is_some());
        child.kill().unwrap();
        // Dead but not yet reaped, or reaped: it lives no more either way.
        child.wait().unwrap();
        assert_eq!(SystemProcesses.start_time(pid), None);
    }
}
