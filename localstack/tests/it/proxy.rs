//! The proxy in front of a server that counts what reaches it: each of its faults, and what its log says of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use localstack::proxy::{Action, Answer, Moment, Proxy};
use localstack::{Emulator, Server, StartOptions, probe};

use crate::support::installer;

/// A server that answers every request with what it got, and counts them.
struct Upstream {
    endpoint: String,
    reached: Arc<AtomicUsize>,
}

impl Upstream {
    fn start() -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let reached = Arc::new(AtomicUsize::new(0));
        let counter = reached.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, counter) = (stream.unwrap(), counter.clone());
                std::thread::spawn(move || serve(&stream, &counter));
            }
        });
        Upstream { endpoint, reached }
    }

    fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: &TcpStream, counter: &AtomicUsize) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).unwrap();
        counter.fetch_add(1, Ordering::SeqCst);
        let answer = [head.as_bytes(), &body].concat();
        let body: &[u8] = if head.starts_with("HEAD") { &[] } else { &answer };
        let head =
            format!("HTTP/1.1 201 Created\r\nX-Kept: a\r\nx-kept: b\r\ncontent-length: {}\r\n\r\n", answer.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).unwrap();
    }
}

/// Sends a request as text and returns all that comes back before the connection closes.
fn send(proxy: &Proxy, request: &str, body: &str) -> String {
    let host = proxy.endpoint().replace("http://", "");
    let mut stream = TcpStream::connect(&host).unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: signed.example\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    // A cut connection may be reset as well as closed.
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn requests_pass_unchanged_and_are_counted() {
    let upstream = Upstream::start();
    let proxy = Proxy::start(&upstream.endpoint).unwrap();
    let answer = send(&proxy, "POST /a%2Fb?x=1&x=2", "hällo");
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    for part in ["POST /a%2Fb?x=1&x=2 HTTP/1.1", "host: signed.example", "hällo"] {
        assert!(answer.to_lowercase().contains(&part.to_lowercase()), "{part} is not in {answer}");
    }
    assert_eq!(answer.matches("x-kept: ").count() + answer.matches("X-Kept: ").count(), 2, "{answer}");
    let head = send(&proxy, "HEAD /a", "");
    assert!(head.contains("content-length: ") && head.ends_with("\r\n\r\n"), "{head}");
    let log = proxy.exchanges();
    assert_eq!((proxy.writes(), proxy.reads(), log.len()), (1, 1, 2));
    assert_eq!((log[0].method.as_str(), log[0].path.as_str(), log[0].length), ("POST", "/a%2Fb?x=1&x=2", 6));
    assert_eq!((log[0].number, log[0].status, log[1].number), (0, Some(201), 1));
    assert!(log[0].start <= log[0].end.unwrap());
    proxy.clear();
    assert_eq!((proxy.writes(), proxy.reads()), (0, 0));
    send(&proxy, "GET /", "");
    assert_eq!(proxy.exchanges()[0].number, 2);
}

#[test]
fn requests_are_delayed_at_once_and_not_one_after_the_other() {
    const DELAY: Duration = Duration::from_millis(300);
    let upstream = Upstream::start();
    let proxy = Proxy::start(&upstream.endpoint).unwrap();
    proxy.set_delay(DELAY);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| send(&proxy, "GET /", ""));
        }
    });
    assert!(started.elapsed() >= DELAY);
    // Each of them was held for the whole delay, and they were there together.
    assert!(proxy.exchanges().iter().all(|exchange| exchange.end.unwrap() - exchange.start >= DELAY));
    assert_eq!(proxy.peak(), 8);
}

#[test]
fn a_connection_is_cut_before_the_request_has_an_effect() {
    let upstream = Upstream::start();
    let proxy = Proxy::start(&upstream.endpoint).unwrap();
    proxy.set_hook(|exchange, moment| match moment {
        Moment::Before if exchange.is_write() => Action::Cut,
        _ => Action::Pass,
    });
    assert_eq!(send(&proxy, "PUT /", "x"), "");
    assert_eq!(upstream.reached(), 0);
    assert_eq!(proxy.exchanges()[0].status, None);
    assert!(send(&proxy, "GET /", "").starts_with("HTTP/1.1 201"));
    proxy.remove_hook();
    assert!(send(&proxy, "PUT /", "x").starts_with("HTTP/1.1 201"));
}

#[test]
fn a_connection_is_cut_after_the_request_had_its_effect() {
    let upstream = Upstream::start();
    let proxy = Proxy::start(&upstream.endpoint).unwrap();
    proxy.set_hook(|_, moment| if moment == Moment::After { Action::Cut } else { Action::Pass });
    assert_eq!(send(&proxy, "PUT /", "x"), "");
    assert_eq!(upstream.reached(), 1);
    assert_eq!(proxy.exchanges()[0].status, Some(201));
    assert!(proxy.exchanges()[0].end.is_some());
}

#[test]
fn every_third_request_is_throttled_in_the_services_own_form() {
    let upstream = Upstream::start();
    let proxy = Proxy::start(&upstream.endpoint).unwrap();
    proxy.set_hook(|exchange, moment| match (moment, exchange.number % 3) {
        (Moment::Before, 0) => Action::Answer(exchange.throttled()),
        _ => Action::Pass,
    });
    let rest = send(&proxy, "POST /v2/apis", "{}");
    assert!(rest.starts_with("HTTP/1.1 429 ") && rest.contains("TooManyRequestsException"), "{rest}");
    send(&proxy, "GET /", "");
    send(&proxy, "GET /", "");
    let query = send(&proxy, "POST /", "Action=CreateRole");
    assert!(query.starts_with("HTTP/1.1 400 ") && query.contains("<Code>Throttling</Code>"), "{query}");
    assert_eq!(upstream.reached(), 2);
    let statuses: Vec<_> = proxy.exchanges().iter().map(|exchange| exchange.status).collect();
    assert_eq!(statuses, [Some(429), Some(201), Some(201), Some(400)]);
}

#[test]
fn an_answer_takes_the_place_of_the_clouds() {
    let upstream = Upstream::start();
    let proxy = Proxy::start(&upstream.endpoint).unwrap();
    proxy.set_hook(|_, moment| match moment {
        Moment::Before => Action::Delay(Duration::from_millis(1)),
        Moment::After => Action::Answer(Answer::unavailable().with_retry_after(7)),
    });
    let answer = send(&proxy, "PUT /", "x");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.to_lowercase().contains("retry-after: 7"), "{answer}");
    assert_eq!((upstream.reached(), proxy.exchanges()[0].status), (1, Some(503)));
}

#[test]
fn a_cloud_that_is_not_there_is_a_bad_gateway() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(&format!("http://{gone}")).unwrap();
    let answer = send(&proxy, "GET /", "");
    assert!(answer.starts_with(&format!("HTTP/1.1 {} ", StatusCode::BAD_GATEWAY.as_u16())), "{answer}");
    assert!(Proxy::start("not a url").is_err());
    assert!(Proxy::start("ftp://127.0.0.1").is_err());
}

#[test]
fn its_port_is_free_again_afterwards() {
    let upstream = Upstream::start();
    let proxy = Proxy::start(&upstream.endpoint).unwrap();
    let address = proxy.endpoint().replace("http://", "");
    drop(proxy);
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn it_stands_in_front_of_a_real_emulator() {
    let server = Server::start(&installer(), Emulator::MiniStack, StartOptions::default()).await.unwrap();
    let proxy = Proxy::start(&server.endpoint()).unwrap();
    assert_eq!(probe(&proxy.endpoint()).await.unwrap().emulator, Emulator::MiniStack);
    assert_eq!(proxy.exchanges()[0].status, Some(StatusCode::OK.as_u16()));
}
