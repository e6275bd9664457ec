//! The server's life in the sandbox: how it starts and listens, fails, hangs, is started again, and ends.

use std::time::Duration;

use semantest_iac::adapters::packaging::Start;
use serde_json::{Value, json};

use crate::packaging::events::Event;
use crate::packaging::folders::Component;
use crate::packaging::sandbox::{INVOCATION, Sandbox, runs, wait_until};

/// Time enough for a request that is answered, short enough for one that isn't.
const SHORT: Duration = Duration::from_millis(2500);

fn start(files: &[(&str, &str)], command: &str) -> Sandbox {
    let mut component = Component::server(files);
    component.request.start = Start::Server { start: command.to_owned(), port: None };
    Sandbox::start(&component.package())
}

/// A server that won't listen where it should.
fn start_in_vain(server: &str) -> Sandbox {
    Sandbox::start_impatiently(&Component::server(&[("server.js", server)]).package())
}

fn bare() -> Sandbox {
    start(&[("server.cjs", include_str!("servers/bare.cjs"))], "node server.cjs")
}

fn probe(sandbox: &mut Sandbox, time: Duration) -> Value {
    sandbox.invoke(&serde_json::json!({ "semantest": "probe" }), time).unwrap()
}

fn server_process(sandbox: &mut Sandbox) -> u32 {
    sandbox.request(&Event::get("/pid")).text().parse().unwrap()
}

#[test]
fn modules_of_every_kind_start() {
    let listen = "listen(process.env.PORT)";
    let answer = "(request, response) => response.end('here')";
    let common = format!("require('http').createServer({answer}).{listen}");
    let module = format!("import http from 'http'; http.createServer({answer}).{listen}");
    let awaiting = format!(
        "import http from 'http'; await new Promise((done) => setTimeout(done, 50)); const {{ a }} = await import('./a.mjs'); http.createServer({answer}).{listen}; await new Promise(() => {{}});"
    );
    let typed = "{\"type\":\"module\"}";
    let helper = ("a.mjs", "export const a = 1");
    for (name, files, command) in [
        ("CommonJS", vec![("server.cjs", common.as_str())], "node server.cjs"),
        ("an ES module", vec![("server.mjs", module.as_str())], "node server.mjs"),
        ("by package.json", vec![("server.js", module.as_str()), ("package.json", typed)], "node server.js"),
        ("top-level await", vec![("server.mjs", awaiting.as_str()), helper], "node --no-warnings server.mjs"),
        ("a folder", vec![("dist/index.js", common.as_str())], "node dist"),
        ("a shell", vec![("server.cjs", common.as_str())], "NAME=x; exec node server.cjs"),
    ] {
        let mut sandbox = start(&files, command);
        assert_eq!(sandbox.request(&Event::get("/")).text(), "here", "{name}");
    }
}

#[test]
fn npm_start_works_and_ends_with_the_sandbox() {
    let files = [
        ("server.cjs", include_str!("servers/bare.cjs")),
        ("package.json", "{\"name\":\"x\",\"scripts\":{\"start\":\"node server.cjs from-npm\"}}"),
    ];
    let mut sandbox = start(&files, "npm start");
    let environment = sandbox.request(&Event::get("/environment")).json();
    assert_eq!(environment["argv"], json!(["from-npm"]));
    let server = server_process(&mut sandbox);
    sandbox.end_by_signal("-KILL");
    wait_until("npm's server to end", || !runs(server));
}

#[test]
fn servers_are_found_on_whatever_address_and_however_late() {
    for (name, listen) in [
        ("127.0.0.1", "listen(process.env.PORT, '127.0.0.1')"),
        ("::1", "listen(process.env.PORT, '::1')"),
        ("0.0.0.0", "listen(process.env.PORT, '0.0.0.0')"),
        ("localhost", "listen(process.env.PORT, 'localhost')"),
        ("all", "listen({ port: +process.env.PORT })"),
        ("127.0.0.2", "listen(process.env.PORT, '127.0.0.2')"),
    ] {
        let server = format!("require('http').createServer((q, r) => r.end('here')).{listen}");
        let mut sandbox = start(&[("server.js", &server)], "node server.js");
        assert_eq!(sandbox.request(&Event::get("/")).text(), "here", "{name}");
    }
    let late = "setTimeout(() => require('http').createServer((q, r) => r.end('late')).listen(process.env.PORT), 2000)";
    let mut sandbox = start(&[("server.js", late)], "node server.js");
    assert_eq!(sandbox.request(&Event::get("/")).text(), "late");
    assert!(probe(&mut sandbox, INVOCATION)["startMilliseconds"].as_u64().unwrap() >= 1900);
}

#[test]
fn the_server_gets_its_environment_and_folder() {
    let component = Component::server(&[("server.js", include_str!("servers/bare.cjs"))]);
    let package = component.package();
    let environment = [("API_VERSION", "v1"), ("NODE_OPTIONS", "--no-deprecation"), ("PORT", "1")];
    let mut sandbox = Sandbox::start_with(&package, &environment);
    let seen = sandbox.request(&Event::get("/environment")).json();
    assert_eq!((&seen["API_VERSION"], &seen["NODE_OPTIONS"]), (&json!("v1"), &json!("--no-deprecation")));
    let root = seen["LAMBDA_TASK_ROOT"].as_str().unwrap();
    assert_eq!(seen["cwd"].as_str().unwrap(), std::fs::canonicalize(root).unwrap().to_str().unwrap());
    assert!(seen["PATH"].as_str().unwrap().split(':').next().unwrap().ends_with("node_modules/.bin"));
    let probed = probe(&mut sandbox, INVOCATION);
    assert_eq!(seen["PORT"], probed["port"].to_string());
    assert_eq!(probed["listening"], true);
}

#[test]
fn its_output_goes_to_the_log() {
    let long = "console.log(JSON.stringify({ level: 'info', text: 'y'.repeat(100000) }));";
    let server = format!(
        "{long} console.error('to stderr'); process.stdout.write('no newline'); {}",
        include_str!("servers/bare.cjs")
    );
    let sandbox = start(&[("server.js", &server)], "node server.js");
    sandbox.wait_for_log("to stderr");
    sandbox.wait_for_log("no newlinelistening");
    let whole = format!("{{\"level\":\"info\",\"text\":\"{}\"}}", "y".repeat(100_000));
    assert!(sandbox.log().lines().any(|line| line == whole), "long lines stay whole");
}

#[test]
fn a_crash_is_reported_with_its_last_output_and_the_server_started_again() {
    let mut sandbox = bare();
    for (path, reason) in [("/crash", "exit code 1"), ("/exit", "exit code 7")] {
        let before = server_process(&mut sandbox);
        let answer = sandbox.request(&Event::get(path));
        assert_eq!((answer.status(), answer.header("x-semantest-error")), (502, Some("server-crashed")));
        assert!(answer.text().contains(reason), "{}", answer.text());
        assert!(!answer.text().contains("on purpose"), "its output is not for the client");
        sandbox.wait_for_log(&format!("the server ended with {reason} while it answered GET {path}. Its last output:"));
        let after = server_process(&mut sandbox);
        assert_ne!(before, after);
        assert!(!runs(before));
    }
    let log = sandbox.log();
    assert!(log.contains("    about to crash") && log.contains("    Error: crashed on purpose"), "{log}");
    assert_eq!(
        log.matches("about to crash").count(),
        2,
        "the request was sent once: one line, and once in the report\n{log}"
    );
    // A server that ends between two requests is noticed at the next.
    let process = server_process(&mut sandbox);
    let kill = std::process::Command::new("kill").arg("-KILL").arg(process.to_string()).status().unwrap();
    assert!(kill.success());
    sandbox.wait_for_log("the server was ended by signal SIGKILL between two requests. Its last output:");
    assert_eq!(sandbox.request(&Event::new("POST", "/echo")).status(), 200);
}

#[test]
fn a_server_that_crashes_at_its_start_says_why() {
    let mut sandbox = start(&[("server.js", "console.log('starting'); require('./missing.js')")], "node server.js");
    for _ in 0..2 {
        let answer = sandbox.request(&Event::get("/"));
        assert_eq!((answer.status(), answer.header("x-semantest-error")), (502, Some("server-crashed")));
        assert!(answer.text().contains("before it listened"), "{}", answer.text());
    }
    sandbox.wait_for_log("before it listened on the port");
    let probed = probe(&mut sandbox, INVOCATION);
    assert_eq!((&probed["listening"], &probed["error"]["code"]), (&json!(false), &json!("server-crashed")));
    let output = probed["lastOutput"].to_string();
    assert!(output.contains("starting") && output.contains("Cannot find module './missing.js'"), "{output}");
}

#[test]
fn the_error_outlives_the_frames_below_it() {
    let deep = "const nested = (depth) => depth === 0 ? require('./missing.js') : [0].map(() => nested(depth - 1)); \
        Error.stackTraceLimit = 200; process.on('uncaughtException', (error) => { console.error(error.stack); \
        console.error('    at Module.load (node:internal/modules/cjs/loader:1:1)\\n'.repeat(60)); process.exit(1) }); nested(3)";
    let mut sandbox = start(&[("server.js", deep)], "node server.js");
    let output = probe(&mut sandbox, INVOCATION)["lastOutput"].to_string();
    assert!(output.contains("Cannot find module './missing.js'") && output.contains("server.js"), "{output}");
    assert!(!output.contains("node:internal"), "{output}");
}

#[test]
fn a_server_on_a_unix_socket_is_told_so() {
    let server = "require('http').createServer().listen(require('path').join(__dirname, 'shop.sock'))";
    let mut sandbox = start_in_vain(server);
    let answer = sandbox.request_within(&Event::get("/"), SHORT);
    assert_eq!(answer.header("x-semantest-error"), Some("server-not-listening"));
    assert!(
        answer.text().contains("it listens on the unix socket ") && answer.text().contains("shop.sock"),
        "{}",
        answer.text()
    );
}

#[test]
fn a_server_that_speaks_https_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let [key, certificate] = ["key.pem", "certificate.pem"].map(|name| folder.path().join(name));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=shop",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("this test needs openssl");
    assert!(made.status.success(), "{made:?}");
    let read = |path| std::fs::read_to_string(path).unwrap();
    let server = format!(
        "require('https').createServer({{ key: `{}`, cert: `{}` }}, (q, r) => r.end('here')).listen(process.env.PORT)",
        read(&key),
        read(&certificate)
    );
    let mut component = Component::server(&[("server.js", &server), (".semantestignore", "!server.js\n")]);
    component.request.start = Start::Server { start: "node server.js".into(), port: None };
    let mut sandbox = Sandbox::start(&component.package());
    for method in ["GET", "POST"] {
        let answer = sandbox.request(&Event::new(method, "/"));
        assert_eq!((answer.status(), answer.header("x-semantest-error")), (502, Some("server-speaks-https")));
    }
    assert_eq!(probe(&mut sandbox, INVOCATION)["error"]["code"], "server-speaks-https");
}

#[test]
fn a_port_that_was_taken_meanwhile_is_not_the_servers_fault() {
    // Once when the sandbox starts, and once when the request comes.
    let unlucky = format!(
        "const fs = require('fs'); fs.appendFileSync('tries', 'x'); if (fs.readFileSync('tries').length < 3) {{ throw new Error('listen EADDRINUSE: address already in use :::' + process.env.PORT) }} {}",
        include_str!("servers/bare.cjs")
    );
    let mut sandbox = start(&[("server.js", &unlucky)], "node server.js");
    assert_eq!(sandbox.request(&Event::get("/echo")).status(), 200);
}

#[test]
fn a_command_that_ends_or_does_not_exist_is_reported() {
    for (command, code) in [("true", "exit code 0"), ("no-such-server --port $PORT", "exit code 127")] {
        let mut sandbox = start(&[("server.js", "")], command);
        let answer = sandbox.request(&Event::get("/"));
        assert_eq!(answer.status(), 502);
        assert!(answer.text().contains(code), "{}", answer.text());
    }
}

#[test]
fn a_server_that_never_listens_is_reported_with_its_output() {
    let server = "console.log('waiting for the database'); setInterval(() => {}, 1000)";
    let mut sandbox = start_in_vain(server);
    let answer = sandbox.request_within(&Event::get("/"), SHORT);
    assert_eq!((answer.status(), answer.header("x-semantest-error")), (502, Some("server-not-listening")));
    sandbox.wait_for_log("the server (node server.js) does not listen on the port in PORT");
    sandbox.wait_for_log("    waiting for the database");
    let probed = probe(&mut sandbox, SHORT);
    assert_eq!(probed["lastOutput"], json!(["waiting for the database"]));
}

#[test]
fn a_server_that_ignores_port_is_told_so() {
    // On two, of which nobody knows which is meant.
    let server = "for (const host of ['127.0.0.1', '127.0.0.2']) require('http').createServer().listen(0, host)";
    let mut sandbox = start_in_vain(server);
    let answer = sandbox.request_within(&Event::get("/"), SHORT);
    assert_eq!(answer.header("x-semantest-error"), Some("server-not-listening"));
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("it listens on 127.0.0.")
            && message.contains("or the component must say")
            && message.contains("from the environment variable PORT"),
        "{message}"
    );
}

#[test]
fn a_slow_answer_is_given_up_before_lambda_does() {
    let mut sandbox = bare();
    for (path, text) in [("/never", "did not answer within"), ("/endless", "streams that do not end")] {
        let answer = sandbox.request_within(&Event::get(path), SHORT);
        assert!(answer.remaining > 0, "{}", answer.remaining);
        assert_eq!((answer.status(), answer.header("x-semantest-error")), (504, Some("server-timeout")));
        assert!(answer.text().contains(text), "{}", answer.text());
    }
    sandbox.wait_for_log(
        "GET /never: The server did not answer within the function's time. (server-timeout, answered 504)",
    );
}

#[test]
fn a_busy_server_is_kept_and_a_hung_one_replaced() {
    let mut sandbox = bare();
    let before = server_process(&mut sandbox);
    assert_eq!(sandbox.request_within(&Event::get("/never"), SHORT).status(), 504);
    assert_eq!(server_process(&mut sandbox), before, "it still answers others");
    assert_eq!(sandbox.request_within(&Event::get("/hang"), SHORT).status(), 504);
    let after = server_process(&mut sandbox);
    assert_ne!(before, after);
    wait_until("the hung server to end", || !runs(before));
    sandbox.wait_for_log("the server hangs since an earlier request");
}

#[test]
fn a_broken_answer_is_an_error_and_not_half_an_answer() {
    let mut sandbox = bare();
    let before = server_process(&mut sandbox);
    for method in ["GET", "POST"] {
        let answer = sandbox.request(&Event::new(method, "/half"));
        assert_eq!((answer.status(), answer.header("x-semantest-error")), (502, Some("server-closed-connection")));
    }
    assert_eq!(server_process(&mut sandbox), before);
}

#[test]
fn a_server_that_stops_listening_is_replaced() {
    let mut sandbox = bare();
    assert_eq!(sandbox.request(&Event::new("POST", "/close")).text(), "closed");
    sandbox.wait_for_log("listens no more");
    assert_eq!(sandbox.request(&Event::new("POST", "/echo")).status(), 200);
    assert_eq!(sandbox.request(&Event::get("/echo")).status(), 200);
}

#[test]
fn the_server_ends_with_the_sandbox_however_that_ends() {
    let stubborn = format!("process.on('SIGTERM', () => console.log('no')); {}", include_str!("servers/bare.cjs"));
    for (server, signal) in [
        (include_str!("servers/bare.cjs"), "-TERM"),
        (include_str!("servers/bare.cjs"), "-KILL"),
        (stubborn.as_str(), "-KILL"),
    ] {
        let mut sandbox = start(&[("server.js", server)], "node server.js");
        let process = server_process(&mut sandbox);
        sandbox.end_by_signal(signal);
        wait_until("the server to end", || !runs(process));
    }
    // The sandbox's input is closed, and it ends by itself.
    let mut sandbox = bare();
    let process = server_process(&mut sandbox);
    drop(sandbox);
    wait_until("the server to end", || !runs(process));
}

#[test]
fn a_signal_reaches_the_server_first() {
    let graceful = format!(
        "process.on('SIGTERM', () => {{ require('fs').writeFileSync(process.env.NOTE, 'closed'); process.exit(0) }}); {}",
        include_str!("servers/bare.cjs")
    );
    let note = tempfile::tempdir().unwrap();
    let path = note.path().join("note");
    let component = Component::server(&[("server.js", &graceful)]);
    let mut sandbox = Sandbox::start_with(&component.package(), &[("NOTE", path.to_str().unwrap())]);
    assert_eq!(sandbox.request(&Event::get("/")).status(), 200);
    sandbox.end_by_signal("-TERM");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "closed");
}
