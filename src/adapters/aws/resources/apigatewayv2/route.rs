//! `aws:apigatewayv2/route:Route`: which requests go to which integration, and who may send them. Its id is generated; its
//! route key is unique within its API.

use async_trait::async_trait;
use aws_sdk_apigatewayv2::Client as ApiGateway;
use aws_sdk_apigatewayv2::types::{AuthorizationType, Route as Listed};
use resource_graph::ResourceTypeInfo;
use serde::{Deserialize, Serialize};

use super::api;
use super::api_child::{self, ApiChild, api_child, cleared};
use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::import_form::ImportForm;
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, required};
use crate::adapters::aws::frame::properties::{Default, Shape, same_set};
use crate::ports::ProviderError;

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
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
    ($inputs:expr, $answer:expr) => {{
        let answer = $answer;
        let text = |text: Option<String>| Some(text.unwrap_or_default());
        let outputs = Inputs {
            api_id: $inputs.api_id.clone(),
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
        Remote { id: required(answer.route_id, "the route's id")?, outputs }
    }};
}

/// The inputs in a request to make or change a route.
macro_rules! settings {
    ($request:expr, $inputs:expr) => {{
        let (request, inputs) = ($request, $inputs);
        request
            .route_key(&inputs.route_key)
            .set_api_key_required(inputs.api_key_required)
            .set_authorization_scopes(inputs.authorization_scopes.clone())
            .set_authorization_type(inputs.authorization_type.as_deref().map(AuthorizationType::from))
            .set_authorizer_id(inputs.authorizer_id.clone())
            .set_model_selection_expression(inputs.model_selection_expression.clone())
            .set_operation_name(inputs.operation_name.clone())
            .set_route_response_selection_expression(inputs.route_response_selection_expression.clone())
            .set_target(inputs.target.clone())
    }};
}

pub(in crate::adapters::aws) struct Route;

impl ApiChild for Route {
    type Inputs = Inputs;
    type Listed = Listed;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        equivalent: |input, old, new| input == "authorizationScopes" && same_set(old, new),
        ..api_child::info("aws:apigatewayv2/route:Route", &["apiId", "region"], &["id", "apiId", "region"])
    };
    const SHAPE: Shape = Shape {
        defaults: &[("authorizationType", Default::Text("NONE"))],
        ..api_child::shape(&["apiId", "routeKey"], &["apiId", "routeKey"])
    };
    const ADOPTION: AdoptionForm = AdoptionForm::UNNAMED;

    fn title(inputs: &Inputs, _id: Option<&str>) -> String {
        format!("'{}' of the API {}", inputs.route_key, inputs.api_id)
    }

    fn is_like(found: &Listed, wanted: &Inputs) -> bool {
        found.route_key() == Some(&wanted.route_key)
    }

    fn change(old: &Inputs, new: &Inputs) -> Inputs {
        let scopes = new.authorization_scopes.clone().or_else(|| old.authorization_scopes.as_ref().map(|_| Vec::new()));
        Inputs {
            api_id: new.api_id.clone(),
            route_key: new.route_key.clone(),
            api_key_required: new.api_key_required.or(old.api_key_required.map(|_| false)),
            authorization_scopes: scopes,
            authorization_type: Some(new.authorization_type.clone().unwrap_or_else(|| "NONE".to_owned())),
            authorizer_id: cleared(&old.authorizer_id, &new.authorizer_id),
            model_selection_expression: cleared(&old.model_selection_expression, &new.model_selection_expression),
            operation_name: cleared(&old.operation_name, &new.operation_name),
            route_response_selection_expression: cleared(
                &old.route_response_selection_expression,
                &new.route_response_selection_expression,
            ),
            target: cleared(&old.target, &new.target),
        }
    }
}

api_child!(Route, "Route", route_id, create_route get_route update_route delete_route get_routes);
