//! `aws:apigatewayv2/authorizer:Authorizer`: who may send requests, told from a token (JWT) or by a function (REQUEST). Its id
//! is generated; its name finds it again within its API.

use async_trait::async_trait;
use aws_sdk_apigatewayv2::Client as ApiGateway;
use aws_sdk_apigatewayv2::types::{Authorizer as Listed, AuthorizerType, JwtConfiguration as Jwt};
use resource_graph::ResourceTypeInfo;
use serde::{Deserialize, Serialize};

use super::api;
use super::api_child::{self, ApiChild, api_child};
use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::import_form::ImportForm;
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, required};
use crate::adapters::aws::frame::properties::{Default, Shape, same_set};
use crate::ports::ProviderError;

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    api_id: String,
    authorizer_type: String,
    name: String,
    authorizer_credentials_arn: Option<String>,
    authorizer_payload_format_version: Option<String>,
    authorizer_result_ttl_in_seconds: Option<i32>,
    authorizer_uri: Option<String>,
    enable_simple_responses: Option<bool>,
    identity_sources: Option<Vec<String>>,
    jwt_configuration: Option<JwtConfiguration>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct JwtConfiguration {
    audiences: Option<Vec<String>>,
    issuer: Option<String>,
}

/// All outputs are inputs too.
type Outputs = Inputs;

/// Outputs from the answers of all operations on an authorizer, which are of one shape but of different types.
macro_rules! remote {
    ($inputs:expr, $answer:expr) => {{
        let answer = $answer;
        let text = |text: Option<String>| Some(text.unwrap_or_default());
        let outputs = Inputs {
            api_id: $inputs.api_id.clone(),
            authorizer_type: required(answer.authorizer_type, "the authorizer's type")?.as_str().to_owned(),
            name: required(answer.name, "the authorizer's name")?,
            authorizer_credentials_arn: text(answer.authorizer_credentials_arn),
            authorizer_payload_format_version: text(answer.authorizer_payload_format_version),
            authorizer_result_ttl_in_seconds: Some(answer.authorizer_result_ttl_in_seconds.unwrap_or(0)),
            authorizer_uri: text(answer.authorizer_uri),
            enable_simple_responses: Some(answer.enable_simple_responses.unwrap_or(false)),
            identity_sources: Some(answer.identity_source.unwrap_or_default()),
            jwt_configuration: answer.jwt_configuration.map(|jwt| JwtConfiguration {
                audiences: Some(jwt.audience.unwrap_or_default()),
                issuer: text(jwt.issuer),
            }),
        };
        Remote { id: required(answer.authorizer_id, "the authorizer's id")?, outputs }
    }};
}

fn jwt(inputs: &Inputs) -> Option<Jwt> {
    let jwt = inputs.jwt_configuration.clone()?;
    Some(Jwt::builder().set_audience(jwt.audiences).set_issuer(jwt.issuer).build())
}

/// The inputs in a request to make or change an authorizer.
macro_rules! settings {
    ($request:expr, $inputs:expr) => {{
        let (request, inputs) = ($request, $inputs);
        request
            .authorizer_type(AuthorizerType::from(inputs.authorizer_type.as_str()))
            .name(&inputs.name)
            .set_authorizer_credentials_arn(inputs.authorizer_credentials_arn.clone())
            .set_authorizer_payload_format_version(inputs.authorizer_payload_format_version.clone())
            .set_authorizer_result_ttl_in_seconds(inputs.authorizer_result_ttl_in_seconds)
            .set_authorizer_uri(inputs.authorizer_uri.clone())
            .set_enable_simple_responses(inputs.enable_simple_responses)
            .set_identity_source(inputs.identity_sources.clone())
            .set_jwt_configuration(jwt(inputs))
    }};
}

pub(in crate::adapters::aws) struct Authorizer;

impl ApiChild for Authorizer {
    type Inputs = Inputs;
    type Listed = Listed;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        equivalent: |input, old, new| matches!(input, "jwtConfiguration" | "identitySources") && same_set(old, new),
        ..api_child::info("aws:apigatewayv2/authorizer:Authorizer", &["apiId", "region"], &["id", "apiId", "region"])
    };
    const SHAPE: Shape = Shape {
        defaults: &[
            ("authorizerPayloadFormatVersion", Default::Chosen),
            ("authorizerResultTtlInSeconds", Default::Chosen),
        ],
        ..api_child::shape(&["apiId", "authorizerType", "name"], &["apiId", "name"])
    };
    const ADOPTION: AdoptionForm = AdoptionForm::named("name");

    fn title(inputs: &Inputs, _id: Option<&str>) -> String {
        format!("'{}' of the API {}", inputs.name, inputs.api_id)
    }

    fn is_like(found: &Listed, wanted: &Inputs) -> bool {
        found.name() == Some(&wanted.name)
    }

    fn change(_old: &Inputs, new: &Inputs) -> Inputs {
        new.clone()
    }
}

api_child!(
    Authorizer, "Authorizer", authorizer_id,
    create_authorizer get_authorizer update_authorizer delete_authorizer get_authorizers
);
