//! Preflight requests where a route of any method asks for a token. Browsers send none with them, so the gateway would refuse
//! them (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>: "add an `OPTIONS /{proxy+}` route
//! that doesn't require authorization"). Such routes lead to the function, and nobody has said that the server behind it may
//! be asked without a token: the runtime shim answers every request of theirs itself, and the gateway adds the headers of its
//! policy. The blueprint makes the routes, the rules count them.

use std::collections::HashSet;

use crate::domain::code::function::Start;
use crate::domain::component::RestApi;
use crate::domain::gateway::ApiGateway;
use crate::domain::gateway::authentication::Authentication;
use crate::domain::gateway::route::{HttpMethod, RouteKey, RouteMethod, RoutePath};

/// The environment variable that tells the runtime shim that the CORS policy is the gateway's (`gateway`), and which routes are
/// its own to answer: their paths, each after a space. No path has a space in it.
pub(super) const VARIABLE: &str = "SEMANTEST_PREFLIGHT_ROUTES";

/// The `OPTIONS` routes that a component gets beside those that it lists. A handler of the user's own gets none: no shim stands
/// before it that would keep requests without a token from it.
pub(super) fn added_routes(api: &RestApi) -> Vec<RouteKey> {
    match api.function().start {
        Start::Server(_) => api.gateway().map(missing_routes).unwrap_or_default(),
        Start::Handler(_) if !cors_is_the_servers(api) => Vec::new(),
        Start::Handler(_) => api.gateway().map(missing_routes).unwrap_or_default(),
    }
}

/// Whether somebody has said that what runs behind the gateway answers preflight requests itself: then they lead there, and the
/// shim hands them on.
fn cors_is_the_servers(api: &RestApi) -> bool {
    api.gateway().is_some_and(ApiGateway::cors_is_the_servers)
}

/// The value of [`VARIABLE`] for a component; none where the gateway has no policy, or no shim would read it.
pub(super) fn variable(api: &RestApi) -> Option<String> {
    if api.cors().is_none() || matches!(api.function().start, Start::Handler(_)) {
        return None;
    }
    let routes = added_routes(api);
    let paths = routes.iter().filter_map(|key| match key {
        RouteKey::Path(_, path) => Some(path.to_string()),
        RouteKey::Default => None,
    });
    Some(std::iter::once("gateway".to_owned()).chain(paths).collect::<Vec<_>>().join(" "))
}

/// The `OPTIONS` routes that preflight requests to a gateway need and that it doesn't list.
pub(super) fn missing_routes(gateway: &ApiGateway) -> Vec<RouteKey> {
    if gateway.cors().is_none() && !gateway.cors_is_the_servers() {
        return Vec::new();
    }
    let options = |path: RoutePath| RouteKey::Path(RouteMethod::One(HttpMethod::Options), path);
    let mut keys: Vec<RouteKey> = Vec::new();
    for route in gateway.routes() {
        if matches!(gateway.authentication_of(route), Authentication::None) {
            continue;
        }
        match &route.key {
            // A greedy part takes at least one segment.
            RouteKey::Default => keys.extend([RoutePath::root(), RoutePath::everything()].map(options)),
            RouteKey::Path(RouteMethod::Any, path) => keys.push(options(path.clone())),
            RouteKey::Path(RouteMethod::One(_), _) => {}
        }
    }
    let listed: HashSet<String> = gateway.routes().iter().map(|route| route.key.shape()).collect();
    let mut shapes = HashSet::new();
    keys.retain(|key| !listed.contains(&key.shape()) && shapes.insert(key.shape()));
    keys
}
