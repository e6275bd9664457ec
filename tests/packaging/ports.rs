//! Servers that listen on a port of their own, as the platform's do: on 8080 for requests and 8081 for WebSockets.

use std::net::TcpListener;
use std::num::NonZeroU16;

use semantest_iac::adapters::packaging::Start;
use serde_json::json;

use crate::packaging::events::Event;
use crate::packaging::folders::Component;
use crate::packaging::sandbox::{INVOCATION, Sandbox};

/// Two ports that nobody listens on.
fn free_ports() -> [u16; 2] {
    let listeners = [TcpListener::bind("0.0.0.0:0").unwrap(), TcpListener::bind("0.0.0.0:0").unwrap()];
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// A server that listens on these ports, whatever `PORT` says, and answers with its component's name and the port's place.
fn component(name: &str, ports: &[u16], configured: Option<u16>) -> Component {
    let server = format!(
        "const ports = {ports:?}; ports.forEach((port, index) => require('http').createServer((request, response) => \
         response.end('{name} ' + index)).listen(port))"
    );
    let mut component = Component::server(&[("server.js", &server)]);
    let port = configured.and_then(NonZeroU16::new);
    component.request.start = Start::Server { start: "node server.js".into(), port };
    component
}

fn probed_port(sandbox: &mut Sandbox) -> u64 {
    sandbox.invoke(&json!({ "semantest": "probe" }), INVOCATION).unwrap()["port"].as_u64().unwrap()
}

#[test]
fn the_port_that_the_component_names_is_asked() {
    let ports = free_ports();
    for (place, port) in ports.iter().enumerate() {
        let mut sandbox = Sandbox::start(&component("shop", &ports, Some(*port)).package());
        assert_eq!(sandbox.request(&Event::get("/")).text(), format!("shop {place}"));
        assert_eq!(probed_port(&mut sandbox), u64::from(*port));
    }
}

#[test]
fn the_one_other_port_of_a_server_is_taken_and_said() {
    let [port, _] = free_ports();
    let mut sandbox = Sandbox::start(&component("shop", &[port], None).package());
    assert_eq!(sandbox.request(&Event::get("/")).text(), "shop 0");
    sandbox.wait_for_log(&format!("the server listens on port {port} and not on the one in PORT"));
    sandbox.wait_for_log(&format!("`port: {port}` in the component says so"));
}

#[test]
fn of_two_ports_none_is_guessed() {
    let ports = free_ports();
    let mut sandbox = Sandbox::start_impatiently(&component("shop", &ports, None).package());
    let answer = sandbox.request_within(&Event::get("/"), std::time::Duration::from_millis(2500));
    assert_eq!(answer.header("x-semantest-error"), Some("server-not-listening"));
    for port in ports {
        assert!(answer.text().contains(&format!("`port: {port}`")), "{}", answer.text());
    }
}

#[test]
fn a_server_that_opens_its_own_port_later_is_followed_there() {
    let [port, _] = free_ports();
    let server = format!(
        "const http = require('http'); http.createServer((q, r) => r.end('metrics')).listen({port}); \
         setTimeout(() => http.createServer((q, r) => r.end('shop')).listen(process.env.PORT), 2500)"
    );
    let mut sandbox = Sandbox::start(&Component::server(&[("server.js", &server)]).package());
    assert_eq!(sandbox.request(&Event::get("/")).text(), "metrics");
    sandbox.wait_for_log("the server listens on the port in PORT now");
    assert_eq!(sandbox.request(&Event::get("/")).text(), "shop");
}

#[test]
fn sandboxes_on_one_machine_dont_collide() {
    let ports = free_ports();
    // With the port named and left out; of one server and of two; one after the other and at once.
    for (configured, ports) in [(Some(ports[0]), &ports[..]), (None, &ports[..1])] {
        let packages = ["shop", "chat", "mail"].map(|name| component(name, ports, configured));
        let mut sandboxes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                packages.iter().map(|component| scope.spawn(|| Sandbox::start(&component.package()))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        sandboxes.push(Sandbox::start(&packages[0].package()));
        for (sandbox, name) in sandboxes.iter_mut().zip(["shop", "chat", "mail", "shop"]) {
            assert_eq!(sandbox.request(&Event::get("/")).text(), format!("{name} 0"), "{configured:?}");
        }
        let mut asked: Vec<_> = sandboxes.iter_mut().map(probed_port).collect();
        asked.sort_unstable();
        asked.dedup();
        assert_eq!(asked.len(), 4, "each has a port of its own");
    }
}
