//! `aws:lambda/functionUrl:FunctionUrl`: an address of its own for a function or one of its aliases. Its id is the function's
//! name, or `function/alias`. It has no tags: its function says whose it is.
//!
//! Who may send requests to it stands in the function's policy: see [`super::permission`].

use async_trait::async_trait;
use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::types::{Cors as SdkCors, FunctionUrlAuthType, InvokeMode};
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo, Value};
use serde::{Deserialize, Serialize};

use super::function;
use super::function_reference::same_function;
use crate::adapters::aws::calls::Action;
use crate::adapters::aws::connection::connection::Connection;
use crate::adapters::aws::frame::cors::Cors;
use crate::adapters::aws::frame::import_form::ImportForm;
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote};
use crate::adapters::aws::frame::properties::{Default, Shape, same_set};
use crate::adapters::aws::frame::tags;
use crate::adapters::aws::quota::LAMBDA_CONTROL;
use crate::ports::{ProviderError, ProviderErrorKind, Whose};

const CREATE: Action = Action::write("lambda:CreateFunctionUrlConfig", LAMBDA_CONTROL);
const GET: Action = Action::read("lambda:GetFunctionUrlConfig", LAMBDA_CONTROL);
const UPDATE: Action = Action::write("lambda:UpdateFunctionUrlConfig", LAMBDA_CONTROL);
const DELETE: Action = Action::write("lambda:DeleteFunctionUrlConfig", LAMBDA_CONTROL);

/// What AWS takes where no mode is given
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html>).
const BUFFERED: &str = "BUFFERED";

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    /// `NONE` or `AWS_IAM`.
    authorization_type: String,
    function_name: String,
    cors: Option<Cors>,
    /// `BUFFERED` or `RESPONSE_STREAM`.
    invoke_mode: Option<String>,
    /// An alias; a version can't have a URL.
    qualifier: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    function_arn: String,
    function_url: String,
    url_id: String,
}

/// `None` where nothing is set, as after an update that took everything away.
fn cors_of(found: SdkCors) -> Option<Cors> {
    let is_set = found != SdkCors::builder().build();
    is_set.then(|| found.into())
}

/// What a URL belongs to.
#[derive(Clone, Copy)]
struct Key<'a> {
    function: &'a str,
    alias: Option<&'a str>,
}

impl<'a> Key<'a> {
    fn of(inputs: &'a Inputs) -> Self {
        Self { function: &inputs.function_name, alias: inputs.qualifier.as_deref().filter(|text| !text.is_empty()) }
    }

    fn of_id(id: &'a str) -> Result<Self, ProviderError> {
        match id.split_once('/') {
            None => Ok(Self { function: id, alias: None }),
            Some((function, alias)) if !function.is_empty() && !alias.is_empty() && !alias.contains('/') => {
                Ok(Self { function, alias: Some(alias) })
            }
            Some(_) => {
                let message = format!("'{id}' isn't the id of a function's URL: that is function or function/alias");
                Err(ProviderError::new(ProviderErrorKind::Refused, message))
            }
        }
    }

    fn id(self) -> String {
        match self.alias {
            Some(alias) => format!("{}/{alias}", self.function),
            None => self.function.to_owned(),
        }
    }

    fn qualifier(self) -> Option<String> {
        self.alias.map(str::to_owned)
    }
}

/// The address at which any client reaches the function.
///
/// MiniStack reports AWS's own, `https://<id>.lambda-url.<region>.on.aws/`, which leads to AWS; the same function answers on the
/// endpoint itself.
fn address(connection: &Connection, id: &str, reported: String) -> String {
    match &connection.origin.endpoint {
        Some(endpoint) if reported.contains(".lambda-url.") && reported.ends_with(".on.aws/") => {
            format!("{}/_aws/lambda-url/{id}/", endpoint.trim_end_matches('/'))
        }
        _ => reported,
    }
}

/// A URL from the answers of all operations on it, which are of one shape but of different types.
macro_rules! remote {
    ($call:expr, $key:expr, $answer:expr) => {{
        let (key, answer): (Key<'_>, _) = ($key, $answer);
        let host = answer.function_url.split_once("://").map_or(answer.function_url.as_str(), |(_, rest)| rest);
        let url_id = host.split('.').next().unwrap_or_default().to_owned();
        let inputs = Inputs {
            authorization_type: answer.auth_type.as_str().to_owned(),
            function_name: key.function.to_owned(),
            cors: answer.cors.and_then(cors_of),
            invoke_mode: Some(answer.invoke_mode.as_ref().map_or(BUFFERED, InvokeMode::as_str).to_owned()),
            qualifier: Some(key.qualifier().unwrap_or_default()),
        };
        let function_url = address($call.connection, &url_id, answer.function_url);
        let function_arn = answer.function_arn;
        Remote { id: key.id(), outputs: Outputs { inputs, function_arn, function_url, url_id } }
    }};
}

async fn get(call: &Call<'_>, key: Key<'_>) -> Result<Remote<Outputs>, ProviderError> {
    let lambda = call.client::<Lambda>();
    let request = lambda.get_function_url_config().function_name(key.function).set_qualifier(key.qualifier());
    Ok(remote!(call, key, call.send(GET, &key.id(), || request.clone().send()).await?))
}

pub(in crate::adapters::aws) struct FunctionUrl;

#[async_trait]
impl AwsResource for FunctionUrl {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:lambda/functionUrl:FunctionUrl",
        replace_on: &["functionName", "qualifier", "region"],
        stable_outputs: &["id", "functionArn", "functionName", "functionUrl", "qualifier", "region", "urlId"],
        delete_before_replace: true,
        conflict_input: Some("functionName"),
        conflict_scope: "lambda:function",
        id_within: &[],
        create: OperationCost::new(&[CallCost { quota: LAMBDA_CONTROL, calls: 1 }], 250),
        update: OperationCost::new(&[CallCost { quota: LAMBDA_CONTROL, calls: 1 }], 250),
        delete: OperationCost::new(&[CallCost { quota: LAMBDA_CONTROL, calls: 1 }], 200),
        read: OperationCost::new(&[CallCost { quota: LAMBDA_CONTROL, calls: 1 }], 120),
        equivalent: |input, old: &Value, new: &Value| match input {
            "functionName" => same_function(old, new),
            "cors" => same_set(old, new),
            _ => false,
        },
    };
    const SHAPE: Shape = Shape {
        required: &["authorizationType", "functionName"],
        identity: &["functionName", "qualifier"],
        generated_id: false,
        files: &[],
        directives: &[("region", Default::Chosen)],
        defaults: &[("invokeMode", Default::Text(BUFFERED))],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Own;
    const ADOPTION: AdoptionForm = AdoptionForm::UNNAMED;

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let key = Key::of(inputs);
        let request = call
            .client::<Lambda>()
            .create_function_url_config()
            .function_name(key.function)
            .set_qualifier(key.qualifier())
            .auth_type(FunctionUrlAuthType::from(inputs.authorization_type.as_str()))
            .set_cors(inputs.cors.clone().map(SdkCors::from))
            .set_invoke_mode(inputs.invoke_mode.as_deref().map(InvokeMode::from));
        Ok(remote!(call, key, call.send(CREATE, &key.id(), || request.clone().send()).await?))
    }

    async fn read(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<Outputs, ProviderError> {
        Ok(get(call, Key::of_id(id)?).await?.outputs)
    }

    /// What is left out of an update stays as it is, and an empty CORS policy takes away the one that is there
    /// (<https://github.com/go-to-k/cdkd/pull/1261>, tried on AWS).
    async fn update(call: &Call<'_>, id: &str, _old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        let key = Key::of_id(id)?;
        let request = call
            .client::<Lambda>()
            .update_function_url_config()
            .function_name(key.function)
            .set_qualifier(key.qualifier())
            .auth_type(FunctionUrlAuthType::from(new.authorization_type.as_str()))
            .cors(new.cors.clone().unwrap_or_default().into())
            .invoke_mode(InvokeMode::from(new.invoke_mode.as_deref().unwrap_or(BUFFERED)));
        Ok(remote!(call, key, call.send(UPDATE, id, || request.clone().send()).await?).outputs)
    }

    async fn delete(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<(), ProviderError> {
        let (key, lambda) = (Key::of_id(id)?, call.client::<Lambda>());
        let request = lambda.delete_function_url_config().function_name(key.function).set_qualifier(key.qualifier());
        call.send(DELETE, id, || request.clone().send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
        let found = get(call, Key::of(inputs)).await?;
        let whose = tags::whose_stack(&function::tags_of(call, &inputs.function_name).await?, call.context);
        Ok(Some((whose, found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_the_function_and_maybe_an_alias() {
        for (id, function, alias) in [("api", "api", None), ("api/live", "api", Some("live"))] {
            let key = Key::of_id(id).unwrap();
            assert_eq!((key.function, key.alias, key.id()), (function, alias, id.to_owned()));
        }
        for wrong in ["/live", "api/", "api/live/"] {
            assert!(Key::of_id(wrong).is_err(), "{wrong}");
        }
    }
}
