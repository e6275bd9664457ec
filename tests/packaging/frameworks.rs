//! Unchanged servers of the frameworks in use: Express 4, Express 5 and Fastify, from the npm registry. They are installed
//! once, from the lock file in `servers/`, into the target folder.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use semantest_iac::adapters::aws::naming;
use semantest_iac::adapters::packaging::{PackageRequest, Packager, Start};
use semantest_iac::domain::code::runtime::Architecture;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::packaging::events::Event;
use crate::packaging::sandbox::{Sandbox, unpack};

const PACKAGE: &str = include_str!("servers/package.json");
const LOCK: &str = include_str!("servers/package-lock.json");

/// What the packages bring along beside their code.
const IGNORE: &str = "test/\ntests/\ndocs/\nexamples/\nbenchmarks/\nbenchmark/\n*.md\n*.d.ts\n*.map\n.github/\n";

/// Installs the frameworks, packages them with all servers, and unpacks the package: everything once, kept in the target
/// folder. Which of the servers is started is left to the environment.
fn unpacked() -> (PathBuf, String) {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packaging-frameworks");
    fs::create_dir_all(&cache).unwrap();
    let guard = File::create(cache.join("lock")).unwrap();
    guard.lock().unwrap();
    let request = PackageRequest {
        source: installed(&cache),
        build: None,
        start: Start::Server { start: "exec node $SERVER".into(), port: None },
        architecture: Some(Architecture::X86_64),
    };
    let package = Packager::new(cache.join("cache")).package(&request).unwrap();
    let folder = cache.join(format!("unpacked-{}", &package.sha256[..16]));
    if !folder.exists() {
        let unfinished = cache.join("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        unpack(&package, &unfinished);
        fs::rename(&unfinished, &folder).unwrap();
    }
    (folder, naming::handler(&package.entry))
}

fn installed(cache: &Path) -> PathBuf {
    let name = hex::encode(Sha256::digest(LOCK));
    let folder = cache.join(format!("installed-{}", &name[..16]));
    if !folder.exists() {
        let unfinished = cache.join("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        fs::create_dir_all(&unfinished).unwrap();
        fs::write(unfinished.join("package.json"), PACKAGE).unwrap();
        fs::write(unfinished.join("package-lock.json"), LOCK).unwrap();
        let output = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&unfinished)
            .output()
            .expect("these tests need npm");
        assert!(output.status.success(), "npm ci failed:\n{}", String::from_utf8_lossy(&output.stderr));
        fs::rename(&unfinished, &folder).unwrap();
    }
    for (name, content) in [
        ("express.cjs", include_str!("servers/express.cjs")),
        ("fastify.mjs", include_str!("servers/fastify.mjs")),
        (".semantestignore", IGNORE),
    ] {
        let path = folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|existing| existing == content) {
            continue;
        }
        fs::write(path, content).unwrap();
    }
    folder
}

fn start(server: &str) -> Sandbox {
    let (folder, handler) = unpacked();
    Sandbox::start_in(&folder, &handler, &[("SERVER", server)])
}

/// What every framework must do behind the shim as it does without it.
fn check(mut sandbox: Sandbox, framework: &str) {
    let info = sandbox.request(&Event::get("/info")).json();
    assert_eq!(info["framework"], framework);
    assert_eq!((&info["ip"], &info["protocol"]), (&json!("203.0.113.7"), &json!("https")));
    assert_eq!(info["host"], "abc123.execute-api.eu-west-1.amazonaws.com");

    let item = sandbox.request(&Event::get("/items/grüße & more").query("tag=a&tag=b&q=x%20y")).json();
    assert_eq!(item["id"], "grüße & more");
    assert_eq!(item["query"], json!({ "tag": ["a", "b"], "q": "x y" }));
    assert_eq!(item["url"], "/items/gr%C3%BC%C3%9Fe%20&%20more?tag=a&tag=b&q=x%20y");

    let answer =
        sandbox.request(&Event::new("POST", "/json").text("application/json", r#"{"name":"Ünïcode","n":[1,2]}"#));
    assert_eq!((answer.status(), answer.is_base64()), (201, false));
    assert_eq!(answer.json(), json!({ "received": { "name": "Ünïcode", "n": [1, 2] } }));
    let refused = sandbox.request(&Event::new("POST", "/json").text("application/json", "{broken"));
    assert_eq!(refused.status(), 400);
    // The gateway passes forms on in base64.
    let form = Event::new("POST", "/form").bytes("application/x-www-form-urlencoded", b"a=1&b=x+y");
    assert_eq!(sandbox.request(&form).json(), json!({ "a": "1", "b": "x y" }));
    let bytes: Vec<u8> = (0..4_000_000_u32).map(|number| (number % 251) as u8).collect();
    let answer = sandbox.request(&Event::new("POST", "/upload").bytes("application/octet-stream", &bytes)).json();
    assert_eq!(answer, json!({ "length": bytes.len(), "sha256": hex::encode(Sha256::digest(&bytes)) }));

    let answer = sandbox.request(&Event::get("/cookies").cookies(&["s=1", "t=2"]));
    assert_eq!(answer.text(), "s=1; t=2");
    assert_eq!(answer.cookies(), ["a=1; Path=/; HttpOnly", "b=x%20y; Path=/"]);

    let answer = sandbox.request(&Event::get("/gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(answer.bytes().as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!(text, "{\"compressed\":true}");
    assert_eq!(sandbox.request(&Event::get("/binary")).bytes(), [0, 255, 128, 10]);
    assert_eq!(sandbox.request(&Event::get("/stream")).text(), "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    assert_eq!(sandbox.request(&Event::get("/error")).status(), 500);
    assert_eq!(sandbox.request(&Event::get("/nowhere")).status(), 404);
    let head = sandbox.request(&Event::new("HEAD", "/info"));
    assert_eq!((head.status(), head.text().as_str()), (200, ""));
    sandbox.wait_for_log("listen");
}

#[test]
fn express_4() {
    check(start("express.cjs express4"), "express4");
}

#[test]
fn express_5() {
    check(start("express.cjs express5"), "express5");
}

#[test]
fn fastify() {
    check(start("fastify.mjs"), "fastify");
}
