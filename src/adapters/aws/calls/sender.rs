//! Sends calls: a permit for each, failures classified, retries within budgets that hold nothing while they wait.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::hint::hint;
use super::{Absence, Action, Class, Failure, Patience};
use crate::adapters::aws::connection::origin::Origin;
use crate::ports::{CallGate, CallKind, CallPermit, LONGEST_CALL, ProviderError};

/// What to do where AWS doesn't get to know in time what was made.
const NOT_SPREAD: &str = "AWS doesn't show everywhere yet what was made or changed a moment ago, or somebody has deleted it: run the command again with --refresh=all";

/// Looks whether a change of which no answer came happened after all.
type Inquiry<'a, T> =
    &'a (dyn Fn() -> Pin<Box<dyn Future<Output = Result<Option<T>, ProviderError>> + Send + 'a>> + Sync);

/// Sends calls for one operation.
#[derive(Clone, Copy)]
pub(in super::super) struct Sender<'a> {
    /// Where calls wait for their permits.
    pub(in super::super) gate: &'a dyn CallGate,
    /// Where calls come from, for error messages.
    pub(in super::super) origin: &'a Origin,
    /// How patient to be.
    pub(in super::super) patience: Patience,
    /// What NotFound may mean besides what it says.
    pub(in super::super) absence: Option<&'a Absence<'a>>,
}

impl<'a> Sender<'a> {
    /// Makes a call, and makes it again while that may help.
    ///
    /// A change whose answer got lost is sent again: for idempotent changes. A create of something named then answers
    /// [`AlreadyExists`](crate::ports::ProviderErrorKind::AlreadyExists), which callers settle by looking for it.
    pub(in super::super) async fn send<T, E, F>(
        &self,
        action: Action,
        on: &str,
        request: impl Fn() -> F + Send + Sync,
    ) -> Result<T, ProviderError>
    where
        T: Send,
        E: ProvideErrorMetadata + Error + Send + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        self.run(action, on, &request, None, &[]).await
    }

    /// As [`Self::send`], but gives up at once on failures of the `handled` classes, which the caller deals with.
    pub(in super::super) async fn send_except<T, E, F>(
        &self,
        handled: &[Class],
        action: Action,
        on: &str,
        request: impl Fn() -> F + Send + Sync,
    ) -> Result<T, ProviderError>
    where
        T: Send,
        E: ProvideErrorMetadata + Error + Send + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        self.run(action, on, &request, None, handled).await
    }

    /// As [`Self::send`], for a create that would make a second thing when sent twice: once it is in doubt whether it
    /// happened, `inquire` looks for what it made before it is sent again.
    pub(in super::super) async fn send_once<T, E, F>(
        &self,
        action: Action,
        on: &str,
        request: impl Fn() -> F + Send + Sync,
        inquire: Inquiry<'_, T>,
    ) -> Result<T, ProviderError>
    where
        T: Send,
        E: ProvideErrorMetadata + Error + Send + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        self.run(action, on, &request, Some(inquire), &[]).await
    }

    async fn run<T, E, F>(
        &self,
        action: Action,
        on: &str,
        request: &(impl Fn() -> F + Send + Sync),
        inquire: Option<Inquiry<'_, T>>,
        handled: &[Class],
    ) -> Result<T, ProviderError>
    where
        T: Send,
        E: ProvideErrorMetadata + Error + Send + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        // Number of failures and time of the first, for each class.
        let mut failures: HashMap<Class, (u32, Duration)> = HashMap::new();
        let (mut tries, mut in_doubt) = (0_u32, false);
        loop {
            tries += 1;
            let permit = self.gate.acquire(action.quota, action.kind).await?;
            let sent = self.gate.now();
            let result = Box::pin(request()).await;
            drop(permit);
            let error = match result {
                Ok(answer) => {
                    if let Some(absence) = self.absence.filter(|_| action.kind == CallKind::Write) {
                        absence.has_changed();
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let failure = Failure::of(&error);
            tracing::debug!(action = action.name, on, class = ?failure.class, code = failure.code, tries, "call failed");
            if failure.class == Class::Throttled {
                self.gate.throttled(action.quota);
            }
            let new = failure.says_absent() && self.absence.is_some_and(|absence| absence.passes(in_doubt));
            let passing = new || action.passing.is_some() && action.passing == failure.code.as_deref();
            in_doubt |= failure.in_doubt;
            let class = if passing { Class::Propagating } else { failure.class };
            let now = self.gate.now();
            let (count, since) = failures.entry(class).or_insert((0, now));
            *count += 1;
            let elapsed = now.saturating_sub(*since);
            let backoff = self.patience.backoff(class).filter(|_| !handled.contains(&class));
            let Some(backoff) = backoff.filter(|backoff| elapsed < backoff.budget) else {
                let mut error = self.report(action, on, failure, tries, elapsed);
                if new && error.hint.is_none() {
                    error.hint = Some(NOT_SPREAD.to_owned());
                }
                return Err(error);
            };
            let wait = backoff.wait(*count, fastrand::f64()).max(failure.retry_after.unwrap_or_default());
            self.gate.sleep(wait).await?;
            if let Some(inquire) = inquire.filter(|_| failure.in_doubt) {
                // AWS may still be about to carry out what it gave no answer to.
                let until = if failure.code.is_none() { sent + LONGEST_CALL } else { now };
                if let Some(made) = self.look_until(until, inquire).await? {
                    return Ok(made);
                }
            }
        }
    }

    /// Looks what a call has made, again and again until that time.
    async fn look_until<T>(&self, until: Duration, inquire: Inquiry<'_, T>) -> Result<Option<T>, ProviderError> {
        let pauses = self.patience.backoff(Class::Propagating);
        for looks in 1.. {
            let made = inquire().await?;
            let pause = pauses.filter(|_| made.is_none() && self.gate.now() < until);
            let Some(pause) = pause else { return Ok(made) };
            self.gate.sleep(pause.wait(looks, 1.0)).await?;
        }
        Ok(None)
    }

    /// Puts into words what was tried on what, what AWS answered, and what to do.
    fn report(&self, action: Action, on: &str, failure: Failure, tries: u32, elapsed: Duration) -> ProviderError {
        let hint = hint(action, &failure, self.origin);
        let mut message = format!("{} of {on} failed", action.name);
        if tries > 1 {
            message += &format!(" after {tries} tries in {:.1} s", elapsed.as_secs_f64());
        }
        message += &format!(": {}", failure.message.trim());
        if failure.class == Class::Unavailable && failure.code.is_none() {
            message += &format!(" ({})", self.origin.target());
        }
        if let Some(id) = &failure.request_id {
            message += &format!(" [request id {id}]");
        }
        ProviderError { kind: failure.class.kind(), code: failure.code, message, hint, source: None }
    }
}

/// A gate that lets every call through at once: for calls outside of a deployment, such as the identity check.
#[derive(Debug)]
pub(in super::super) struct DirectGate {
    start: Instant,
}

impl DirectGate {
    /// A gate whose clock starts now.
    pub(in super::super) fn new() -> Self {
        Self { start: Instant::now() }
    }
}

struct DirectPermit;

impl CallPermit for DirectPermit {}

#[async_trait]
impl CallGate for DirectGate {
    async fn acquire(&self, _quota: &'static str, _kind: CallKind) -> Result<Box<dyn CallPermit>, ProviderError> {
        Ok(Box::new(DirectPermit))
    }

    fn throttled(&self, _quota: &'static str) {}

    async fn sleep(&self, duration: Duration) -> Result<(), ProviderError> {
        tokio::time::sleep(duration).await;
        Ok(())
    }

    fn stopping(&self) -> bool {
        false
    }

    fn waited(&self) -> Duration {
        Duration::ZERO
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}
