//! Health checks over HTTP: asks until the answer's status is from 200 to 299, or the time is up, or the server itself has said
//! often enough that there is no such path.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::ports::{HealthChecker, HealthProbe, HealthReport, MonotonicClock};

/// The first wait between two tries; it grows by half each time, up to [`LONGEST_WAIT`]. A first answer comes late (a cold
/// start), a second one mostly at once.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How often in a row a server may say that there is no such path until it is believed: routes don't come by waiting, but a
/// version from before may still answer.
const NOT_FOUND_BELIEVED: u32 = 4;
/// What an HTTP API itself answers where it has no route, as after a change that isn't everywhere yet
/// (<https://repost.aws/knowledge-center/api-gateway-http-404-error>).
const NO_ROUTE: &str = r#"{"message":"Not Found"}"#;
/// How much of an answer's body is read. It is more than anybody is shown, so that no secret is cut in two before it is looked
/// for.
const READ_BYTES: usize = 16 * 1024;

/// Asks over HTTP or HTTPS.
#[derive(Clone)]
pub struct HttpHealthChecker {
    client: reqwest::Client,
    clock: Arc<dyn MonotonicClock>,
}

impl HttpHealthChecker {
    /// A checker that doesn't follow redirects: a health path that redirects isn't healthy. It waits by this clock.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub fn new(clock: Arc<dyn MonotonicClock>) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("semantest-iac/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, clock })
    }

    async fn ask(&self, probe: &HealthProbe, timeout: Duration) -> Result<(), Problem> {
        let request = probe
            .headers
            .iter()
            .fold(self.client.get(&probe.url), |request, (name, value)| request.header(name, value));
        let mut answer = request.timeout(timeout).send().await.map_err(|error| Problem::of(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let mut body = Vec::new();
        // What comes after a failure says less than the status.
        while let Ok(Some(chunk)) = answer.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() >= READ_BYTES {
                body.truncate(READ_BYTES);
                break;
            }
        }
        let shown = String::from_utf8_lossy(&body).trim().to_owned();
        let not_found = status == reqwest::StatusCode::NOT_FOUND && shown != NO_ROUTE;
        let answer = if shown.is_empty() { format!("status {status}") } else { format!("status {status}: {shown}") };
        Err(Problem { answer, unanswered: false, not_found })
    }
}

/// What came instead of a good answer.
struct Problem {
    answer: String,
    unanswered: bool,
    /// The server has no such path.
    not_found: bool,
}

impl Problem {
    fn of(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self { answer: "no answer in time".to_owned(), unanswered: true, not_found: false };
        }
        // The innermost cause says what happened; the outer ones repeat the address.
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Self { answer: cause.to_string(), unanswered: false, not_found: false }
    }
}

#[async_trait]
impl HealthChecker for HttpHealthChecker {
    async fn check(&self, probe: &HealthProbe) -> HealthReport {
        let begun = self.clock.now();
        let elapsed = || self.clock.now().saturating_sub(begun);
        let (mut attempts, mut wait, mut not_found) = (0, FIRST_WAIT, 0);
        // A last try that has no time left says less than an answer before it.
        let mut answered: Option<Problem> = None;
        loop {
            attempts += 1;
            let left = probe.timeout.saturating_sub(elapsed()).max(Duration::from_millis(1));
            let result = self.ask(probe, left).await;
            let healthy = result.is_ok();
            let duration = elapsed();
            not_found = if result.as_ref().is_err_and(|problem| problem.not_found) { not_found + 1 } else { 0 };
            if healthy || not_found >= NOT_FOUND_BELIEVED || duration + wait >= probe.timeout {
                let problem = result.err().map(|problem| match answered {
                    Some(answered) if problem.unanswered => answered,
                    _ => problem,
                });
                let (last_answer, unanswered) = problem
                    .map_or_else(|| ("answered".to_owned(), false), |problem| (problem.answer, problem.unanswered));
                return HealthReport { healthy, attempts, last_answer, unanswered, duration };
            }
            if let Some(problem) = result.err().filter(|problem| !problem.unanswered) {
                answered = Some(problem);
            }
            self.clock.sleep_until(self.clock.now() + wait).await;
            wait = wait.mul_f64(1.5).min(LONGEST_WAIT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers 503 a number of times, then 200.
    async fn server(failures: u32) -> String {
        failing(failures, "503 Busy", "body").await
    }

    /// A server that gives this answer a number of times, then 200.
    async fn failing(failures: u32, failure: &'static str, body: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicU32::new(0));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let status = if asked.fetch_add(1, Ordering::SeqCst) < failures { failure } else { "200 OK" };
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        url
    }

    async fn check(url: String, seconds: u64) -> HealthReport {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let checker = HttpHealthChecker::new(Arc::new(resource_graph::SystemClock::new())).unwrap();
        checker.check(&HealthProbe { url, headers: Vec::new(), timeout: Duration::from_secs(seconds) }).await
    }

    #[tokio::test]
    async fn of_an_answer_that_does_not_end_the_beginning_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 500 Broken\r\ncontent-length: 1000000000\r\n\r\n").await;
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            }
        });
        let report = check(url, 1).await;
        assert!(!report.healthy && report.last_answer.starts_with("status 500"), "{}", report.last_answer);
        assert!(report.last_answer.len() < READ_BYTES + 100, "{}", report.last_answer.len());
    }

    #[tokio::test]
    async fn a_path_that_the_server_has_not_is_not_asked_for_on_and_on() {
        let report = check(failing(u32::MAX, "404 Not Found", "Cannot GET /health").await, 20).await;
        assert!(!report.healthy && report.attempts == NOT_FOUND_BELIEVED, "{report:?}");
        assert!(report.duration < Duration::from_secs(5), "{report:?}");
        assert!(report.last_answer.contains("Cannot GET /health"), "{report:?}");
        // The gateway's own answer is one of a route that isn't there yet.
        let report = check(failing(6, "404 Not Found", NO_ROUTE).await, 20).await;
        assert!(report.healthy && report.attempts == 7, "{report:?}");
    }

    #[tokio::test]
    async fn a_server_that_needs_a_while_is_healthy_in_the_end() {
        let report = check(server(2).await, 20).await;
        assert!(report.healthy);
        assert_eq!(report.attempts, 3);
    }

    #[tokio::test]
    async fn the_last_answer_of_a_sick_server_is_told() {
        let report = check(server(u32::MAX).await, 1).await;
        assert!(!report.healthy);
        assert_eq!(report.last_answer, "status 503 Service Unavailable: body");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_as_such() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        drop(listener);
        let report = check(url, 1).await;
        assert!(!report.healthy);
        assert!(report.last_answer.contains("refused"), "{}", report.last_answer);
    }
}
