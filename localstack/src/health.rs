//! Asks servers over HTTP: whether they answer, what they are, and to empty themselves.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::Emulator;

/// A server that has not answered by then is not one we know.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// The header by which a server that we started says which one it is; set by `ministack_patched.py`.
pub(crate) const INSTANCE_HEADER: &str = "x-semantest-instance";

/// What answers at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// Its kind.
    pub emulator: Emulator,
    /// Its version, where it tells.
    pub version: Option<String>,
    /// Which one of our own it is.
    pub(crate) instance: Option<String>,
}

/// An answer to one of our requests.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) instance: Option<String>,
    pub(crate) body: Bytes,
}

/// Recognises an emulator at an endpoint's URL (`http://127.0.0.1:4566`). `None` where nothing answers, or something else does.
pub async fn probe(endpoint: &str) -> Option<Probed> {
    for emulator in Emulator::ALL {
        let url = format!("{}{}", endpoint.trim_end_matches('/'), emulator.health_path());
        let answer = request(Method::GET, &url, ANSWER_WITHIN).await.ok()?;
        if answer.status != StatusCode::OK {
            continue;
        }
        let Ok(document) = serde_json::from_slice::<serde_json::Value>(&answer.body) else {
            continue;
        };
        if !document.get("services").is_some_and(serde_json::Value::is_object) {
            continue;
        }
        let version = document.get("version").and_then(|version| version.as_str()).map(str::to_owned);
        return Some(Probed { emulator, version, instance: answer.instance });
    }
    None
}

/// Sends one request without a body.
pub(crate) async fn request(method: Method, url: &str, within: Duration) -> std::result::Result<Answer, String> {
    request_with(method, url, &[], within).await
}

/// Sends one request with headers and without a body.
pub(crate) async fn request_with(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    within: Duration,
) -> std::result::Result<Answer, String> {
    let uri: Uri = url.parse().map_err(|error| format!("not a URL: {error}"))?;
    let is_tls = uri.scheme_str() == Some("https");
    let request = headers
        .iter()
        .fold(Request::builder().method(method).uri(uri), |request, (name, value)| request.header(*name, *value));
    let request = request.body(Full::<Bytes>::default()).map_err(|error| error.to_string())?;
    let exchange = async {
        let response =
            if is_tls { client(https()?).request(request).await } else { client(http()).request(request).await };
        let response = response.map_err(|error| chain(&error))?;
        let status = response.status();
        let instance = response.headers().get(INSTANCE_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.into_body().collect().await.map_err(|error| chain(&error))?.to_bytes();
        Ok(Answer { status, instance, body })
    };
    tokio::time::timeout(within, exchange)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", within.as_secs())))
}

pub(crate) fn client<C>(connector: C) -> Client<C, Full<Bytes>>
where
    C: hyper_util::client::legacy::connect::Connect + Clone,
{
    Client::builder(TokioExecutor::new()).build(connector)
}

pub(crate) fn http() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector
}

pub(crate) fn https() -> std::result::Result<HttpsConnector<HttpConnector>, String> {
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| format!("the system's certificates can't be read: {error}"))?;
    let mut tcp = http();
    tcp.enforce_http(false);
    Ok(connector.https_or_http().enable_http1().wrap_connector(tcp))
}

/// An error with its causes, in a line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}
