//! `aws:apigatewayv2/integration:Integration`: what an API's routes lead to. Its id is generated and it carries no tags; among
//! the integrations of its API it is found again by what it leads to.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_apigatewayv2::Client as ApiGateway;
use aws_sdk_apigatewayv2::operation::create_integration::CreateIntegrationOutput;
use aws_sdk_apigatewayv2::types::{ConnectionType, ContentHandlingStrategy, IntegrationType, PassthroughBehavior};
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo, resource_type::never_equivalent};
use serde::{Deserialize, Serialize};

use super::super::calls::Action;
use super::super::import_form::ImportForm;
use super::super::managed::{AwsResource, Call, Remote, Takeover, required};
use super::super::properties::{Default, Shape};
use super::super::quota::API_GATEWAY;
use super::api;
use crate::ports::ProviderError;

const CREATE: Action = Action::write("apigateway:CreateIntegration", API_GATEWAY).needs("apigateway:POST");
const GET: Action = Action::read("apigateway:GetIntegration", API_GATEWAY).needs("apigateway:GET");
const LIST: Action = Action::read("apigateway:GetIntegrations", API_GATEWAY).needs("apigateway:GET");
const UPDATE: Action = Action::write("apigateway:UpdateIntegration", API_GATEWAY).needs("apigateway:PATCH");
const DELETE: Action = Action::write("apigateway:DeleteIntegration", API_GATEWAY).needs("apigateway:DELETE");

/// Milliseconds that an HTTP API waits where nothing is given
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
const LONGEST: i32 = 30_000;

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Inputs {
    api_id: String,
    integration_type: String,
    connection_id: Option<String>,
    connection_type: Option<String>,
    content_handling_strategy: Option<String>,
    credentials_arn: Option<String>,
    description: Option<String>,
    integration_method: Option<String>,
    integration_subtype: Option<String>,
    integration_uri: Option<String>,
    passthrough_behavior: Option<String>,
    payload_format_version: Option<String>,
    request_parameters: Option<BTreeMap<String, String>>,
    request_templates: Option<BTreeMap<String, String>>,
    template_selection_expression: Option<String>,
    timeout_milliseconds: Option<i32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    integration_response_selection_expression: String,
}

/// Outputs from the answers of all operations on an integration, which are of one shape but of different types.
macro_rules! remote {
    ($api_id:expr, $answer:expr) => {{
        let answer = $answer;
        let id = required(answer.integration_id, "the integration's id")?;
        let text = |text: Option<String>| Some(text.unwrap_or_default());
        let inputs = Inputs {
            api_id: $api_id.clone(),
            integration_type: required(answer.integration_type, "the integration's type")?.as_str().to_owned(),
            connection_id: text(answer.connection_id),
            connection_type: Some(
                answer
                    .connection_type
                    .map_or("INTERNET", |kind| if kind == ConnectionType::VpcLink { "VPC_LINK" } else { "INTERNET" })
                    .to_owned(),
            ),
            content_handling_strategy: text(
                answer.content_handling_strategy.map(|strategy| strategy.as_str().to_owned()),
            ),
            credentials_arn: text(answer.credentials_arn),
            description: text(answer.description),
            integration_method: text(answer.integration_method),
            integration_subtype: text(answer.integration_subtype),
            integration_uri: text(answer.integration_uri),
            passthrough_behavior: text(answer.passthrough_behavior.map(|behavior| behavior.as_str().to_owned())),
            payload_format_version: Some(answer.payload_format_version.unwrap_or_else(|| "1.0".to_owned())),
            request_parameters: Some(answer.request_parameters.unwrap_or_default().into_iter().collect()),
            request_templates: Some(answer.request_templates.unwrap_or_default().into_iter().collect()),
            template_selection_expression: text(answer.template_selection_expression),
            timeout_milliseconds: Some(answer.timeout_in_millis.unwrap_or(LONGEST)),
        };
        let expression = answer.integration_response_selection_expression.unwrap_or_default();
        Ok::<_, ProviderError>(Remote {
            id,
            outputs: Outputs { inputs, integration_response_selection_expression: expression },
        })
    }};
}

/// An integration as `CreateIntegration` and `GetIntegrations` both tell it.
fn of_listed(found: aws_sdk_apigatewayv2::types::Integration) -> CreateIntegrationOutput {
    CreateIntegrationOutput::builder()
        .set_connection_id(found.connection_id)
        .set_connection_type(found.connection_type)
        .set_content_handling_strategy(found.content_handling_strategy)
        .set_credentials_arn(found.credentials_arn)
        .set_description(found.description)
        .set_integration_id(found.integration_id)
        .set_integration_method(found.integration_method)
        .set_integration_response_selection_expression(found.integration_response_selection_expression)
        .set_integration_subtype(found.integration_subtype)
        .set_integration_type(found.integration_type)
        .set_integration_uri(found.integration_uri)
        .set_passthrough_behavior(found.passthrough_behavior)
        .set_payload_format_version(found.payload_format_version)
        .set_request_parameters(found.request_parameters)
        .set_request_templates(found.request_templates)
        .set_template_selection_expression(found.template_selection_expression)
        .set_timeout_in_millis(found.timeout_in_millis)
        .build()
}

/// The integration of the API that leads to the same place.
async fn like(call: &Call<'_>, wanted: &Inputs) -> Result<Option<CreateIntegrationOutput>, ProviderError> {
    let mut token = None;
    loop {
        let request = call
            .client::<ApiGateway>()
            .get_integrations()
            .api_id(&wanted.api_id)
            .max_results("500")
            .set_next_token(token);
        let answer = call.send(LIST, &wanted.api_id, || request.clone().send()).await?;
        let same = |found: &aws_sdk_apigatewayv2::types::Integration| {
            let key = |text: Option<&str>| text.unwrap_or_default().to_owned();
            found.integration_type().map(|kind| kind.as_str()) == Some(&wanted.integration_type)
                && key(found.integration_uri()) == key(wanted.integration_uri.as_deref())
                && key(found.integration_subtype()) == key(wanted.integration_subtype.as_deref())
                && found.payload_format_version().unwrap_or("1.0")
                    == wanted.payload_format_version.as_deref().unwrap_or("1.0")
        };
        if let Some(found) = answer.items.unwrap_or_default().into_iter().find(same) {
            return Ok(Some(of_listed(found)));
        }
        match answer.next_token.filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next),
            None => return Ok(None),
        }
    }
}

/// An update keeps what it doesn't name, so a key that is to go is sent with an empty value.
fn with_removals(
    old: Option<&BTreeMap<String, String>>,
    new: Option<&BTreeMap<String, String>>,
) -> Option<std::collections::HashMap<String, String>> {
    let mut all: std::collections::HashMap<_, _> =
        old.into_iter().flatten().map(|(key, _)| (key.clone(), String::new())).collect();
    all.extend(new.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    (!all.is_empty()).then_some(all)
}

pub(in super::super) struct Integration;

#[async_trait]
impl AwsResource for Integration {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:apigatewayv2/integration:Integration",
        replace_on: &["apiId", "integrationType", "integrationSubtype", "region"],
        stable_outputs: &["id", "apiId", "integrationType", "region"],
        delete_before_replace: false,
        conflict_input: Some("apiId"),
        conflict_scope: "apigatewayv2:api",
        id_within: &["apiId"],
        create: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 300),
        update: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 300),
        delete: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 300),
        read: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 150),
        equivalent: never_equivalent,
    };
    const SHAPE: Shape = Shape {
        required: &["apiId", "integrationType"],
        identity: &["apiId", "integrationType", "integrationSubtype", "integrationUri", "payloadFormatVersion"],
        generated_id: true,
        files: &[],
        directives: &[("region", Default::Chosen)],
        defaults: &[
            ("connectionType", Default::Text("INTERNET")),
            ("integrationMethod", Default::Chosen),
            ("passthroughBehavior", Default::Chosen),
            ("payloadFormatVersion", Default::Text("1.0")),
            ("timeoutMilliseconds", Default::Chosen),
        ],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Within("apiId");
    const TAKEOVER: Takeover = Takeover {
        // An API mostly has one integration with functions, whichever alias of which it calls.
        recognising_inputs: &["apiId", "integrationType"],
        ..Takeover::UNNAMED
    };

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let request = call
            .client::<ApiGateway>()
            .create_integration()
            .api_id(&inputs.api_id)
            .integration_type(IntegrationType::from(inputs.integration_type.as_str()))
            .set_connection_id(inputs.connection_id.clone())
            .set_connection_type(inputs.connection_type.as_deref().map(ConnectionType::from))
            .set_content_handling_strategy(
                inputs.content_handling_strategy.as_deref().map(ContentHandlingStrategy::from),
            )
            .set_credentials_arn(inputs.credentials_arn.clone())
            .set_description(inputs.description.clone())
            .set_integration_method(inputs.integration_method.clone())
            .set_integration_subtype(inputs.integration_subtype.clone())
            .set_integration_uri(inputs.integration_uri.clone())
            .set_passthrough_behavior(inputs.passthrough_behavior.as_deref().map(PassthroughBehavior::from))
            .set_payload_format_version(inputs.payload_format_version.clone())
            .set_request_parameters(with_removals(None, inputs.request_parameters.as_ref()))
            .set_request_templates(with_removals(None, inputs.request_templates.as_ref()))
            .set_template_selection_expression(inputs.template_selection_expression.clone())
            .set_timeout_in_millis(inputs.timeout_milliseconds);
        let inquire = || Box::pin(like(call, inputs)) as _;
        let answer = call.send_once(CREATE, &inputs.api_id, || request.clone().send(), &inquire).await?;
        remote!(inputs.api_id, answer)
    }

    async fn read(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<Outputs, ProviderError> {
        let request = call.client::<ApiGateway>().get_integration().api_id(&inputs.api_id).integration_id(id);
        let answer = call.send(GET, id, || request.clone().send()).await?;
        let remote: Remote<Outputs> = remote!(inputs.api_id, answer)?;
        Ok(remote.outputs)
    }

    async fn update(call: &Call<'_>, id: &str, old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        let request = call
            .client::<ApiGateway>()
            .update_integration()
            .api_id(&new.api_id)
            .integration_id(id)
            .integration_type(IntegrationType::from(new.integration_type.as_str()))
            .set_connection_id(new.connection_id.clone())
            .set_connection_type(new.connection_type.as_deref().map(ConnectionType::from))
            .set_content_handling_strategy(new.content_handling_strategy.as_deref().map(ContentHandlingStrategy::from))
            .set_credentials_arn(
                new.credentials_arn.clone().or_else(|| old.credentials_arn.as_ref().map(|_| String::new())),
            )
            .set_description(new.description.clone().or_else(|| old.description.as_ref().map(|_| String::new())))
            .set_integration_method(new.integration_method.clone())
            .set_integration_uri(new.integration_uri.clone())
            .set_passthrough_behavior(new.passthrough_behavior.as_deref().map(PassthroughBehavior::from))
            .payload_format_version(new.payload_format_version.as_deref().unwrap_or("1.0"))
            .set_request_parameters(with_removals(old.request_parameters.as_ref(), new.request_parameters.as_ref()))
            .set_request_templates(with_removals(old.request_templates.as_ref(), new.request_templates.as_ref()))
            .set_template_selection_expression(new.template_selection_expression.clone())
            .set_timeout_in_millis(new.timeout_milliseconds.or_else(|| old.timeout_milliseconds.map(|_| LONGEST)));
        let answer = call.send(UPDATE, id, || request.clone().send()).await?;
        let remote: Remote<Outputs> = remote!(new.api_id, answer)?;
        Ok(remote.outputs)
    }

    async fn delete(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<(), ProviderError> {
        let request = call.client::<ApiGateway>().delete_integration().api_id(&inputs.api_id).integration_id(id);
        call.send(DELETE, id, || request.clone().send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(bool, Remote<Outputs>)>, ProviderError> {
        match like(call, inputs).await? {
            Some(found) => Ok(Some((api::is_ours(call, &inputs.api_id).await?, remote!(inputs.api_id, found)?))),
            None => Ok(None),
        }
    }
}
