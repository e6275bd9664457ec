//! What the proxy knows of a request: which operation of which cloud it is, whether it changes something, when it came, and how it was answered.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use crate::proxy::Answer;

/// How the first word of an operation says that it changes nothing. Whatever isn't listed counts as a change.
const READING: &[&str] = &[
    "Assume",
    "BatchGet",
    "Check",
    "Decode",
    "Decrypt",
    "Describe",
    "Detect",
    "Encrypt",
    "Estimate",
    "Filter",
    "GenerateDataKey",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Query",
    "Scan",
    "Search",
    "Select",
    "Simulate",
    "StartQuery",
    "Test",
    "Validate",
    "Verify",
];

/// The largest body that is kept, in bytes: packages are larger.
pub const SHOWN_BODY: usize = 16 * 1024;

/// How a service is spoken to, which is also how it says that something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Service {
    /// AWS JSON: the operation is in `X-Amz-Target` (logs, DynamoDB, events, …).
    AwsJson,
    /// AWS Query: the operation is the form's `Action` (IAM, STS, EC2, …).
    AwsQuery,
    /// AWS RPC with CBOR: the operation is in the path (the Rust SDK's CloudWatch).
    AwsCbor,
    /// Resources in paths, methods as verbs (Lambda, API Gateway, S3, Azure Resource Manager).
    Rest,
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Its place among all requests to the proxy, from 0.
    pub number: usize,
    /// The method.
    pub method: String,
    /// The path with its query, as it came.
    pub path: String,
    /// How the service is spoken to.
    pub service: Service,
    /// `X-Amz-Target`, where there is one.
    pub target: Option<String>,
    /// The operation's name, where the request has one (`CreateRole`); a REST request has none.
    pub operation: Option<String>,
    /// The access key that it is signed with, where it is.
    pub access_key: Option<String>,
    /// The request's headers by their names in small letters, without what it is signed with.
    pub headers: BTreeMap<String, String>,
    /// The body's length in bytes.
    pub length: usize,
    /// The body, where it is no larger than [`SHOWN_BODY`]; else nothing.
    pub body: Bytes,
    /// When it came, since the proxy's start.
    pub start: Duration,
    /// When it was answered or cut, since the proxy's start; `None` while it is under way.
    pub end: Option<Duration>,
    /// The answer's status; `None` while it is under way, and where it was cut before it was forwarded.
    pub status: Option<u16>,
}

impl Exchange {
    pub(crate) fn of(parts: &Parts, body: &Bytes, start: Duration) -> Exchange {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let target = text(&parts.headers, "x-amz-target");
        let (service, operation) = operation(&parts.method, &path, target.as_deref(), body);
        Exchange {
            number: 0,
            method: parts.method.to_string(),
            path,
            service,
            target,
            operation,
            access_key: text(&parts.headers, "authorization").as_deref().and_then(access_key),
            headers: shown(&parts.headers),
            length: body.len(),
            body: if body.len() <= SHOWN_BODY { body.clone() } else { Bytes::new() },
            start,
            end: None,
            status: None,
        }
    }

    /// Whether it is meant to change something at the cloud. Calling a function, and requests to a deployed API, aren't.
    pub fn is_write(&self) -> bool {
        if let Some(operation) = &self.operation {
            return !READING.iter().any(|prefix| operation.starts_with(prefix));
        }
        if !matches!(self.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE") {
            return false;
        }
        let path = self.path.split('?').next().unwrap_or_default();
        if path.contains("/invocations") || path.starts_with("/_aws/execute-api") {
            return false;
        }
        // Azure Resource Manager reads secrets and asks for free names by POST: …/listKeys, …/checkNameAvailability.
        let last = path.rsplit('/').next().unwrap_or_default();
        !(self.method == "POST" && (last.starts_with("list") || last.starts_with("check")))
    }

    /// The answer of a service that has too many requests, in the form that the called one uses.
    pub fn throttled(&self) -> Answer {
        let message = "Rate exceeded";
        match self.service {
            Service::AwsJson | Service::AwsCbor => {
                Answer::json_error(StatusCode::BAD_REQUEST, "ThrottlingException", message)
            }
            Service::AwsQuery => Answer::xml_error(StatusCode::BAD_REQUEST, "Throttling", message),
            Service::Rest => Answer::json_error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", message),
        }
    }

    /// The answer of a service that refuses the request for this reason, in the form that the called one uses.
    pub fn refused(&self, status: u16, code: &str, message: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        match self.service {
            Service::AwsQuery => Answer::xml_error(status, code, message),
            Service::AwsJson | Service::AwsCbor | Service::Rest => Answer::json_error(status, code, message),
        }
    }

    /// The answer of a service that has failed inside, in the form that the called one uses.
    pub fn failed(&self) -> Answer {
        let (status, message) = (StatusCode::INTERNAL_SERVER_ERROR, "An internal error occurred");
        match self.service {
            Service::AwsQuery => Answer::xml_error(status, "InternalFailure", message),
            Service::AwsJson | Service::AwsCbor => Answer::json_error(status, "InternalFailure", message),
            Service::Rest => Answer::json_error(status, "ServiceException", message),
        }
    }
}

fn operation(method: &Method, path: &str, target: Option<&str>, body: &Bytes) -> (Service, Option<String>) {
    if let Some(target) = target {
        return (Service::AwsJson, target.rsplit('.').next().map(str::to_owned));
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if let Some(name) = path.strip_prefix("/service/").and_then(|rest| rest.split_once("/operation/")) {
        return (Service::AwsCbor, Some(name.1.to_owned()));
    }
    if path == "/" && (*method == Method::POST || *method == Method::GET) {
        let form = std::str::from_utf8(body).unwrap_or_default();
        let mut pairs = form.split('&').chain(query.split('&'));
        if let Some(name) = pairs.find_map(|pair| pair.strip_prefix("Action=")) {
            return (Service::AwsQuery, Some(name.to_owned()));
        }
    }
    (Service::Rest, None)
}

/// Headers without secrets.
fn shown(headers: &HeaderMap) -> BTreeMap<String, String> {
    let is_secret = |name: &str| matches!(name, "authorization" | "cookie" | "x-amz-security-token");
    headers
        .keys()
        .filter(|name| !is_secret(name.as_str()))
        .filter_map(|name| Some((name.to_string(), text(headers, name.as_str())?)))
        .collect()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// From `AWS4-HMAC-SHA256 Credential=KEY/20260101/region/service/aws4_request, …`.
fn access_key(authorization: &str) -> Option<String> {
    let credential = authorization.split_once("Credential=")?.1;
    Some(credential.split('/').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn exchange(method: &str, path: &str, target: &str, body: &'static str) -> Exchange {
        let mut request = Request::builder().method(method).uri(path);
        if !target.is_empty() {
            request = request.header("x-amz-target", target);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        Exchange::of(&parts, &Bytes::from_static(body.as_bytes()), Duration::ZERO)
    }

    #[test]
    fn operations_and_writes_are_known() {
        let cases = [
            ("POST", "/", "Logs_20140328.CreateLogGroup", "{}", Some("CreateLogGroup"), true),
            ("POST", "/", "Logs_20140328.DescribeLogGroups", "{}", Some("DescribeLogGroups"), false),
            ("POST", "/", "", "Action=CreateRole&RoleName=x", Some("CreateRole"), true),
            ("POST", "/", "", "Version=2010-05-08&Action=GetRole", Some("GetRole"), false),
            ("POST", "/", "", "Action=GetCallerIdentity&Version=2011-06-15", Some("GetCallerIdentity"), false),
            ("GET", "/?Action=AssumeRole", "", "", Some("AssumeRole"), false),
            (
                "POST",
                "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm",
                "",
                "",
                Some("PutMetricAlarm"),
                true,
            ),
            (
                "POST",
                "/service/GraniteServiceVersion20100801/operation/DescribeAlarms",
                "",
                "",
                Some("DescribeAlarms"),
                false,
            ),
            ("GET", "/2015-03-31/functions/x", "", "", None, false),
            ("POST", "/2015-03-31/functions", "", "{}", None, true),
            ("POST", "/2015-03-31/functions/x/invocations?Qualifier=live", "", "{}", None, false),
            ("PUT", "/2015-03-31/functions/x/code", "", "{}", None, true),
            ("PATCH", "/v2/apis/abc", "", "{}", None, true),
            ("DELETE", "/v2/apis/abc", "", "", None, true),
            ("POST", "/_aws/execute-api/abc/$default/things", "", "{}", None, false),
            ("POST", "/subscriptions/s/resourceGroups/g/providers/p/x/listKeys?api-version=1", "", "", None, false),
            ("PUT", "/subscriptions/s/resourceGroups/g?api-version=1", "", "{}", None, true),
        ];
        for (method, path, target, body, operation, write) in cases {
            let exchange = exchange(method, path, target, body);
            assert_eq!(exchange.operation.as_deref(), operation, "{method} {path}");
            assert_eq!(exchange.is_write(), write, "{method} {path} {operation:?}");
        }
    }

    #[test]
    fn the_access_key_is_read_from_the_signature() {
        let header = "AWS4-HMAC-SHA256 Credential=123456789012/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=x";
        assert_eq!(access_key(header).as_deref(), Some("123456789012"));
        assert_eq!(access_key("Bearer x"), None);
    }
}
