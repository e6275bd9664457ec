//! A proxy on the loopback interface between a client and a cloud: it counts and times requests, delays them, answers in the cloud's place, and cuts
//! connections before or after the request has taken effect.
//!
//! It runs on a thread of its own, so that tests may block while it works. Throwing a fault is the business of the hook, a closure that is asked
//! about each request before and after it is forwarded.

mod action;
mod exchange;

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub use action::{Action, Answer, Moment};
pub use exchange::{Exchange, SHOWN_BODY, Service};

use crate::error::{Error, Result};
use crate::health;

/// Decides about a request. Called on the proxy's thread; may kill a process, but shouldn't wait for anything.
pub type Hook = dyn Fn(&Exchange, Moment) -> Action + Send + Sync;

/// Headers that are about a connection and not about the request on it (RFC 9110, section 7.6.1).
const OF_THE_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A running proxy. Dropping it closes its connections and frees its port.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    exchanges: Vec<Exchange>,
    delay: Duration,
    hook: Option<Arc<Hook>>,
    added: HeaderMap,
    kept_back: Vec<HeaderName>,
    in_flight: usize,
    peak: usize,
    /// Exchanges that began before the log was last cleared carry an earlier number and are not in the log any more.
    epoch: usize,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and forwards to `upstream` (`http://127.0.0.1:4566`, or an `https` URL).
    ///
    /// # Errors
    /// [`Error::Proxy`] where `upstream` isn't a URL, or the proxy can't listen.
    pub fn start(upstream: &str) -> Result<Proxy> {
        let upstream = Upstream::new(upstream)?;
        let failed = |action: &str| {
            let action = action.to_owned();
            move |source| Error::Proxy { action, source }
        };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(failed("listen"))?;
        let port = listener.local_addr().map_err(failed("listen"))?.port();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed("make a runtime"))?;
        let shared = Arc::new(Shared { started: Instant::now(), state: Mutex::default() });
        let (stop, stopped) = oneshot::channel();
        let for_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        result = serve(listener, for_thread, Arc::new(upstream)) => {
                            if let Err(error) = result {
                                tracing::warn!(%error, "the proxy has ended");
                            }
                        }
                        _ = stopped => {}
                    }
                });
                runtime.shutdown_background();
            })
            .map_err(failed("start a thread"))?;
        Ok(Proxy { port, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// The URL to give to clients.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Holds every request back for so long before it is forwarded.
    pub fn set_delay(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    /// Asks `hook` about each request from now on, before it is forwarded and after the cloud has answered.
    pub fn set_hook(&self, hook: impl Fn(&Exchange, Moment) -> Action + Send + Sync + 'static) {
        self.shared.state().hook = Some(Arc::new(hook));
    }

    /// Lets every request through again.
    pub fn remove_hook(&self) {
        self.shared.state().hook = None;
    }

    /// Adds a header to every answer of the cloud from now on, whatever the hook does; a header that can't be one is left out.
    pub fn add_to_answers(&self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.shared.state().added.insert(HeaderName::from_static(name), value);
        }
    }

    /// Forwards requests without these headers from now on, as a cloud would see them that doesn't know what they mean.
    pub fn keep_back(&self, names: &[&'static str]) {
        self.shared.state().kept_back = names.iter().copied().map(HeaderName::from_static).collect();
    }

    /// The requests since the start or the last [`Proxy::clear`], in the order in which they came.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.state().exchanges.clone()
    }

    /// How many of them change something.
    pub fn writes(&self) -> usize {
        self.shared.state().exchanges.iter().filter(|exchange| exchange.is_write()).count()
    }

    /// How many of them change nothing.
    pub fn reads(&self) -> usize {
        self.shared.state().exchanges.iter().filter(|exchange| !exchange.is_write()).count()
    }

    /// The largest number of requests that were under way at once.
    pub fn peak(&self) -> usize {
        self.shared.state().peak
    }

    /// Forgets the requests so far. Those under way don't come into the log any more.
    pub fn clear(&self) {
        let mut state = self.shared.state();
        state.epoch += state.exchanges.len();
        state.exchanges.clear();
        state.peak = state.in_flight;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A hook that panics doesn't hold it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>, mut exchange: Exchange) -> UnderWay {
        let mut state = self.state();
        exchange.number = state.epoch + state.exchanges.len();
        state.exchanges.push(exchange.clone());
        state.in_flight += 1;
        state.peak = state.peak.max(state.in_flight);
        UnderWay { shared: self.clone(), exchange }
    }

    fn hook(&self) -> Option<Arc<Hook>> {
        self.state().hook.clone()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("exchanges", &self.state().exchanges.len()).finish_non_exhaustive()
    }
}

/// A request that is being handled; its end is recorded even where its connection goes away.
struct UnderWay {
    shared: Arc<Shared>,
    exchange: Exchange,
}

impl UnderWay {
    async fn decide(&self, moment: Moment) -> Action {
        let Some(hook) = self.shared.hook() else { return Action::Pass };
        match hook(&self.exchange, moment) {
            Action::Delay(time) => {
                tokio::time::sleep(time).await;
                Action::Pass
            }
            action => action,
        }
    }

    fn answered(&mut self, status: StatusCode) {
        self.exchange.status = Some(status.as_u16());
        self.record();
    }

    fn record(&self) {
        let mut state = self.shared.state();
        if let Some(index) = self.exchange.number.checked_sub(state.epoch)
            && let Some(entry) = state.exchanges.get_mut(index)
        {
            *entry = self.exchange.clone();
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.exchange.end = Some(self.shared.started.elapsed());
        self.record();
        self.shared.state().in_flight -= 1;
    }
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>, upstream: Arc<Upstream>) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let stream: TcpStream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // The client is gone already, or this process has no file descriptor left for a moment.
            Err(error) => {
                tracing::debug!(%error, "a connection to the proxy was lost");
                tokio::task::yield_now().await;
                continue;
            }
        };
        // Only speed hangs on it.
        drop(stream.set_nodelay(true));
        let (shared, upstream) = (shared.clone(), upstream.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| handle(request, shared.clone(), upstream.clone()));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .preserve_header_case(true)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(error = %health::chain(&error), "a connection to the proxy ended");
            }
        });
    }
}

async fn handle(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    upstream: Arc<Upstream>,
) -> std::result::Result<Response<Full<Bytes>>, Cut> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let mut under_way = shared.begin(Exchange::of(&parts, &body, shared.started.elapsed()));
    let delay = shared.state().delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match under_way.decide(Moment::Before).await {
        Action::Pass | Action::Delay(_) => {}
        Action::Answer(answer) => return answer_with(answer, &mut under_way),
        Action::Cut => return Err(Cut),
        Action::Late(time) => {
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                if let Ok(response) = upstream.send(parts.method, &parts.uri, parts.headers, body).await {
                    under_way.answered(response.status());
                }
            });
            return Err(Cut);
        }
    }
    let (added, kept_back) = {
        let state = shared.state();
        (state.added.clone(), state.kept_back.clone())
    };
    kept_back.iter().for_each(|name| drop(parts.headers.remove(name)));
    let forwarded = upstream.send(parts.method, &parts.uri, parts.headers, body).await;
    let response = match forwarded {
        Ok(mut response) => {
            response.headers_mut().extend(added);
            response
        }
        Err(reason) => return answer_with(Answer::new(StatusCode::BAD_GATEWAY, reason), &mut under_way),
    };
    under_way.answered(response.status());
    match under_way.decide(Moment::After).await {
        Action::Pass | Action::Delay(_) => Ok(response),
        Action::Answer(answer) => answer_with(answer, &mut under_way),
        Action::Cut | Action::Late(_) => Err(Cut),
    }
}

fn answer_with(answer: Answer, under_way: &mut UnderWay) -> std::result::Result<Response<Full<Bytes>>, Cut> {
    under_way.answered(answer.status);
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.headers);
    Ok(response)
}

/// Where requests go.
struct Upstream {
    base: Uri,
    client: UpstreamClient,
}

enum UpstreamClient {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Secure(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Upstream {
    fn new(text: &str) -> Result<Upstream> {
        let invalid = |reason: &str| Error::Proxy {
            action: format!("forward to `{text}`"),
            source: std::io::Error::new(std::io::ErrorKind::InvalidInput, reason.to_owned()),
        };
        let base: Uri = text.parse().map_err(|_| invalid("not a URL"))?;
        let client = match (base.scheme_str(), base.authority()) {
            (Some("http"), Some(_)) => UpstreamClient::Plain(health::client(health::http())),
            (Some("https"), Some(_)) => {
                UpstreamClient::Secure(health::client(health::https().map_err(|reason| invalid(&reason))?))
            }
            _ => return Err(invalid("not an http or https URL with a host")),
        };
        Ok(Upstream { base, client })
    }

    /// Forwards with the client's own `Host`, which its signature covers.
    async fn send(
        &self,
        method: Method,
        uri: &Uri,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> std::result::Result<Response<Full<Bytes>>, String> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let base = self.base.path().trim_end_matches('/');
        let target = Uri::builder()
            .scheme(self.base.scheme_str().unwrap_or("http"))
            .authority(self.base.authority().map_or("", |authority| authority.as_str()))
            .path_and_query(format!("{base}{path}"))
            .build()
            .map_err(|error| error.to_string())?;
        for name in OF_THE_CONNECTION {
            headers.remove(name);
        }
        let head = method == Method::HEAD;
        if body.is_empty() && matches!(method, Method::PUT | Method::POST) {
            // The client leaves it out for a body that is empty, and services such as Azure's blobs insist on it.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut request = Request::new(Full::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, target, headers);
        let answer = match &self.client {
            UpstreamClient::Plain(client) => client.request(request).await,
            UpstreamClient::Secure(client) => client.request(request).await,
        };
        let (mut parts, body) = answer.map_err(|error| health::chain(&error))?.into_parts();
        let body = body.collect().await.map_err(|error| health::chain(&error))?.to_bytes();
        for name in OF_THE_CONNECTION {
            // The answer to HEAD has the length of a body that isn't there.
            if !(head && name == CONTENT_LENGTH) {
                parts.headers.remove(name);
            }
        }
        Ok(Response::from_parts(parts, Full::new(body)))
    }
}
