//! Waits for Lambda's own states. A function is `Pending` after it was made and `InProgress` after each change; some
//! operations don't accept it then. Nothing sleeps for a fixed time: `GetFunction`, which has a quota of 100/s, is asked
//! densely at first, then more rarely.

use std::time::Duration;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{FunctionConfiguration, LastUpdateStatus, State};

use super::super::super::calls::{Action, Backoff};
use super::super::super::managed::{Call, required};
use super::super::super::quota::LAMBDA_GET_FUNCTION;
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
pub(super) async fn get(call: &Call<'_>, name: &str) -> Result<GetFunctionOutput, ProviderError> {
    call.send(GET, name, || call.connection.lambda().get_function().function_name(name).send()).await
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

/// Waits until the function takes the next change.
///
/// # Errors
/// When Lambda couldn't set it up (with Lambda's reason), or it takes longer than it may.
pub(super) async fn settled(call: &Call<'_>, name: &str) -> Result<FunctionConfiguration, ProviderError> {
    let start = call.gate.now();
    for polls in 1.. {
        let function = required(get(call, name).await?.configuration, "the function's configuration")?;
        match readiness(&function) {
            Readiness::Ready => return Ok(function),
            Readiness::Failed(reason) => {
                let message = format!("Lambda couldn't set up the function {name}: {reason}");
                return Err(call.error(ProviderErrorKind::Refused, message));
            }
            Readiness::Waiting if call.gate.now().saturating_sub(start) > POLL.budget => break,
            Readiness::Waiting => call.gate.sleep(POLL.wait(polls, 1.0)).await?,
        }
    }
    let message = format!("the function {name} wasn't ready after {} s", POLL.budget.as_secs());
    Err(call.error(ProviderErrorKind::Timeout, message).with_hint("run the command again: it goes on from here"))
}

/// Waits where the answer to the last change says that the function isn't ready for the next one.
pub(super) async fn before_change(
    call: &Call<'_>,
    name: &str,
    last: &FunctionConfiguration,
) -> Result<(), ProviderError> {
    match readiness(last) {
        Readiness::Ready => Ok(()),
        _ => settled(call, name).await.map(drop),
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
}
