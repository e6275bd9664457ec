//! Invoking a component's function, to see whether it works.

use std::time::Duration;

use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::primitives::Blob;
use resource_graph::PropertyMap;

use crate::adapters::aws::calls::{Action, DirectGate, Patience, Sender};
use crate::adapters::aws::connection::connection::Connection;
use crate::adapters::aws::quota::LAMBDA_CONTROL;
use crate::ports::{Invoked, ProviderError, ProviderErrorKind};

/// A write: an invocation isn't made again by itself, since nobody knows what it did.
const INVOKE: Action = Action::write("lambda:InvokeFunction", LAMBDA_CONTROL);
/// The most that is shown of an error.
const SHOWN: usize = 2_000;

/// Invokes the function that the component's outputs name, through its alias where it has one, and waits for its end
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>: an error of the function's own comes with status 200 and
/// `X-Amz-Function-Error`).
pub(in crate::adapters::aws) async fn invoke(
    connection: &Connection,
    outputs: &PropertyMap,
    event: &str,
    timeout: Duration,
) -> Result<Invoked, ProviderError> {
    let function = outputs.string("aliasArn").or_else(|| outputs.string("functionName")).ok_or_else(|| {
        ProviderError::new(ProviderErrorKind::Internal, "the component shows no function that could be invoked")
    })?;
    let gate = DirectGate::new();
    let sender = Sender { gate: &gate, origin: &connection.origin, patience: Patience::Once, absence: None };
    let timeouts = connection.answer_timeouts(timeout);
    let request = connection.client::<Lambda>().invoke().function_name(function).payload(Blob::new(event));
    let send = || {
        let config = Builder::new().timeout_config(timeouts.clone());
        request.clone().customize().config_override(config).send()
    };
    let answer = sender.send(INVOKE, function, send).await?;
    let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
    Ok(match answer.function_error {
        None => Invoked::Well(String::from_utf8_lossy(&payload).into_owned()),
        Some(kind) => {
            let text: String = String::from_utf8_lossy(&payload).chars().take(SHOWN).collect();
            Invoked::Failed(format!("{kind} error: {text}"))
        }
    })
}
