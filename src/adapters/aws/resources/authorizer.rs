//! `aws:apigatewayv2/authorizer:Authorizer`: who may send requests, told from a token (JWT) or by a function (REQUEST). Its id
//! is generated; its name finds it again within its API.

use async_trait::async_trait;
use aws_sdk_apigatewayv2::Client as ApiGateway;
use aws_sdk_apigatewayv2::operation::create_authorizer::CreateAuthorizerOutput;
use aws_sdk_apigatewayv2::types::{AuthorizerType, JwtConfiguration as Jwt};
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo};
use serde::{Deserialize, Serialize};

use super::super::calls::Action;
use super::super::import_form::ImportForm;
use super::super::managed::{AwsResource, Call, Remote, Takeover, required};
use super::super::properties::{Default, Shape, same_set};
use super::super::quota::API_GATEWAY;
use super::api;
use crate::ports::ProviderError;

const CREATE: Action = Action::write("apigateway:CreateAuthorizer", API_GATEWAY).needs("apigateway:POST");
const GET: Action = Action::read("apigateway:GetAuthorizer", API_GATEWAY).needs("apigateway:GET");
const LIST: Action = Action::read("apigateway:GetAuthorizers", API_GATEWAY).needs("apigateway:GET");
const UPDATE: Action = Action::write("apigateway:UpdateAuthorizer", API_GATEWAY).needs("apigateway:PATCH");
const DELETE: Action = Action::write("apigateway:DeleteAuthorizer", API_GATEWAY).needs("apigateway:DELETE");

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Inputs {
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
pub(in super::super) struct JwtConfiguration {
    audiences: Option<Vec<String>>,
    issuer: Option<String>,
}

/// All outputs are inputs too.
type Outputs = Inputs;

/// Outputs from the answers of all operations on an authorizer, which are of one shape but of different types.
macro_rules! remote {
    ($api_id:expr, $answer:expr) => {{
        let answer = $answer;
        let text = |text: Option<String>| Some(text.unwrap_or_default());
        let outputs = Inputs {
            api_id: $api_id.clone(),
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
        Ok::<_, ProviderError>(Remote { id: required(answer.authorizer_id, "the authorizer's id")?, outputs })
    }};
}

fn jwt(inputs: &Inputs) -> Option<Jwt> {
    let jwt = inputs.jwt_configuration.clone()?;
    Some(Jwt::builder().set_audience(jwt.audiences).set_issuer(jwt.issuer).build())
}

/// The authorizer of the API with the same name.
async fn like(call: &Call<'_>, wanted: &Inputs) -> Result<Option<CreateAuthorizerOutput>, ProviderError> {
    let mut token = None;
    loop {
        let request = call
            .client::<ApiGateway>()
            .get_authorizers()
            .api_id(&wanted.api_id)
            .max_results("500")
            .set_next_token(token);
        let answer = call.send(LIST, &wanted.api_id, || request.clone().send()).await?;
        if let Some(found) =
            answer.items.unwrap_or_default().into_iter().find(|authorizer| authorizer.name() == Some(&wanted.name))
        {
            let found = CreateAuthorizerOutput::builder()
                .set_authorizer_credentials_arn(found.authorizer_credentials_arn)
                .set_authorizer_id(found.authorizer_id)
                .set_authorizer_payload_format_version(found.authorizer_payload_format_version)
                .set_authorizer_result_ttl_in_seconds(found.authorizer_result_ttl_in_seconds)
                .set_authorizer_type(found.authorizer_type)
                .set_authorizer_uri(found.authorizer_uri)
                .set_enable_simple_responses(found.enable_simple_responses)
                .set_identity_source(found.identity_source)
                .set_jwt_configuration(found.jwt_configuration)
                .set_name(found.name);
            return Ok(Some(found.build()));
        }
        match answer.next_token.filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next),
            None => return Ok(None),
        }
    }
}

fn title(inputs: &Inputs) -> String {
    format!("'{}' of the API {}", inputs.name, inputs.api_id)
}

pub(in super::super) struct Authorizer;

#[async_trait]
impl AwsResource for Authorizer {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:apigatewayv2/authorizer:Authorizer",
        replace_on: &["apiId", "region"],
        stable_outputs: &["id", "apiId", "region"],
        delete_before_replace: false,
        conflict_input: Some("apiId"),
        conflict_scope: "apigatewayv2:api",
        id_within: &["apiId"],
        create: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 300),
        update: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 300),
        delete: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 300),
        read: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 150),
        equivalent: |input, old, new| matches!(input, "jwtConfiguration" | "identitySources") && same_set(old, new),
    };
    const SHAPE: Shape = Shape {
        required: &["apiId", "authorizerType", "name"],
        identity: &["apiId", "name"],
        generated_id: true,
        files: &[],
        directives: &[("region", Default::Chosen)],
        defaults: &[
            ("authorizerPayloadFormatVersion", Default::Chosen),
            ("authorizerResultTtlInSeconds", Default::Chosen),
        ],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Within("apiId");
    const TAKEOVER: Takeover = Takeover::named("name");

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let request = call
            .client::<ApiGateway>()
            .create_authorizer()
            .api_id(&inputs.api_id)
            .authorizer_type(AuthorizerType::from(inputs.authorizer_type.as_str()))
            .name(&inputs.name)
            .set_authorizer_credentials_arn(inputs.authorizer_credentials_arn.clone())
            .set_authorizer_payload_format_version(inputs.authorizer_payload_format_version.clone())
            .set_authorizer_result_ttl_in_seconds(inputs.authorizer_result_ttl_in_seconds)
            .set_authorizer_uri(inputs.authorizer_uri.clone())
            .set_enable_simple_responses(inputs.enable_simple_responses)
            .set_identity_source(inputs.identity_sources.clone())
            .set_jwt_configuration(jwt(inputs));
        let inquire = || Box::pin(like(call, inputs)) as _;
        let answer = call.send_once(CREATE, &title(inputs), || request.clone().send(), &inquire).await?;
        remote!(inputs.api_id, answer)
    }

    async fn read(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<Outputs, ProviderError> {
        let request = call.client::<ApiGateway>().get_authorizer().api_id(&inputs.api_id).authorizer_id(id);
        let answer = call.send(GET, &title(inputs), || request.clone().send()).await?;
        let remote: Remote<Outputs> = remote!(inputs.api_id, answer)?;
        Ok(remote.outputs)
    }

    async fn update(call: &Call<'_>, id: &str, _old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        let request = call
            .client::<ApiGateway>()
            .update_authorizer()
            .api_id(&new.api_id)
            .authorizer_id(id)
            .authorizer_type(AuthorizerType::from(new.authorizer_type.as_str()))
            .name(&new.name)
            .set_authorizer_credentials_arn(new.authorizer_credentials_arn.clone())
            .set_authorizer_payload_format_version(new.authorizer_payload_format_version.clone())
            .set_authorizer_result_ttl_in_seconds(new.authorizer_result_ttl_in_seconds)
            .set_authorizer_uri(new.authorizer_uri.clone())
            .set_enable_simple_responses(new.enable_simple_responses)
            .set_identity_source(new.identity_sources.clone())
            .set_jwt_configuration(jwt(new));
        let answer = call.send(UPDATE, &title(new), || request.clone().send()).await?;
        let remote: Remote<Outputs> = remote!(new.api_id, answer)?;
        Ok(remote.outputs)
    }

    async fn delete(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<(), ProviderError> {
        let request = call.client::<ApiGateway>().delete_authorizer().api_id(&inputs.api_id).authorizer_id(id);
        call.send(DELETE, &title(inputs), || request.clone().send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(bool, Remote<Outputs>)>, ProviderError> {
        match like(call, inputs).await? {
            Some(found) => Ok(Some((api::is_ours(call, &inputs.api_id).await?, remote!(inputs.api_id, found)?))),
            None => Ok(None),
        }
    }
}
