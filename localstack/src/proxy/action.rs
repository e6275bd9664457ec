//! What the proxy can do with a request, and the answers it can give in a cloud's place.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

/// When a hook is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The request has come and was not forwarded yet: it has had no effect.
    Before,
    /// The cloud has answered, the client doesn't know yet: the request has had its effect.
    After,
}

/// What happens to a request, or to its answer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Action {
    /// It goes on.
    Pass,
    /// It goes on after this time.
    Delay(Duration),
    /// The client gets this answer instead.
    Answer(Answer),
    /// The connection is closed without an answer.
    Cut,
    /// The connection is closed without an answer, and the request goes on after this time all the same. Once it has had its effect
    /// this is a [`Action::Cut`].
    Late(Duration),
}

/// An answer in the cloud's place.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, without those of the connection.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// An answer of plain text.
    pub fn new(status: StatusCode, body: impl Into<Bytes>) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.into() }
    }

    /// `503 Service Unavailable`, as a load balancer in front of any service gives it.
    pub fn unavailable() -> Answer {
        Answer::new(StatusCode::SERVICE_UNAVAILABLE, "<html><body><h1>503 Service Unavailable</h1></body></html>")
            .with_header(CONTENT_TYPE, "text/html")
    }

    /// Adds a header; one that can't be one is left out.
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Answer {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Says after how many seconds to try again.
    pub fn with_retry_after(self, seconds: u32) -> Answer {
        self.with_header(RETRY_AFTER, &seconds.to_string())
    }

    pub(crate) fn json_error(status: StatusCode, code: &str, message: &str) -> Answer {
        let body = serde_json::json!({ "__type": code, "message": message }).to_string();
        Answer::new(status, body)
            .with_header(CONTENT_TYPE, "application/json")
            .with_header(HeaderName::from_static("x-amzn-errortype"), code)
    }

    pub(crate) fn xml_error(status: StatusCode, code: &str, message: &str) -> Answer {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
        );
        Answer::new(status, body).with_header(CONTENT_TYPE, "text/xml")
    }
}
