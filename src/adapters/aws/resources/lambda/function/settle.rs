//! Waits for Lambda's own states, and changes that meet them. A function is `Pending` after it was made and `InProgress` after each change; some
//! operations don't accept it then. Nothing sleeps for a fixed time: `GetFunction`, which has a quota of 100/s, is asked
//! densely at first, then more rarely.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{FunctionConfiguration, LastUpdateStatus, State};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::adapters::aws::calls::{Action, Backoff, Class};
use crate::adapters::aws::frame::managed::{Call, required};
use crate::adapters::aws::quota::LAMBDA_GET_FUNCTION;
use crate::ports::{ProviderError, ProviderErrorKind};

const GET: Action = Action::read("lambda:GetFunction", LAMBDA_GET_FUNCTION);

/// A function is ready in 1–5 s, in a VPC within minutes.
const POLL: Backoff = Backoff {
    first: Duration::from_millis(100),
    growth_tenths: 14,
    longest: Duration::from_secs(2),
    budget: Duration::from_secs(600),
    jitter: false,
};

/// Reads a function with its tags and concurrency.
pub(in crate::adapters::aws) async fn get(call: &Call<'_>, name: &str) -> Result<GetFunctionOutput, ProviderError> {
    get_qualified(call, name, None).await
}

async fn get_qualified(call: &Call<'_>, name: &str, version: Option<&str>) -> Result<GetFunctionOutput, ProviderError> {
    let request = call.client::<Lambda>().get_function().function_name(name).set_qualifier(version.map(str::to_owned));
    call.send(GET, name, || request.clone().send()).await
}

/// What a function's states allow.
#[derive(Debug, PartialEq, Eq)]
enum Readiness {
    Ready,
    Waiting,
    Failed(String),
}

fn readiness(function: &FunctionConfiguration) -> Readiness {
    let reason = |reason: Option<&str>| reason.unwrap_or("Lambda gives no reason").to_owned();
    match (function.state(), function.last_update_status()) {
        (Some(State::Pending), _) | (_, Some(LastUpdateStatus::InProgress)) => Readiness::Waiting,
        (Some(State::Failed), _) => Readiness::Failed(reason(function.state_reason())),
        (_, Some(LastUpdateStatus::Failed)) => Readiness::Failed(reason(function.last_update_status_reason())),
        // An idle function wakes up with the next call or change.
        _ => Readiness::Ready,
    }
}

/// What a published version's state allows: nothing changes it any more.
fn version_readiness(version: &FunctionConfiguration) -> Readiness {
    match version.state() {
        Some(State::Pending) => Readiness::Waiting,
        Some(State::Failed) => Readiness::Failed(version.state_reason().unwrap_or("Lambda gives no reason").to_owned()),
        _ => Readiness::Ready,
    }
}

/// Waits until the function takes the next change.
///
/// # Errors
/// When Lambda couldn't set it up (with Lambda's reason), or it takes longer than it may.
pub(in crate::adapters::aws) async fn settled(
    call: &Call<'_>,
    name: &str,
) -> Result<FunctionConfiguration, ProviderError> {
    poll(call, name, None, readiness).await
}

/// Waits until a version that was just published can be called, lest an alias leads to one that can't. Mostly it can at
/// once.
///
/// # Errors
/// As [`settled`].
pub(in crate::adapters::aws) async fn version_settled(
    call: &Call<'_>,
    name: &str,
    version: &str,
) -> Result<(), ProviderError> {
    poll(call, name, Some(version), version_readiness).await.map(drop)
}

async fn poll(
    call: &Call<'_>,
    name: &str,
    version: Option<&str>,
    readiness: fn(&FunctionConfiguration) -> Readiness,
) -> Result<FunctionConfiguration, ProviderError> {
    let what = || match version {
        Some(version) => format!("version {version} of the function {name}"),
        None => format!("the function {name}"),
    };
    let start = call.gate.now();
    for polls in 1.. {
        let answer = get_qualified(call, name, version).await?;
        let function = required(answer.configuration, "the function's configuration")?;
        match readiness(&function) {
            Readiness::Ready => return Ok(function),
            Readiness::Failed(reason) => {
                let message = format!("Lambda couldn't set up {}: {reason}", what());
                return Err(call.error(ProviderErrorKind::Refused, message));
            }
            Readiness::Waiting if call.gate.now().saturating_sub(start) > POLL.budget => break,
            Readiness::Waiting => call.gate.sleep(POLL.wait(polls, 1.0)).await?,
        }
    }
    let message = format!("{} wasn't ready after {} s", what(), POLL.budget.as_secs());
    Err(call.error(ProviderErrorKind::Timeout, message).with_hint("run the command again: it goes on from here"))
}

/// Waits where the answer to the last change says that the function isn't ready for the next one.
pub(in crate::adapters::aws) async fn before_change(
    call: &Call<'_>,
    name: &str,
    last: &FunctionConfiguration,
) -> Result<(), ProviderError> {
    match readiness(last) {
        Readiness::Ready => Ok(()),
        _ => settled(call, name).await.map(drop),
    }
}

/// Sends a change that a busy function refuses: then waits until it isn't, and sends it again. The retries of the frame
/// would send the whole package each time.
///
/// # Errors
/// As [`settled`], and when the function goes on refusing it though it looks ready: something else keeps changing it.
pub(in crate::adapters::aws) async fn change<T, E, F>(
    call: &Call<'_>,
    action: Action,
    name: &str,
    request: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    E: ProvideErrorMetadata + Error + Send + 'static,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
{
    // Since the first refusal, but for the time in which the function was seen to be busy: that has a budget of its own.
    let (mut since, mut busy, mut refusals) = (None, Duration::ZERO, 0);
    loop {
        let error = match call.send_except(&[Class::Conflict], action, name, &request).await {
            Err(error) if error.kind == ProviderErrorKind::Conflict => error,
            result => return result,
        };
        refusals += 1;
        let now = call.gate.now();
        let elapsed = now.saturating_sub(*since.get_or_insert(now)).saturating_sub(busy);
        let backoff = call.patience.backoff(Class::Conflict).filter(|backoff| elapsed < backoff.budget);
        let Some(backoff) = backoff.filter(|_| !call.gate.stopping()) else { return Err(error) };
        settled(call, name).await?;
        busy += call.gate.now().saturating_sub(now);
        call.gate.sleep(backoff.wait(refusals, fastrand::f64())).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(state: Option<State>, update: Option<LastUpdateStatus>) -> FunctionConfiguration {
        FunctionConfiguration::builder().set_state(state).set_last_update_status(update).state_reason("no role").build()
    }

    #[test]
    fn only_a_function_that_is_set_up_takes_changes() {
        assert_eq!(readiness(&function(None, None)), Readiness::Ready);
        assert_eq!(readiness(&function(Some(State::Active), Some(LastUpdateStatus::Successful))), Readiness::Ready);
        assert_eq!(readiness(&function(Some(State::Inactive), None)), Readiness::Ready);
        assert_eq!(readiness(&function(Some(State::Pending), None)), Readiness::Waiting);
        assert_eq!(readiness(&function(Some(State::Active), Some(LastUpdateStatus::InProgress))), Readiness::Waiting);
        assert_eq!(readiness(&function(Some(State::Failed), None)), Readiness::Failed("no role".into()));
    }

    #[test]
    fn a_version_is_ready_whatever_its_function_was_doing_when_it_was_published() {
        let busy = Some(LastUpdateStatus::InProgress);
        assert_eq!(version_readiness(&function(Some(State::Active), busy.clone())), Readiness::Ready);
        assert_eq!(version_readiness(&function(Some(State::Pending), busy)), Readiness::Waiting);
        assert_eq!(version_readiness(&function(Some(State::Failed), None)), Readiness::Failed("no role".into()));
    }
}
