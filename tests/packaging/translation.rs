//! What a server sees of an event, and what the gateway gets of an answer. The server is the one of `servers/bare.cjs`.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::packaging::events::{Event, from_base64};
use crate::packaging::folders::Component;
use crate::packaging::sandbox::{INVOCATION, Sandbox};

fn sandbox() -> Sandbox {
    Sandbox::start(&Component::server(&[("server.js", include_str!("servers/bare.cjs"))]).package())
}

fn echo(sandbox: &mut Sandbox, event: &Event) -> Value {
    let answer = sandbox.request(event);
    assert_eq!(answer.status(), 200);
    answer.json()
}

#[test]
fn methods_and_bodies_arrive() {
    let mut sandbox = sandbox();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        assert_eq!(echo(&mut sandbox, &Event::new(method, "/echo"))["method"], method);
    }
    let seen = echo(&mut sandbox, &Event::new("POST", "/echo").text("application/json", "{\"grüße\":1}"));
    assert_eq!(from_base64(seen["body"].as_str().unwrap()), "{\"grüße\":1}".as_bytes());
    assert_eq!(seen["headers"]["content-length"], "13");
    let bytes: Vec<u8> = (0..=255).collect();
    let seen = echo(&mut sandbox, &Event::new("PUT", "/echo").bytes("application/octet-stream", &bytes));
    assert_eq!(from_base64(seen["body"].as_str().unwrap()), bytes);
    let seen = echo(&mut sandbox, &Event::new("DELETE", "/echo").text("text/plain", "why"));
    assert_eq!(from_base64(seen["body"].as_str().unwrap()), b"why");
    let seen = echo(&mut sandbox, &Event::new("POST", "/echo"));
    assert_eq!(seen["headers"]["content-length"], "0");
    assert!(echo(&mut sandbox, &Event::get("/echo"))["headers"]["content-length"].is_null());
    let answer = sandbox.request(&Event::new("CONNECT", "/"));
    assert_eq!((answer.status(), answer.header("x-semantest-error")), (501, Some("method-not-supported")));
}

#[test]
fn routes_added_for_preflights_never_reach_the_server() {
    let component = Component::server(&[("server.js", include_str!("servers/bare.cjs"))]);
    let package = component.package();
    let added = [("SEMANTEST_PREFLIGHT_ROUTES", "gateway / /{proxy+}")];
    let mut sandbox = Sandbox::start_with(&package, &added);
    let preflight = Event::new("OPTIONS", "/echo")
        .header("origin", "https://a.example")
        .header("access-control-request-method", "GET");
    // Without a token, so not for the server: with the headers of a preflight request or without them.
    for event in [&preflight, &Event::new("OPTIONS", "/echo"), &Event::new("OPTIONS", "/echo").text("text/plain", "x")]
    {
        for key in ["OPTIONS /{proxy+}", "OPTIONS /"] {
            let answer = sandbox.request(&event.clone().route(key));
            assert_eq!((answer.status(), answer.text().as_str()), (204, ""), "{key}");
        }
    }
    // By a route of any method only what browsers ask; the policy is the gateway's all the same.
    for key in ["ANY /{proxy+}", "$default"] {
        assert_eq!(sandbox.request(&preflight.clone().route(key)).status(), 204, "{key}");
        assert_eq!(echo(&mut sandbox, &Event::new("OPTIONS", "/echo").route(key))["method"], "OPTIONS", "{key}");
    }
    // The user's own route is the server's, though its requests look the same.
    assert_eq!(echo(&mut sandbox, &preflight.clone().route("OPTIONS /echo"))["method"], "OPTIONS");
    assert_eq!(echo(&mut Sandbox::start(&package), &preflight.route("OPTIONS /{proxy+}"))["method"], "OPTIONS");
}

#[test]
fn decoded_paths_become_valid_again() {
    let mut sandbox = sandbox();
    for (delivered, seen) in [
        ("/", "/"),
        ("/a b", "/a%20b"),
        ("/grüße/日本", "/gr%C3%BC%C3%9Fe/%E6%97%A5%E6%9C%AC"),
        ("/😀", "/%F0%9F%98%80"),
        ("//double//slash/", "//double//slash/"),
        ("/a?b#c", "/a%3Fb%23c"),
        ("/100%", "/100%25"),
        ("/100%/x%zz", "/100%25/x%25zz"),
        // An HTTP API decodes all but %25; what looks like an escape is one.
        ("/100%25", "/100%25"),
        ("/a%2520b", "/a%2520b"),
        ("/[x]{y}|\\^`\"<>", "/%5Bx%5D%7By%7D%7C%5C%5E%60%22%3C%3E"),
        ("/a:b@c!$&'()*+,;=~-._", "/a:b@c!$&'()*+,;=~-._"),
        ("/tab\tnew\nline", "/tab%09new%0Aline"),
        ("/a/../b/./c", "/a/../b/./c"),
    ] {
        assert_eq!(echo(&mut sandbox, &Event::get(delivered))["url"], seen, "{delivered}");
    }
}

#[test]
fn the_query_string_is_passed_verbatim() {
    let mut sandbox = sandbox();
    for query in ["a=1&a=2&b=&c", "x=%20+%2B&y=%E2%82%AC", "q=a/b?c:d@e", "empty=&=x&&", "json={\"a\":[1]}"] {
        assert_eq!(echo(&mut sandbox, &Event::get("/e").query(query))["url"], format!("/e?{query}"));
    }
    assert_eq!(echo(&mut sandbox, &Event::get("/e").query("a=ü b"))["url"], "/e?a=%C3%BC%20b");
}

#[test]
fn a_stage_in_the_path_is_taken_off() {
    let mut sandbox = sandbox();
    for (stage, delivered, seen) in [
        ("prod", "/prod/echo", "/echo"),
        ("prod", "/prod", "/"),
        ("prod", "/prod/", "/"),
        ("prod", "/production/echo", "/production/echo"),
        ("prod", "/echo", "/echo"),
        ("$default", "/$default/echo", "/$default/echo"),
    ] {
        assert_eq!(echo(&mut sandbox, &Event::get(delivered).stage(stage))["url"], seen, "{stage} {delivered}");
    }
}

#[test]
fn headers_arrive_without_those_of_the_connection() {
    let mut sandbox = sandbox();
    let event = Event::get("/echo")
        .header("x-list", "a,b")
        .header("x-name", "日本")
        .header("x-latin", "é")
        .header("connection", "upgrade")
        .header("transfer-encoding", "chunked")
        .header("upgrade", "websocket")
        .header("expect", "100-continue")
        .header("x-break", "a\r\nx-injected: 1")
        .header("authorization", "Bearer abc");
    let seen = echo(&mut sandbox, &event);
    let headers = &seen["headers"];
    assert_eq!(headers["x-list"], "a,b");
    assert_eq!(headers["authorization"], "Bearer abc");
    assert_eq!(headers["x-break"], "ax-injected: 1");
    for name in ["x-injected", "transfer-encoding", "upgrade", "expect"] {
        assert!(headers[name].is_null(), "{name}");
    }
    // Node.js reads bytes as Latin-1; these were UTF-8.
    let name: Vec<u8> = headers["x-name"].as_str().unwrap().chars().map(|character| character as u8).collect();
    assert_eq!(String::from_utf8(name).unwrap(), "日本");
    assert_eq!(headers["x-latin"], "é");
    let host = "abc123.execute-api.eu-west-1.amazonaws.com";
    assert_eq!((&headers["host"], &headers["x-forwarded-host"]), (&json!(host), &json!(host)));
    assert_eq!(headers["x-forwarded-for"], "203.0.113.7");

    let bare = Event::get("/echo")
        .without_header("host")
        .without_header("x-forwarded-for")
        .without_header("x-forwarded-proto")
        .without_header("x-forwarded-port");
    let headers = echo(&mut sandbox, &bare)["headers"].take();
    assert_eq!(headers["host"], host);
    assert_eq!(
        (&headers["x-forwarded-for"], &headers["x-forwarded-proto"], &headers["x-forwarded-port"]),
        (&json!("203.0.113.7"), &json!("https"), &json!("443"))
    );
}

#[test]
fn cookies_go_both_ways() {
    let mut sandbox = sandbox();
    let answer = sandbox.request(&Event::get("/cookies").cookies(&["session=abc", "theme=dark; light", "x=1=2"]));
    assert_eq!(answer.text(), "session=abc; theme=dark; light; x=1=2");
    let expected = ["a=1; Path=/; HttpOnly", "b=2; Expires=Wed, 21 Oct 2037 07:28:00 GMT"];
    assert_eq!(answer.cookies(), expected);
    assert_eq!((answer.header("set-cookie"), answer.header("vary")), (None, Some("accept, origin")));
    // Some emulators leave cookies among the headers.
    assert_eq!(sandbox.request(&Event::get("/cookies").header("cookie", "a=b")).text(), "a=b");
    assert!(sandbox.request(&Event::get("/echo")).result.get("cookies").is_none());
}

#[test]
fn text_stays_text_and_everything_else_survives() {
    let mut sandbox = sandbox();
    let answer = sandbox.request(&Event::get("/binary"));
    assert!(answer.is_base64());
    assert_eq!(answer.bytes(), (0..=255).collect::<Vec<u8>>());

    let answer = sandbox.request(&Event::get("/gzip").header("accept-encoding", "gzip"));
    assert!(answer.is_base64());
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(answer.bytes().as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!(text, "{\"compressed\":true}");

    let answer = sandbox.request(&Event::get("/latin1"));
    assert!(answer.is_base64(), "it isn't UTF-8");
    assert_eq!(answer.bytes(), b"gr\xfc\xdfe");
    assert_eq!(answer.header("x-name"), Some("Ünïcode"));

    for (content_type, is_text) in [
        ("application/json", true),
        ("application/problem%2Bjson", true),
        ("text/html; charset=UTF-8", true),
        ("image/svg%2Bxml", true),
        ("application/javascript", true),
        ("image/png", false),
        ("text/plain; charset=utf-16", false),
        ("application/wasm", false),
    ] {
        let answer = sandbox.request(&Event::get("/download").query(&format!("bytes=5&type={content_type}")));
        assert_eq!((answer.is_base64(), answer.text().as_str()), (!is_text, "xxxxx"), "{content_type}");
    }
}

#[test]
fn bodiless_answers_keep_their_headers() {
    let mut sandbox = sandbox();
    let answer = sandbox.request(&Event::new("HEAD", "/headers-only"));
    assert_eq!((answer.status(), answer.text().as_str()), (200, ""));
    assert_eq!((answer.header("content-length"), answer.header("etag")), (Some("1234"), Some("\"x\"")));
    let answer = sandbox.request(&Event::get("/no-content"));
    assert_eq!((answer.status(), answer.header("x-done"), answer.text().as_str()), (204, Some("yes"), ""));
    let answer = sandbox.request(&Event::get("/not-modified"));
    assert_eq!((answer.status(), answer.header("etag"), answer.text().as_str()), (304, Some("\"x\""), ""));
    let answer = sandbox.request(&Event::get("/redirect"));
    assert_eq!((answer.status(), answer.header("location")), (302, Some("/elsewhere?a=1&b=2")));
    assert!(answer.header("connection").is_none() && answer.header("keep-alive").is_none());
}

#[test]
fn errors_and_streams_are_passed_on() {
    let mut sandbox = sandbox();
    let answer = sandbox.request(&Event::get("/error"));
    assert_eq!((answer.status(), answer.text().as_str()), (500, "on purpose"));
    let answer = sandbox.request(&Event::get("/stream"));
    assert_eq!(answer.text(), "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert!(!answer.is_base64() && answer.header("transfer-encoding").is_none());
}

#[test]
fn large_bodies_pass_up_to_lambdas_limit() {
    use sha2::{Digest, Sha256};
    let mut sandbox = sandbox();
    let body: Vec<u8> = (0..4_500_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let answer = sandbox.request(&Event::new("POST", "/upload").bytes("application/octet-stream", &body)).json();
    assert_eq!(answer, json!({ "length": body.len(), "sha256": hex::encode(Sha256::digest(&body)) }));
    let text = "x".repeat(5_242_880);
    let answer = sandbox.request(&Event::new("POST", "/upload").text("text/plain", &text)).json();
    assert_eq!(answer["length"], text.len());

    let download = |query: &str| Event::get("/download").query(query);
    let answer = sandbox.request(&download("bytes=5242880&type=text/plain"));
    assert_eq!((answer.status(), answer.bytes().len()), (200, 5_242_880));
    let answer = sandbox.request(&download("bytes=4600000"));
    assert_eq!((answer.status(), answer.bytes().len()), (200, 4_600_000));
    // Too large as it is; too large only in base64; too large only with JSON's escapes.
    for query in ["bytes=20000000&type=text/plain", "bytes=4800000", "bytes=3200000&type=text/plain&fill=%22"] {
        let answer = sandbox.request(&download(query));
        assert_eq!((answer.status(), answer.header("x-semantest-error")), (502, Some("response-too-large")), "{query}");
        assert!(answer.json()["message"].as_str().unwrap().contains("6 MB"));
    }
    sandbox.wait_for_log("is larger than the 6 MB that AWS Lambda can return");
    assert_eq!(sandbox.request(&Event::get("/echo")).status(), 200, "the server goes on");
}

#[test]
fn many_requests_at_once_are_kept_apart() {
    let mut sandbox = sandbox();
    let events: Vec<_> = (0..20).map(|number| Event::get(&format!("/number/{number}"))).collect();
    for (number, answer) in sandbox.requests_at_once(&events).iter().enumerate() {
        assert_eq!(answer.json()["url"], format!("/number/{number}"));
    }
}

#[test]
fn payload_format_1_is_understood() {
    let mut sandbox = sandbox();
    let event = json!({
        "version": "1.0",
        "httpMethod": "POST",
        "path": "/prod/a b",
        "multiValueHeaders": { "Content-Type": ["text/plain"], "X-List": ["a", "b"], "Cookie": ["a=1", "b=2"] },
        "headers": { "Content-Type": "text/plain", "X-List": "b", "Cookie": "b=2" },
        "multiValueQueryStringParameters": { "a": ["1", "x y"], "b": [""] },
        "requestContext": { "stage": "prod", "domainName": "x.example", "identity": { "sourceIp": "203.0.113.9" } },
        "body": "aGVsbG8=",
        "isBase64Encoded": true,
    });
    let result = sandbox.invoke(&event, INVOCATION).unwrap();
    let seen: Value = serde_json::from_str(result["body"].as_str().unwrap()).unwrap();
    assert_eq!((&seen["method"], &seen["url"]), (&json!("POST"), &json!("/a%20b?a=1&a=x%20y&b=")));
    assert_eq!(seen["headers"]["x-list"], "a, b");
    assert_eq!((&seen["headers"]["cookie"], &seen["headers"]["host"]), (&json!("a=1; b=2"), &json!("x.example")));
    assert_eq!(from_base64(seen["body"].as_str().unwrap()), b"hello");
    let mut event = event;
    event["path"] = json!("/prod/cookies");
    let result = sandbox.invoke(&event, INVOCATION).unwrap();
    assert_eq!(result["multiValueHeaders"]["set-cookie"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_no_http_event_is_refused_clearly() {
    let mut sandbox = sandbox();
    for (event, shape) in [
        (json!({ "source": "aws.events" }), "an object with source"),
        (json!({}), "an object with no members"),
        (json!("warm up"), "\"warm up\""),
        (Value::Null, "null"),
    ] {
        let (name, message) = sandbox.invoke(&event, INVOCATION).unwrap_err();
        assert_eq!(name, "UnsupportedEvent");
        assert!(message.contains("API Gateway HTTP events only") && message.contains(shape), "{message}");
    }
    assert_eq!(sandbox.request(&Event::get("/echo")).status(), 200);
}
