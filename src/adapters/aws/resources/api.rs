//! `aws:apigatewayv2/api:Api`: an HTTP or WebSocket API. Its id is generated, so its tags find it again.

use async_trait::async_trait;
use aws_sdk_apigatewayv2::Client as ApiGateway;
use aws_sdk_apigatewayv2::operation::create_api::CreateApiOutput;
use aws_sdk_apigatewayv2::types::{Cors, IpAddressType, ProtocolType};
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo};
use serde::{Deserialize, Serialize};

use super::super::calls::Action;
use super::super::connection::Connection;
use super::super::import_form::ImportForm;
use super::super::managed::{AwsResource, Call, Remote, Takeover, optional, required};
use super::super::properties::{Default, Shape, same_set};
use super::super::quota::API_GATEWAY;
use super::super::tags::{self, Tags};
use crate::ports::ProviderError;

const CREATE: Action = Action::write("apigateway:CreateApi", API_GATEWAY).needs("apigateway:POST");
const GET: Action = Action::read("apigateway:GetApi", API_GATEWAY).needs("apigateway:GET");
const LIST: Action = Action::read("apigateway:GetApis", API_GATEWAY).needs("apigateway:GET");
const UPDATE: Action = Action::write("apigateway:UpdateApi", API_GATEWAY).needs("apigateway:PATCH");
const DELETE_CORS: Action = Action::write("apigateway:DeleteCorsConfiguration", API_GATEWAY).needs("apigateway:DELETE");
const TAG: Action = Action::write("apigateway:TagResource", API_GATEWAY).needs("apigateway:TagResource");
const UNTAG: Action = Action::write("apigateway:UntagResource", API_GATEWAY).needs("apigateway:UntagResource");
const DELETE: Action = Action::write("apigateway:DeleteApi", API_GATEWAY).needs("apigateway:DELETE");

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Inputs {
    name: String,
    protocol_type: String,
    api_key_selection_expression: Option<String>,
    cors_configuration: Option<CorsConfiguration>,
    description: Option<String>,
    disable_execute_api_endpoint: Option<bool>,
    ip_address_type: Option<String>,
    route_selection_expression: Option<String>,
    tags: Option<Tags>,
    version: Option<String>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct CorsConfiguration {
    allow_credentials: Option<bool>,
    allow_headers: Option<Vec<String>>,
    allow_methods: Option<Vec<String>>,
    allow_origins: Option<Vec<String>>,
    expose_headers: Option<Vec<String>>,
    /// Seconds.
    max_age: Option<i32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    api_endpoint: String,
    arn: String,
    execution_arn: String,
    tags_all: Tags,
}

fn cors(inputs: &Inputs) -> Option<Cors> {
    let cors = inputs.cors_configuration.clone()?;
    let builder = Cors::builder()
        .set_allow_credentials(cors.allow_credentials)
        .set_allow_headers(cors.allow_headers)
        .set_allow_methods(cors.allow_methods)
        .set_allow_origins(cors.allow_origins)
        .set_expose_headers(cors.expose_headers)
        .set_max_age(cors.max_age);
    Some(builder.build())
}

/// The policy that leads from another one to the wanted one. What is to go is said, for what is left out may stay.
fn cors_change(old: &Inputs, new: &Inputs) -> Option<Cors> {
    let wanted = new.cors_configuration.clone()?;
    let had_max_age = old.cors_configuration.as_ref().is_some_and(|cors| cors.max_age.is_some());
    let builder = Cors::builder()
        .allow_credentials(wanted.allow_credentials.unwrap_or(false))
        .set_allow_headers(Some(wanted.allow_headers.unwrap_or_default()))
        .set_allow_methods(Some(wanted.allow_methods.unwrap_or_default()))
        .set_allow_origins(Some(wanted.allow_origins.unwrap_or_default()))
        .set_expose_headers(Some(wanted.expose_headers.unwrap_or_default()))
        // Unlike the others, 0 isn't the same as nothing: it forbids what browsers do by themselves for some seconds.
        .set_max_age(wanted.max_age.or(had_max_age.then_some(0)));
    Some(builder.build())
}

/// The address at which any client reaches the API.
///
/// MiniStack reports `http://<id>.execute-api.localhost:<port>`, which most resolvers don't know; the same API answers on the
/// endpoint itself, where the stage is part of the path.
fn endpoint(connection: &Connection, id: &str, reported: &str) -> String {
    let host = reported.split_once("://").map_or(reported, |(_, rest)| rest).split(':').next().unwrap_or_default();
    match &connection.origin.endpoint {
        Some(endpoint) if host.ends_with(".execute-api.localhost") && reported.starts_with("http") => {
            format!("{}/_aws/execute-api/{id}/$default", endpoint.trim_end_matches('/'))
        }
        _ => reported.to_owned(),
    }
}

/// Outputs from the answers of all operations on an API, which are of one shape but of different types.
macro_rules! remote {
    ($call:expr, $answer:expr) => {{
        let answer = $answer;
        let id = required(answer.api_id, "the API's id")?;
        let connection = $call.connection;
        let partition = &connection.account().await?.partition;
        let tags = tags::recorded_from(answer.tags.as_ref());
        let text = |text: Option<String>| Some(text.unwrap_or_default());
        let inputs = Inputs {
            name: required(answer.name, "the API's name")?,
            protocol_type: required(answer.protocol_type, "the API's protocol")?.as_str().to_owned(),
            api_key_selection_expression: Some(
                answer.api_key_selection_expression.unwrap_or_else(|| API_KEY.to_owned()),
            ),
            cors_configuration: answer.cors_configuration.map(|cors| CorsConfiguration {
                allow_credentials: Some(cors.allow_credentials.unwrap_or(false)),
                allow_headers: Some(cors.allow_headers.unwrap_or_default()),
                allow_methods: Some(cors.allow_methods.unwrap_or_default()),
                allow_origins: Some(cors.allow_origins.unwrap_or_default()),
                expose_headers: Some(cors.expose_headers.unwrap_or_default()),
                max_age: Some(cors.max_age.unwrap_or(0)),
            }),
            description: text(answer.description),
            disable_execute_api_endpoint: Some(answer.disable_execute_api_endpoint.unwrap_or(false)),
            ip_address_type: Some(
                answer
                    .ip_address_type
                    .map_or("ipv4", |kind| if kind == IpAddressType::Dualstack { "dualstack" } else { "ipv4" })
                    .to_owned(),
            ),
            route_selection_expression: Some(answer.route_selection_expression.unwrap_or_else(|| ROUTE.to_owned())),
            tags: Some(tags.clone()),
            version: text(answer.version),
        };
        let outputs = Outputs {
            inputs,
            api_endpoint: endpoint(connection, &id, &answer.api_endpoint.unwrap_or_default()),
            arn: format!("arn:{partition}:apigateway:{}::/apis/{id}", connection.region),
            execution_arn: connection.arn("execute-api", &id).await?,
            tags_all: tags,
        };
        Ok::<_, ProviderError>(Remote { id, outputs })
    }};
}

/// What AWS takes where these are left out.
const API_KEY: &str = "$request.header.x-api-key";
const ROUTE: &str = "$request.method $request.path";

/// An API as `CreateApi` and `GetApis` both tell it, with its tags.
fn of_listed(api: aws_sdk_apigatewayv2::types::Api) -> CreateApiOutput {
    CreateApiOutput::builder()
        .set_api_endpoint(api.api_endpoint)
        .set_api_id(api.api_id)
        .set_api_key_selection_expression(api.api_key_selection_expression)
        .set_cors_configuration(api.cors_configuration)
        .set_created_date(api.created_date)
        .set_description(api.description)
        .set_disable_execute_api_endpoint(api.disable_execute_api_endpoint)
        .set_ip_address_type(api.ip_address_type)
        .set_name(api.name)
        .set_protocol_type(api.protocol_type)
        .set_route_selection_expression(api.route_selection_expression)
        .set_tags(api.tags)
        .set_version(api.version)
        .build()
}

/// The API that carries this resource's tags: the one that this deployment made, else the newest. `this_deployment` passes
/// over all others, such as the one that is being replaced.
async fn tagged(call: &Call<'_>, this_deployment: bool) -> Result<Option<CreateApiOutput>, ProviderError> {
    let mut token = None;
    let mut best: Option<(bool, CreateApiOutput)> = None;
    loop {
        let request = call.client::<ApiGateway>().get_apis().max_results("500").set_next_token(token);
        let answer = call.send(LIST, call.context.urn.as_str(), || request.clone().send()).await?;
        for api in answer.items.unwrap_or_default() {
            let all: Tags =
                api.tags().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
            if !all.contains_key(tags::URN) || !tags::are_ours(&all, call.context) {
                continue;
            }
            let same = all.get(tags::DEPLOYMENT) == Some(&call.context.tags.deployment);
            let candidate = (same, of_listed(api));
            let rank = |(same, api): &(bool, CreateApiOutput)| (*same, api.created_date().map(|date| date.secs()));
            if (same || !this_deployment) && best.as_ref().is_none_or(|best| rank(best) < rank(&candidate)) {
                best = Some(candidate);
            }
        }
        match answer.next_token.filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next),
            None => return Ok(best.map(|(_, api)| api)),
        }
    }
}

async fn get(call: &Call<'_>, id: &str) -> Result<Outputs, ProviderError> {
    let answer = call.send(GET, id, || call.client::<ApiGateway>().get_api().api_id(id).send()).await?;
    let remote: Remote<Outputs> = remote!(call, answer)?;
    Ok(remote.outputs)
}

pub(in super::super) struct Api;

#[async_trait]
impl AwsResource for Api {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:apigatewayv2/api:Api",
        replace_on: &["protocolType", "region"],
        stable_outputs: &["id", "arn", "apiEndpoint", "executionArn", "protocolType", "region"],
        delete_before_replace: false,
        conflict_input: None,
        conflict_scope: "",
        id_within: &[],
        create: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 400),
        update: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 2 }], 500),
        delete: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 400),
        read: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 150),
        equivalent: |input, old, new| input == "corsConfiguration" && same_set(old, new),
    };
    const SHAPE: Shape = Shape {
        required: &["name", "protocolType"],
        identity: &["name"],
        generated_id: true,
        files: &[],
        directives: &[("region", Default::Chosen)],
        defaults: &[
            ("apiKeySelectionExpression", Default::Text(API_KEY)),
            ("ipAddressType", Default::Text("ipv4")),
            ("routeSelectionExpression", Default::Chosen),
        ],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Own;
    const TAKEOVER: Takeover = Takeover::named("name");

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let request = call
            .client::<ApiGateway>()
            .create_api()
            .name(&inputs.name)
            .protocol_type(ProtocolType::from(inputs.protocol_type.as_str()))
            .set_api_key_selection_expression(inputs.api_key_selection_expression.clone())
            .set_cors_configuration(cors(inputs))
            .set_description(inputs.description.clone())
            .set_disable_execute_api_endpoint(inputs.disable_execute_api_endpoint)
            .set_ip_address_type(inputs.ip_address_type.as_deref().map(IpAddressType::from))
            .set_route_selection_expression(inputs.route_selection_expression.clone())
            .set_tags(Some(call.creation_tags(inputs.tags.as_ref()).into_iter().collect()))
            .set_version(inputs.version.clone());
        let inquire = || Box::pin(tagged(call, true)) as _;
        let answer = call.send_once(CREATE, &inputs.name, || request.clone().send(), &inquire).await?;
        remote!(call, answer)
    }

    async fn read(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<Outputs, ProviderError> {
        get(call, id).await
    }

    async fn update(call: &Call<'_>, id: &str, old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        let gateway = call.client::<ApiGateway>();
        if old.cors_configuration.is_some() && new.cors_configuration.is_none() {
            let request = gateway.delete_cors_configuration().api_id(id);
            optional(call.send(DELETE_CORS, id, || request.clone().send()).await)?;
        }
        let arn = format!(
            "arn:{}:apigateway:{}::/apis/{id}",
            call.connection.account().await?.partition,
            call.connection.region
        );
        let (set, removed) = tags::changes(old.tags.as_ref(), new.tags.as_ref());
        if !set.is_empty() {
            let request = gateway.tag_resource().resource_arn(&arn).set_tags(Some(set.into_iter().collect()));
            call.send(TAG, id, || request.clone().send()).await?;
        }
        if !removed.is_empty() {
            let request = gateway.untag_resource().resource_arn(&arn).set_tag_keys(Some(removed));
            call.send(UNTAG, id, || request.clone().send()).await?;
        }
        let request = gateway
            .update_api()
            .api_id(id)
            .name(&new.name)
            .api_key_selection_expression(new.api_key_selection_expression.as_deref().unwrap_or(API_KEY))
            .set_cors_configuration(cors_change(old, new))
            .description(new.description.clone().unwrap_or_default())
            .disable_execute_api_endpoint(new.disable_execute_api_endpoint.unwrap_or(false))
            .set_ip_address_type(new.ip_address_type.as_deref().map(IpAddressType::from))
            .set_route_selection_expression(new.route_selection_expression.clone())
            .version(new.version.clone().unwrap_or_default());
        let answer = call.send(UPDATE, id, || request.clone().send()).await?;
        let remote: Remote<Outputs> = remote!(call, answer)?;
        Ok(remote.outputs)
    }

    async fn delete(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<(), ProviderError> {
        call.send(DELETE, id, || call.client::<ApiGateway>().delete_api().api_id(id).send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, _inputs: &Inputs) -> Result<Option<(bool, Remote<Outputs>)>, ProviderError> {
        match tagged(call, false).await? {
            Some(api) => Ok(Some((true, remote!(call, api)?))),
            None => Ok(None),
        }
    }
}

/// Whether the API belongs to the stack of this operation: for what can't carry tags of its own.
pub(super) async fn is_ours(call: &Call<'_>, id: &str) -> Result<bool, ProviderError> {
    let answer = call.send(GET, id, || call.client::<ApiGateway>().get_api().api_id(id).send()).await?;
    Ok(tags::belong_to_stack(&tags::recorded_from(answer.tags.as_ref()), call.context))
}
