//! The HTTP client of all AWS SDK clients: hyper, with rustls and ring for https.
//!
//! A connector is made when the first request needs it. Loading the system's certificates takes tens of milliseconds, which
//! a local cloud on plain http must not pay. Proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`) are honoured.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// What makes one connector differ from another: TLS or not, and its timeouts.
type Key = (bool, Option<Duration>, Option<Duration>);

/// Connectors by kind, each made on first use and kept with its pool of connections.
#[derive(Clone, Default)]
pub(in crate::adapters::aws) struct LazyHttpClient {
    connectors: Arc<Mutex<HashMap<Key, SharedHttpConnector>>>,
}

impl LazyHttpClient {
    fn connector(&self, https: bool, settings: &HttpConnectorSettings) -> SharedHttpConnector {
        let key = (https, settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        connectors.entry(key).or_insert_with(|| SharedHttpConnector::new(build(https, settings.clone()))).clone()
    }
}

fn build(https: bool, settings: HttpConnectorSettings) -> Connector {
    let builder: ConnectorBuilder = Connector::builder()
        .connector_settings(settings)
        .enable_tcp_nodelay(true)
        .proxy_config(ProxyConfig::from_env());
    if https { builder.tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build() } else { builder.build_http() }
}

impl fmt::Debug for LazyHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LazyHttpClient")
    }
}

impl HttpClient for LazyHttpClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(LazyConnector { client: self.clone(), settings: settings.clone() })
    }
}

/// Picks the connector once the request's scheme is known.
#[derive(Debug)]
struct LazyConnector {
    client: LazyHttpClient,
    settings: HttpConnectorSettings,
}

impl HttpConnector for LazyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let https = request.uri().starts_with("https:");
        self.client.connector(https, &self.settings).call(request)
    }
}
