//! `aws:apigatewayv2/integration:Integration`: what an API's routes lead to. Its id is generated and it carries no tags; among
//! the integrations of its API it is found again by what it leads to.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_apigatewayv2::Client as ApiGateway;
use aws_sdk_apigatewayv2::types::{
    ConnectionType, ContentHandlingStrategy, Integration as Listed, IntegrationType, PassthroughBehavior,
};
use resource_graph::ResourceTypeInfo;
use serde::{Deserialize, Serialize};

use super::api;
use super::api_child::{self, ApiChild, api_child, cleared};
use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::import_form::ImportForm;
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, required};
use crate::adapters::aws::frame::properties::{Default, Shape};
use crate::ports::ProviderError;

/// Milliseconds that an HTTP API waits where nothing is given
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
const LONGEST: i32 = 30_000;

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
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
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    integration_response_selection_expression: String,
}

/// Outputs from the answers of all operations on an integration, which are of one shape but of different types.
macro_rules! remote {
    ($inputs:expr, $answer:expr) => {{
        let answer = $answer;
        let id = required(answer.integration_id, "the integration's id")?;
        let text = |text: Option<String>| Some(text.unwrap_or_default());
        let inputs = Inputs {
            api_id: $inputs.api_id.clone(),
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
        Remote { id, outputs: Outputs { inputs, integration_response_selection_expression: expression } }
    }};
}

/// The inputs in a request to make or change an integration.
macro_rules! settings {
    ($request:expr, $inputs:expr) => {{
        let (request, inputs) = ($request, $inputs);
        request
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
            .set_request_parameters(inputs.request_parameters.as_ref().and_then(sent))
            .set_request_templates(inputs.request_templates.as_ref().and_then(sent))
            .set_template_selection_expression(inputs.template_selection_expression.clone())
            .set_timeout_in_millis(inputs.timeout_milliseconds)
    }};
}

/// A map as it is sent, where there is something in it.
fn sent(map: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!map.is_empty()).then(|| map.clone().into_iter().collect())
}

/// An update keeps what it doesn't name, so a key that is to go is sent with an empty value.
fn with_removals(
    old: &Option<BTreeMap<String, String>>,
    new: &Option<BTreeMap<String, String>>,
) -> Option<BTreeMap<String, String>> {
    let mut all: BTreeMap<_, _> = old.iter().flatten().map(|(key, _)| (key.clone(), String::new())).collect();
    all.extend(new.clone().into_iter().flatten());
    Some(all)
}

pub(in crate::adapters::aws) struct Integration;

impl ApiChild for Integration {
    type Inputs = Inputs;
    type Listed = Listed;

    const INFO: &'static ResourceTypeInfo = &api_child::info(
        "aws:apigatewayv2/integration:Integration",
        &["apiId", "integrationType", "integrationSubtype", "region"],
        &["id", "apiId", "integrationType", "region"],
    );
    const SHAPE: Shape = Shape {
        defaults: &[
            ("connectionType", Default::Text("INTERNET")),
            ("integrationMethod", Default::Chosen),
            ("passthroughBehavior", Default::Chosen),
            ("payloadFormatVersion", Default::Text("1.0")),
            ("timeoutMilliseconds", Default::Chosen),
        ],
        ..api_child::shape(
            &["apiId", "integrationType"],
            &["apiId", "integrationType", "integrationSubtype", "integrationUri", "payloadFormatVersion"],
        )
    };
    const ADOPTION: AdoptionForm = AdoptionForm {
        // An API mostly has one integration with functions, whichever alias of which it calls.
        recognising_inputs: &["apiId", "integrationType"],
        ..AdoptionForm::UNNAMED
    };

    fn title(inputs: &Inputs, id: Option<&str>) -> String {
        id.unwrap_or(&inputs.api_id).to_owned()
    }

    fn is_like(found: &Listed, wanted: &Inputs) -> bool {
        let same = |found: Option<&str>, wanted: &Option<String>, default: &str| {
            found.unwrap_or(default) == wanted.as_deref().unwrap_or(default)
        };
        found.integration_type().map(|kind| kind.as_str()) == Some(&wanted.integration_type)
            && same(found.integration_uri(), &wanted.integration_uri, "")
            && same(found.integration_subtype(), &wanted.integration_subtype, "")
            && same(found.payload_format_version(), &wanted.payload_format_version, "1.0")
    }

    fn change(old: &Inputs, new: &Inputs) -> Inputs {
        Inputs {
            credentials_arn: cleared(&old.credentials_arn, &new.credentials_arn),
            description: cleared(&old.description, &new.description),
            // Another one makes another integration.
            integration_subtype: None,
            payload_format_version: Some(new.payload_format_version.clone().unwrap_or_else(|| "1.0".to_owned())),
            request_parameters: with_removals(&old.request_parameters, &new.request_parameters),
            request_templates: with_removals(&old.request_templates, &new.request_templates),
            timeout_milliseconds: new.timeout_milliseconds.or_else(|| old.timeout_milliseconds.map(|_| LONGEST)),
            ..new.clone()
        }
    }
}

api_child!(
    Integration, "Integration", integration_id,
    create_integration get_integration update_integration delete_integration get_integrations
);
