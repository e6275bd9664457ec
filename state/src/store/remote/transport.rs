//! The HTTP client of buckets and containers: its timeouts, and what is learned from the answers.
//!
//! The client of `object_store` keeps the server's own words for itself. What an answer means is therefore noted where it
//! passes by, for the operation that waits for it ([`observe`]).

use std::cell::RefCell;
use std::time::Duration;

use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use crate::store::refusal::{Refusal, RefusalKind};

/// A connection that isn't made in this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer that doesn't begin, or stands still, for this long is given up; uploads get more by their size.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes in a second that the slowest line still carries.
const SLOWEST_LINE: u64 = 50_000;

/// A request is tried again until this much time has passed: well within a lease.
pub(super) fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 6,
        retry_timeout: Duration::from_secs(10),
    }
}

/// What was seen of an operation's requests.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How many requests went out.
    pub requests: u32,
    /// Why the last one failed, if it did.
    pub refusal: Option<Refusal>,
    /// The answer to one of them was lost, so that it may have been carried out all the same.
    pub lost_answer: bool,
}

tokio::task_local! {
    static SEEN: RefCell<Seen>;
}

/// Runs an operation and says what was seen of its requests.
pub(crate) async fn observe<T>(operation: impl Future<Output = T>) -> (T, Seen) {
    let observed = async {
        let result = operation.await;
        (result, SEEN.with(RefCell::take))
    };
    SEEN.scope(RefCell::default(), observed).await
}

/// Notes why the operation that is under way fails.
pub(super) fn note(refusal: Refusal) {
    // Outside of an operation nobody wants to know.
    let _ = SEEN.try_with(|seen| seen.borrow_mut().refusal = Some(refusal));
}

fn update(change: impl FnOnce(&mut Seen)) {
    let _ = SEEN.try_with(|seen| change(&mut seen.borrow_mut()));
}

/// Gives a store's client its connections.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    client: reqwest::Client,
}

impl Connector {
    pub fn new() -> reqwest::Result<Self> {
        // Fails only when a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(ANSWER_TIMEOUT)
            // Redirects are answers of their own: the bucket is in another region.
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .user_agent(concat!("semantest-iac/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Transport { client: self.client.clone() }))
    }
}

#[derive(Debug)]
struct Transport {
    client: reqwest::Client,
}

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let server = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let length = request.body().content_length() as u64;
        let patience = ANSWER_TIMEOUT + Duration::from_secs(length / SLOWEST_LINE);
        update(|seen| seen.requests += 1);
        let answer = match tokio::time::timeout(patience, self.client.call(request)).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(HttpError::new(HttpErrorKind::Timeout, elapsed)),
        };
        match answer {
            Ok(answer) if answer.status().is_success() => {
                update(|seen| seen.refusal = None);
                Ok(answer)
            }
            Ok(answer) => refused(server, answer).await,
            Err(error) => {
                let kind = match error.kind() {
                    HttpErrorKind::Timeout => RefusalKind::TimedOut,
                    _ => RefusalKind::Unreachable,
                };
                let detail = if kind == RefusalKind::TimedOut { String::new() } else { deepest(&error) };
                update(|seen| {
                    seen.lost_answer |= error.kind() != HttpErrorKind::Connect;
                    seen.refusal = Some(Refusal { kind, server, detail, advice: None });
                });
                Err(error)
            }
        }
    }
}

/// Reads an error's answer and hands it on.
async fn refused(server: String, answer: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (parts, body) = answer.into_parts();
    let header = |name: &str| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
    let content = body.bytes().await?;
    let body = String::from_utf8_lossy(&content);
    let code = element(&body, "Code").or_else(|| header("x-ms-error-code")).unwrap_or_default();
    let message = element(&body, "Message").unwrap_or_default();
    let region = header("x-amz-bucket-region").or_else(|| element(&body, "Region"));
    let status = parts.status.as_u16();
    update(|seen| {
        seen.lost_answer |= parts.status.is_server_error();
        seen.refusal = Some(Refusal::of_answer(server, status, &code, &message, region));
    });
    Ok(HttpResponse::from_parts(parts, content.into()))
}

/// The text of an element of a small XML answer.
fn element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once("</")?;
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    Some(plain.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character)))
}

/// The innermost cause, which says what happened; the outer ones repeat the address.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_out_of_xml() {
        let body =
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>a &lt;b&gt; &amp;amp;</Message></Error>";
        assert_eq!(element(body, "Code").unwrap(), "AccessDenied");
        assert_eq!(element(body, "Message").unwrap(), "a <b> &amp;");
        assert_eq!(element(body, "Region"), None);
        assert_eq!(element("<Code>", "Code"), None);
    }
}
