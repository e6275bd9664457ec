//! Events as an HTTP API sends them: payload format 2.0 (and 1.0), with what the gateway does to a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// One request on its way through the gateway.
#[derive(Clone)]
pub struct Event {
    method: String,
    path: String,
    query: String,
    headers: Map<String, Value>,
    cookies: Vec<String>,
    body: Option<(String, bool)>,
    stage: String,
    route: String,
}

impl Event {
    /// A request to a path as the gateway delivers it: percent-decoded.
    pub fn new(method: &str, path: &str) -> Self {
        let headers = json!({
            "accept": "*/*",
            "host": "abc123.execute-api.eu-west-1.amazonaws.com",
            "user-agent": "curl/8.5.0",
            "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        });
        let Value::Object(headers) = headers else { unreachable!() };
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers,
            cookies: vec![],
            body: None,
            stage: "$default".into(),
            route: "$default".into(),
        }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub fn query(mut self, raw: &str) -> Self {
        self.query = raw.to_owned();
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub fn cookies(mut self, cookies: &[&str]) -> Self {
        self.cookies = cookies.iter().map(|cookie| (*cookie).to_owned()).collect();
        self
    }

    pub fn stage(mut self, stage: &str) -> Self {
        self.stage = stage.to_owned();
        self
    }

    /// The key of the route that the gateway has taken.
    pub fn route(mut self, key: &str) -> Self {
        self.route = key.to_owned();
        self
    }

    /// A body of a type that the gateway passes on as text.
    pub fn text(mut self, content_type: &str, body: &str) -> Self {
        self.body = Some((body.to_owned(), false));
        self.header("content-type", content_type).header("content-length", &body.len().to_string())
    }

    /// A body of any other type, which the gateway passes on in base64.
    pub fn bytes(mut self, content_type: &str, body: &[u8]) -> Self {
        self.body = Some((STANDARD.encode(body), true));
        self.header("content-type", content_type).header("content-length", &body.len().to_string())
    }

    /// Payload format 2.0.
    pub fn build(&self) -> Value {
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route,
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": self.headers,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "abc123",
                "domainName": "abc123.execute-api.eu-west-1.amazonaws.com",
                "domainPrefix": "abc123",
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.7",
                    "userAgent": "curl/8.5.0",
                },
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": self.route,
                "stage": self.stage,
                "time": "10/Mar/2026:05:16:23 +0000",
                "timeEpoch": 1_773_119_783_814_u64,
            },
            "isBase64Encoded": self.body.as_ref().is_some_and(|(_, base64)| *base64),
        });
        if !self.cookies.is_empty() {
            event["cookies"] = json!(self.cookies);
        }
        if let Some((body, _)) = &self.body {
            event["body"] = json!(body);
        }
        event
    }
}

pub fn from_base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}
