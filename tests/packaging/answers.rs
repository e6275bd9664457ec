//! What a server may answer that isn't a plain answer to a request it has read: early, with much in its headers, or in
//! another protocol.

use std::time::Duration;

use serde_json::json;

use crate::packaging::events::Event;
use crate::packaging::folders::Component;
use crate::packaging::sandbox::{Answer, INVOCATION, Sandbox};

/// Time enough for a request that is answered at once.
const SHORT: Duration = Duration::from_secs(5);

/// A server of raw connections: `connected` is what it does with each, in the variable `socket`.
fn raw(connected: &str) -> Sandbox {
    let server = format!(
        "require('net').createServer((socket) => {{ socket.on('error', () => {{}}); {connected} }}).listen(process.env.PORT)"
    );
    Sandbox::start(&Component::server(&[("server.js", &server)]).package())
}

/// The answer to an upload of this many bytes, and how long it took.
fn upload(sandbox: &mut Sandbox, bytes: usize) -> Answer {
    let answer = sandbox.request_within(
        &Event::new("POST", "/upload").bytes("application/octet-stream", "x".repeat(bytes).as_bytes()),
        INVOCATION,
    );
    let time = INVOCATION.as_millis() as i64 - answer.remaining;
    assert!(time < 5000, "{time} ms: {}", answer.result);
    answer
}

#[test]
fn an_answer_before_the_body_was_read_counts() {
    let answer = "socket.write('HTTP/1.1 413 Payload Too Large\\r\\nContent-Length: 9\\r\\n\\r\\ntoo large')";
    for (name, connected) in [
        ("it closes", format!("socket.once('data', () => {{ socket.pause(); {answer}; socket.end() }})")),
        ("it resets", format!("socket.once('data', () => {{ socket.pause(); {answer}; socket.resetAndDestroy() }})")),
        ("it breaks off", format!("socket.once('data', () => {{ {answer}; setTimeout(() => socket.destroy(), 20) }})")),
        ("it neither reads nor closes", format!("socket.once('data', () => {{ socket.pause(); {answer} }})")),
    ] {
        let mut sandbox = raw(&connected);
        for bytes in [10, 4_000_000] {
            for _ in 0..3 {
                let answer = upload(&mut sandbox, bytes);
                assert_eq!((answer.status(), answer.text().as_str()), (413, "too large"), "{name}, {bytes} bytes");
            }
        }
    }
}

#[test]
fn a_connection_that_closes_without_an_answer_is_told_at_once() {
    for closing in ["socket.destroy()", "socket.end()", "socket.once('data', () => socket.resetAndDestroy())"] {
        let mut sandbox = raw(closing);
        for bytes in [10, 4_000_000] {
            let answer = upload(&mut sandbox, bytes);
            assert_eq!(
                (answer.status(), answer.header("x-semantest-error")),
                (502, Some("server-closed-connection")),
                "{closing}"
            );
        }
    }
}

#[test]
fn another_protocol_is_answered_at_once_with_the_reason() {
    let upgrade =
        "socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n')";
    let mut sandbox = raw(&format!("socket.once('data', () => {upgrade})"));
    for method in ["GET", "POST"] {
        let answer = sandbox.request_within(&Event::new(method, "/socket"), SHORT);
        assert!(answer.remaining > 2000, "{}", answer.remaining);
        assert_eq!((answer.status(), answer.header("x-semantest-error")), (502, Some("server-upgraded")));
        assert!(answer.text().contains("101") && answer.text().contains("rest-api"), "{}", answer.text());
    }
    sandbox.wait_for_log("server-upgraded");
    let mut sandbox = raw("socket.write('220 mail.example.com ESMTP\\r\\n')");
    let answer = sandbox.request_within(&Event::get("/"), SHORT);
    assert_eq!((answer.status(), answer.header("x-semantest-error")), (502, Some("server-not-http")));
}

#[test]
fn large_headers_are_carried_and_larger_ones_told() {
    let server = "require('http').createServer((request, response) => { \
        response.setHeader('x-large', 'y'.repeat(Number(request.url.slice(1)))); response.end('here') \
        }).listen(process.env.PORT)";
    let mut sandbox = Sandbox::start(&Component::server(&[("server.js", server)]).package());
    let answer = sandbox.request(&Event::get("/60000"));
    assert_eq!((answer.status(), answer.header("x-large").map(str::len)), (200, Some(60_000)));
    let answer = sandbox.request(&Event::get("/2000000"));
    assert_eq!((answer.status(), answer.header("x-semantest-error")), (502, Some("response-headers-too-large")));
    assert!(answer.text().contains("1 MB of headers"), "{}", answer.text());
}

#[test]
fn the_server_gets_nothing_that_is_the_runtimes() {
    let server = "require('http').createServer((request, response) => response.end(JSON.stringify(process.env))).listen(process.env.PORT)";
    let component = Component::server(&[("server.js", server)]);
    let runtimes = [
        ("_HANDLER", "semantest-shim.handler"),
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("_LAMBDA_TELEMETRY_LOG_FD", "3"),
        ("_X_AMZN_TRACE_ID", "Root=1-67891233-abcdef012345678912345678"),
        ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrapper"),
        ("SEMANTEST_PREFLIGHT_ROUTES", "gateway"),
    ];
    let servers = [
        ("AWS_LAMBDA_FUNCTION_NAME", "shop-dev-api"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs22.x"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SESSION_TOKEN", "token"),
        ("NODE_PATH", "/opt/nodejs/node_modules"),
        ("API_VERSION", "v1"),
        ("_MINE", "kept"),
    ];
    let environment: Vec<_> = runtimes.iter().chain(&servers).copied().collect();
    let mut sandbox = Sandbox::start_with(&component.package(), &environment);
    let seen = sandbox.request(&Event::get("/")).json();
    for (name, _) in runtimes {
        assert!(seen[name].is_null(), "{name} is {}", seen[name]);
    }
    for (name, value) in servers {
        assert_eq!(seen[name], json!(value), "{name}");
    }
}
