//! `aws:apigatewayv2/route:Route`: which requests go to which integration, and who may send them. Its id is generated; its
//! route key is unique within its API.

use async_trait::async_trait;
use aws_sdk_apigatewayv2::Client as ApiGateway;
use aws_sdk_apigatewayv2::operation::create_route::CreateRouteOutput;
use aws_sdk_apigatewayv2::types::AuthorizationType;
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo};
use serde::{Deserialize, Serialize};

use super::super::calls::Action;
use super::super::import_form::ImportForm;
use super::super::managed::{AwsResource, Call, Remote, Takeover, required};
use super::super::properties::{Default, Shape, same_set};
use super::super::quota::API_GATEWAY;
use super::api;
use crate::ports::ProviderError;

const CREATE: Action = Action::write("apigateway:CreateRoute", API_GATEWAY).needs("apigateway:POST");
const GET: Action = Action::read("apigateway:GetRoute", API_GATEWAY).needs("apigateway:GET");
const LIST: Action = Action::read("apigateway:GetRoutes", API_GATEWAY).needs("apigateway:GET");
const UPDATE: Action = Action::write("apigateway:UpdateRoute", API_GATEWAY).needs("apigateway:PATCH");
const DELETE: Action = Action::write("apigateway:DeleteRoute", API_GATEWAY).needs("apigateway:DELETE");

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct Inputs {
    api_id: String,
    route_key: String,
    api_key_required: Option<bool>,
    authorization_scopes: Option<Vec<String>>,
    authorization_type: Option<String>,
    authorizer_id: Option<String>,
    model_selection_expression: Option<String>,
    operation_name: Option<String>,
    route_response_selection_expression: Option<String>,
    target: Option<String>,
}

/// All outputs are inputs too.
type Outputs = Inputs;

/// Outputs from the answers of all operations on a route, which are of one shape but of different types.
macro_rules! remote {
    ($api_id:expr, $answer:expr) => {{
        let answer = $answer;
        let text = |text: Option<String>| Some(text.unwrap_or_default());
        let outputs = Inputs {
            api_id: $api_id.clone(),
            route_key: required(answer.route_key, "the route's key")?,
            api_key_required: Some(answer.api_key_required.unwrap_or(false)),
            authorization_scopes: Some(answer.authorization_scopes.unwrap_or_default()),
            authorization_type: Some(
                answer.authorization_type.map_or_else(|| "NONE".to_owned(), |kind| kind.as_str().to_owned()),
            ),
            authorizer_id: text(answer.authorizer_id),
            model_selection_expression: text(answer.model_selection_expression),
            operation_name: text(answer.operation_name),
            route_response_selection_expression: text(answer.route_response_selection_expression),
            target: text(answer.target),
        };
        Ok::<_, ProviderError>(Remote { id: required(answer.route_id, "the route's id")?, outputs })
    }};
}

/// The route of the API with the same key.
async fn like(call: &Call<'_>, wanted: &Inputs) -> Result<Option<CreateRouteOutput>, ProviderError> {
    let mut token = None;
    loop {
        let request =
            call.client::<ApiGateway>().get_routes().api_id(&wanted.api_id).max_results("500").set_next_token(token);
        let answer = call.send(LIST, &wanted.api_id, || request.clone().send()).await?;
        if let Some(found) =
            answer.items.unwrap_or_default().into_iter().find(|route| route.route_key() == Some(&wanted.route_key))
        {
            let found = CreateRouteOutput::builder()
                .set_api_key_required(found.api_key_required)
                .set_authorization_scopes(found.authorization_scopes)
                .set_authorization_type(found.authorization_type)
                .set_authorizer_id(found.authorizer_id)
                .set_model_selection_expression(found.model_selection_expression)
                .set_operation_name(found.operation_name)
                .set_route_id(found.route_id)
                .set_route_key(found.route_key)
                .set_route_response_selection_expression(found.route_response_selection_expression)
                .set_target(found.target);
            return Ok(Some(found.build()));
        }
        match answer.next_token.filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next),
            None => return Ok(None),
        }
    }
}

fn title(inputs: &Inputs) -> String {
    format!("'{}' of the API {}", inputs.route_key, inputs.api_id)
}

pub(in super::super) struct Route;

#[async_trait]
impl AwsResource for Route {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:apigatewayv2/route:Route",
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
        equivalent: |input, old, new| input == "authorizationScopes" && same_set(old, new),
    };
    const SHAPE: Shape = Shape {
        required: &["apiId", "routeKey"],
        identity: &["apiId", "routeKey"],
        generated_id: true,
        files: &[],
        directives: &[("region", Default::Chosen)],
        defaults: &[("authorizationType", Default::Text("NONE"))],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Within("apiId");
    const TAKEOVER: Takeover = Takeover::UNNAMED;

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let request = call
            .client::<ApiGateway>()
            .create_route()
            .api_id(&inputs.api_id)
            .route_key(&inputs.route_key)
            .set_api_key_required(inputs.api_key_required)
            .set_authorization_scopes(inputs.authorization_scopes.clone())
            .set_authorization_type(inputs.authorization_type.as_deref().map(AuthorizationType::from))
            .set_authorizer_id(inputs.authorizer_id.clone())
            .set_model_selection_expression(inputs.model_selection_expression.clone())
            .set_operation_name(inputs.operation_name.clone())
            .set_route_response_selection_expression(inputs.route_response_selection_expression.clone())
            .set_target(inputs.target.clone());
        let inquire = || Box::pin(like(call, inputs)) as _;
        let answer = call.send_once(CREATE, &title(inputs), || request.clone().send(), &inquire).await?;
        remote!(inputs.api_id, answer)
    }

    async fn read(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<Outputs, ProviderError> {
        let request = call.client::<ApiGateway>().get_route().api_id(&inputs.api_id).route_id(id);
        let answer = call.send(GET, &title(inputs), || request.clone().send()).await?;
        let remote: Remote<Outputs> = remote!(inputs.api_id, answer)?;
        Ok(remote.outputs)
    }

    async fn update(call: &Call<'_>, id: &str, old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        // What is left out stays as it is, so what is to go is sent empty.
        let cleared =
            |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.as_ref().map(|_| String::new()));
        let scopes = new.authorization_scopes.clone().or_else(|| old.authorization_scopes.as_ref().map(|_| Vec::new()));
        let request = call
            .client::<ApiGateway>()
            .update_route()
            .api_id(&new.api_id)
            .route_id(id)
            .route_key(&new.route_key)
            .set_api_key_required(new.api_key_required.or(old.api_key_required.map(|_| false)))
            .set_authorization_scopes(scopes)
            .authorization_type(AuthorizationType::from(new.authorization_type.as_deref().unwrap_or("NONE")))
            .set_authorizer_id(cleared(&new.authorizer_id, &old.authorizer_id))
            .set_model_selection_expression(cleared(&new.model_selection_expression, &old.model_selection_expression))
            .set_operation_name(cleared(&new.operation_name, &old.operation_name))
            .set_route_response_selection_expression(cleared(
                &new.route_response_selection_expression,
                &old.route_response_selection_expression,
            ))
            .set_target(cleared(&new.target, &old.target));
        let answer = call.send(UPDATE, &title(new), || request.clone().send()).await?;
        let remote: Remote<Outputs> = remote!(new.api_id, answer)?;
        Ok(remote.outputs)
    }

    async fn delete(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<(), ProviderError> {
        let request = call.client::<ApiGateway>().delete_route().api_id(&inputs.api_id).route_id(id);
        call.send(DELETE, &title(inputs), || request.clone().send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(bool, Remote<Outputs>)>, ProviderError> {
        match like(call, inputs).await? {
            Some(found) => Ok(Some((api::is_ours(call, &inputs.api_id).await?, remote!(inputs.api_id, found)?))),
            None => Ok(None),
        }
    }
}
