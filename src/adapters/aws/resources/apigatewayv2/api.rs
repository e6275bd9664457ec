//! `aws:apigatewayv2/api:Api`: an HTTP or WebSocket API. Its id is generated, so its tags find it again.

use async_trait::async_trait;
use aws_sdk_apigatewayv2::Client as ApiGateway;
use aws_sdk_apigatewayv2::types::{Api as Listed, Cors as SdkCors, IpAddressType, ProtocolType};
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo};
use serde::{Deserialize, Serialize};

use super::api_child;
use crate::adapters::aws::calls::{Action, LOG_DELIVERY};
use crate::adapters::aws::connection::connection::Connection;
use crate::adapters::aws::frame::cors::Cors;
use crate::adapters::aws::frame::import_form::ImportForm;
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, optional, required};
use crate::adapters::aws::frame::properties::{Default, Shape, same_set};
use crate::adapters::aws::frame::tags::{self, Tags};
use crate::adapters::aws::quota::API_GATEWAY;
use crate::ports::{ProviderError, Whose};

const CREATE: Action = api_child::makes("apigateway:CreateApi").besides(&["apigateway:TagResource"]);
const GET: Action = api_child::reads("apigateway:GetApi");
const LIST: Action = api_child::reads("apigateway:GetApis");
const UPDATE: Action = api_child::changes("apigateway:UpdateApi");
const DELETE_CORS: Action = api_child::removes("apigateway:DeleteCorsConfiguration");
const DELETE: Action = api_child::removes("apigateway:DeleteApi").besides(LOG_DELIVERY);

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    name: String,
    protocol_type: String,
    api_key_selection_expression: Option<String>,
    cors_configuration: Option<Cors>,
    description: Option<String>,
    disable_execute_api_endpoint: Option<bool>,
    ip_address_type: Option<String>,
    route_selection_expression: Option<String>,
    tags: Option<Tags>,
    version: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    api_endpoint: String,
    arn: String,
    execution_arn: String,
    tags_all: Tags,
}

/// The policy that leads from another one to the wanted one. What is to go is said, for what is left out may stay.
fn cors_change(old: &Inputs, new: &Inputs) -> Option<SdkCors> {
    let wanted = new.cors_configuration.clone()?;
    let had_max_age = old.cors_configuration.as_ref().is_some_and(|cors| cors.max_age.is_some());
    let builder = SdkCors::builder()
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
        let tags = tags::found_from(answer.tags.as_ref());
        let text = |text: Option<String>| Some(text.unwrap_or_default());
        let inputs = Inputs {
            name: required(answer.name, "the API's name")?,
            protocol_type: required(answer.protocol_type, "the API's protocol")?.as_str().to_owned(),
            api_key_selection_expression: Some(
                answer.api_key_selection_expression.unwrap_or_else(|| API_KEY.to_owned()),
            ),
            cors_configuration: answer.cors_configuration.map(Cors::from),
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
            arn: api_child::arn($call, &id).await?,
            execution_arn: connection.arn("execute-api", &id).await?,
            tags_all: tags,
        };
        Remote { id, outputs }
    }};
}

/// What AWS takes where these are left out.
const API_KEY: &str = "$request.header.x-api-key";
const ROUTE: &str = "$request.method $request.path";

/// An API that carries a resource's tags. The one of the highest rank is taken: whether this deployment made it, whether it is ours,
/// when it was made.
struct Candidate {
    rank: (bool, bool, Option<i64>),
    whose: Whose,
    api: Listed,
}

/// The API that carries this resource's tags: the one that this deployment made, else the newest of ours, else the newest of a
/// stack of the same name. `this_deployment` passes over all others, such as the one that is being replaced.
async fn tagged(call: &Call<'_>, this_deployment: bool) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
    let mut best: Option<Candidate> = None;
    let page = |token| {
        let request = call.client::<ApiGateway>().get_apis().max_results(api_child::PAGE).set_next_token(token);
        async move { request.send().await.map(|answer| (answer.items, answer.next_token)) }
    };
    let compare = |api: Listed| {
        let all: Tags = api.tags().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
        let same = all.get(tags::DEPLOYMENT) == Some(&call.context.tags.deployment);
        let whose = if all.contains_key(tags::URN) { tags::whose(&all, call.context) } else { Whose::Others };
        let rank = (same, whose == Whose::Ours, api.created_date().map(|date| date.secs()));
        let is_it = whose != Whose::Others && (same || !this_deployment);
        if is_it && best.as_ref().is_none_or(|best| best.rank < rank) {
            best = Some(Candidate { rank, whose, api });
        }
        Ok(None::<()>)
    };
    api_child::first_listed(call, LIST, call.context.urn.as_str(), page, compare).await?;
    match best {
        Some(Candidate { whose, api, .. }) => Ok(Some((whose, remote!(call, api)))),
        None => Ok(None),
    }
}

async fn get(call: &Call<'_>, id: &str) -> Result<Outputs, ProviderError> {
    let answer = call.send(GET, id, || call.client::<ApiGateway>().get_api().api_id(id).send()).await?;
    Ok(remote!(call, answer).outputs)
}

pub(in crate::adapters::aws) struct Api;

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
    const ADOPTION: AdoptionForm = AdoptionForm::named("name");

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let request = call
            .client::<ApiGateway>()
            .create_api()
            .name(&inputs.name)
            .protocol_type(ProtocolType::from(inputs.protocol_type.as_str()))
            .set_api_key_selection_expression(inputs.api_key_selection_expression.clone())
            .set_cors_configuration(inputs.cors_configuration.clone().map(SdkCors::from))
            .set_description(inputs.description.clone())
            .set_disable_execute_api_endpoint(inputs.disable_execute_api_endpoint)
            .set_ip_address_type(inputs.ip_address_type.as_deref().map(IpAddressType::from))
            .set_route_selection_expression(inputs.route_selection_expression.clone())
            .set_tags(Some(call.creation_tags(inputs.tags.as_ref()).into_iter().collect()))
            .set_version(inputs.version.clone());
        let send = || {
            let request = request.clone();
            async move { request.send().await.map(Ok) }
        };
        let inquire = || Box::pin(async move { Ok(tagged(call, true).await?.map(Err)) }) as _;
        match call.send_once(CREATE, &inputs.name, send, &inquire).await? {
            Ok(answer) => Ok(remote!(call, answer)),
            Err((_, found)) => Ok(found),
        }
    }

    async fn read(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<Outputs, ProviderError> {
        get(call, id).await
    }

    async fn update(call: &Call<'_>, id: &str, old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        let gateway = call.client::<ApiGateway>();
        if old.cors_configuration.is_some() && new.cors_configuration.is_none() {
            let request = gateway.delete_cors_configuration().api_id(id);
            optional(call.looking().send(DELETE_CORS, id, || request.clone().send()).await)?;
        }
        let arn = api_child::arn(call, id).await?;
        api_child::set_tags(call, id, &arn, old.tags.as_ref(), new.tags.as_ref()).await?;
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
        Ok(remote!(call, answer).outputs)
    }

    async fn delete(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<(), ProviderError> {
        call.send(DELETE, id, || call.client::<ApiGateway>().delete_api().api_id(id).send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, _inputs: &Inputs) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
        tagged(call, false).await
    }
}

/// Whose the API is: for what can't carry tags of its own.
pub(in crate::adapters::aws) async fn whose(call: &Call<'_>, id: &str) -> Result<Whose, ProviderError> {
    let answer = call.send(GET, id, || call.client::<ApiGateway>().get_api().api_id(id).send()).await?;
    Ok(tags::whose_stack(&tags::found_from(answer.tags.as_ref()), call.context))
}
