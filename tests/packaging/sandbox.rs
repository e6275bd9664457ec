//! A package unpacked and run as a Lambda sandbox would run it: a Node.js process that loads the handler and is given
//! events. Everything that the function logs is kept.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use semantest_iac::adapters::aws::naming;
use semantest_iac::adapters::packaging::{Package, SHIM_SETTINGS_FILE};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::packaging::events::Event;

/// Nothing here takes this long; it keeps a broken test from standing still.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time that an invocation has where a test doesn't say otherwise.
pub const INVOCATION: Duration = Duration::from_secs(20);

pub struct Sandbox {
    process: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    log: Arc<Mutex<Vec<String>>>,
    next: u64,
    _folder: Option<TempDir>,
}

/// The answer to one HTTP event, and how much of its time was left.
#[derive(Debug)]
pub struct Answer {
    pub result: Value,
    pub remaining: i64,
}

impl Sandbox {
    pub fn start(package: &Package) -> Self {
        Self::start_with(package, &[])
    }

    pub fn start_with(package: &Package, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        unpack(package, folder.path());
        let mut sandbox = Self::start_in(folder.path(), &naming::handler(&package.entry), environment);
        sandbox._folder = Some(folder);
        sandbox
    }

    /// Starts a server that won't listen: without the eight seconds that the start of a sandbox would wait for it.
    pub fn start_impatiently(package: &Package) -> Self {
        let folder = tempfile::tempdir().unwrap();
        unpack(package, folder.path());
        let path = folder.path().join(SHIM_SETTINGS_FILE);
        let mut settings: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        settings["initialisationBudget"] = json!(500);
        std::fs::write(&path, settings.to_string()).unwrap();
        let mut sandbox = Self::start_in(folder.path(), &naming::handler(&package.entry), &[]);
        sandbox._folder = Some(folder);
        sandbox
    }

    /// Starts what is unpacked in a folder.
    pub fn start_in(folder: &Path, handler: &str, environment: &[(&str, &str)]) -> Self {
        let harness = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packaging/sandbox.mjs");
        let mut process = Command::new("node")
            .arg(harness)
            .arg(folder)
            .arg(handler)
            // As on Lambda: nothing of what this machine's user has set.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("these tests need Node.js 20 or newer");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (sender, messages) = mpsc::channel();
        let (stdout, stderr) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        let error_log = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                error_log.lock().unwrap().push(line);
            }
        });
        let output_log = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                match line.strip_prefix('\u{1}') {
                    Some(message) => drop(sender.send(serde_json::from_str(message).unwrap())),
                    None => output_log.lock().unwrap().push(line),
                }
            }
        });
        let input = process.stdin.take();
        let sandbox = Self { process, input, messages, log, next: 0, _folder: None };
        assert_eq!(sandbox.receive()["ready"], true);
        sandbox
    }

    fn receive(&self) -> Value {
        self.messages.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{error}; the log:\n{}", self.log()))
    }

    /// Calls the handler with any event: its result, or name and message of its error.
    pub fn invoke(&mut self, event: &Value, time: Duration) -> Result<Value, (String, String)> {
        self.send(event, time);
        let mut message = self.receive();
        if message["error"].is_null() {
            return Ok(message["result"].take());
        }
        let text = |name: &str| message["error"][name].as_str().unwrap().to_owned();
        Err((text("name"), text("message")))
    }

    fn send(&mut self, event: &Value, time: Duration) {
        self.next += 1;
        let line = json!({ "id": self.next, "event": event, "timeout": time.as_millis() as u64 });
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    pub fn request(&mut self, event: &Event) -> Answer {
        self.request_within(event, INVOCATION)
    }

    pub fn request_within(&mut self, event: &Event, time: Duration) -> Answer {
        self.send(&event.build(), time);
        Answer::of(self.receive())
    }

    /// Sends all events at once; the answers in the order of the events.
    pub fn requests_at_once(&mut self, events: &[Event]) -> Vec<Answer> {
        for event in events {
            self.send(&event.build(), INVOCATION);
        }
        let mut answers: Vec<_> = events.iter().map(|_| self.receive()).collect();
        answers.sort_by_key(|message| message["id"].as_u64().unwrap());
        answers.into_iter().map(Answer::of).collect()
    }

    /// The log so far. What the server prints comes a little after its answer: see `wait_for_log`.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub fn wait_for_log(&self, text: &str) {
        wait_until(&format!("{text:?} in the log, which is\n{}", self.log()), || self.log().contains(text));
    }

    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Ends the sandbox by a signal, as emulators do, and waits for its process.
    pub fn end_by_signal(mut self, signal: &str) {
        assert!(Command::new("kill").arg(signal).arg(self.process().to_string()).status().unwrap().success());
        self.process.wait().unwrap();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // The harness ends with its input; whoever doesn't is helped.
        drop(self.input.take());
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.process.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                self.process.kill().unwrap();
                self.process.wait().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Answer {
    fn of(mut message: Value) -> Self {
        assert!(message["error"].is_null(), "{message}");
        Self { remaining: message["remaining"].as_i64().unwrap(), result: message["result"].take() }
    }

    pub fn status(&self) -> u64 {
        self.result["statusCode"].as_u64().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.result["headers"][name].as_str()
    }

    /// The body as the gateway sends it on.
    pub fn bytes(&self) -> Vec<u8> {
        let body = self.result["body"].as_str().unwrap();
        if self.is_base64() { crate::packaging::events::from_base64(body) } else { body.as_bytes().to_vec() }
    }

    pub fn is_base64(&self) -> bool {
        self.result["isBase64Encoded"].as_bool().unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap_or_else(|error| panic!("{error}: {}", self.result))
    }

    pub fn cookies(&self) -> Vec<&str> {
        self.result["cookies"].as_array().into_iter().flatten().map(|cookie| cookie.as_str().unwrap()).collect()
    }
}

/// Unpacks a package as Lambda does.
pub fn unpack(package: &Package, folder: &Path) {
    zip::ZipArchive::new(File::open(&package.zip).unwrap()).unwrap().extract(folder).unwrap();
}

/// Waits until a condition holds that will hold soon.
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process runs; one that has ended and waits to be collected doesn't.
pub fn runs(process: u32) -> bool {
    std::fs::read_to_string(PathBuf::from(format!("/proc/{process}/stat")))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
}
