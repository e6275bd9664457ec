//! The aggregate of an HTTP front door: which requests it takes, who may send them, from which
//! pages, and how many.

use super::authentication::{Authentication, JwtAuthentication};
use super::cors::CorsPolicy;
use super::route::{Route, RouteKey, RouteMethod};
use super::throttle::Throttle;
use crate::domain::invalid::InvalidValue;

/// An HTTP gateway in front of one function. Its routes never contradict each other, and there
/// is always at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiGateway {
    routes: Vec<Route>,
    authentication: Authentication,
    cors: Option<CorsPolicy>,
    cors_is_the_servers: bool,
    throttle: Option<Throttle>,
}

impl ApiGateway {
    /// A gateway with the `listed` routes and, if `catch_all`, one for everything else.
    ///
    /// # Errors
    /// When two routes take the same requests, or there would be none.
    pub fn new(
        listed: Vec<Route>,
        catch_all: bool,
        authentication: Authentication,
        cors: Option<CorsPolicy>,
        throttle: Option<Throttle>,
    ) -> Result<Self, InvalidValue> {
        let mut routes = listed;
        if catch_all && !routes.iter().any(|route| route.key == RouteKey::Default) {
            routes.push(Route { key: RouteKey::Default, authentication: None });
        }
        if routes.is_empty() {
            return Err(InvalidValue::new("list of routes", "[]", "no request would be taken")
                .with_hint("list a route, or leave catch-all at true"));
        }
        for (position, route) in routes.iter().enumerate() {
            let shape = route.key.shape();
            if let Some(earlier) = routes[..position].iter().find(|earlier| earlier.key.shape() == shape) {
                return Err(InvalidValue::contradiction(
                    "list of routes",
                    format!("the routes {} and {} take the same requests", earlier.key, route.key),
                ));
            }
        }
        Ok(Self { routes, authentication, cors, cors_is_the_servers: false, throttle })
    }

    /// The same gateway without a CORS policy of its own: the server behind it answers browsers' questions, also where other requests
    /// take a token.
    #[must_use]
    pub fn with_cors_of_the_server(self) -> Self {
        Self { cors: None, cors_is_the_servers: true, ..self }
    }

    /// The routes, at least one: those listed in the order in which they were written, then the
    /// one for everything else.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Who may send a request to a route that doesn't say otherwise.
    pub fn authentication(&self) -> &Authentication {
        &self.authentication
    }

    /// Who may send a request to `route`.
    pub fn authentication_of<'a>(&'a self, route: &'a Route) -> &'a Authentication {
        route.authentication.as_ref().unwrap_or(&self.authentication)
    }

    /// Each kind of token that some route asks for, once.
    pub fn token_authentications(&self) -> Vec<&JwtAuthentication> {
        let mut tokens: Vec<_> = self
            .routes
            .iter()
            .filter_map(|route| match self.authentication_of(route) {
                Authentication::Jwt(jwt) => Some(jwt),
                Authentication::None => None,
            })
            .collect();
        tokens.sort();
        tokens.dedup();
        tokens
    }

    /// The route that a GET of `path` (without query) would take: the most specific one, with
    /// literal parts before parameters before a greedy part, one method before any.
    pub fn route_for_get(&self, path: &str) -> Option<&Route> {
        use super::route::{HttpMethod, PathSegment};
        self.routes
            .iter()
            .filter_map(|route| match &route.key {
                RouteKey::Default => Some((route, None)),
                RouteKey::Path(method, pattern) => {
                    let takes_get = matches!(method, RouteMethod::Any | RouteMethod::One(HttpMethod::Get));
                    (takes_get && pattern.matches(path)).then(|| {
                        let rank: Vec<u8> = pattern
                            .segments()
                            .iter()
                            .map(|segment| match segment {
                                PathSegment::Literal(_) => 2,
                                PathSegment::Parameter(_) => 1,
                                PathSegment::Greedy(_) => 0,
                            })
                            .collect();
                        (route, Some((rank, *method != RouteMethod::Any)))
                    })
                }
            })
            .max_by(|(_, a), (_, b)| a.cmp(b))
            .map(|(route, _)| route)
    }

    /// From which pages a browser may call.
    pub fn cors(&self) -> Option<&CorsPolicy> {
        self.cors.as_ref()
    }

    /// Whether the server behind it says from which pages a browser may call.
    pub fn cors_is_the_servers(&self) -> bool {
        self.cors_is_the_servers
    }

    /// How many requests pass.
    pub fn throttle(&self) -> Option<Throttle> {
        self.throttle
    }
}

impl Default for ApiGateway {
    /// Takes everything from everybody.
    fn default() -> Self {
        Self {
            routes: vec![Route { key: RouteKey::Default, authentication: None }],
            authentication: Authentication::None,
            cors: None,
            cors_is_the_servers: false,
            throttle: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::authentication::{Audience, Issuer};
    use super::*;

    fn route(key: &str, authentication: Option<Authentication>) -> Route {
        Route { key: key.parse().unwrap(), authentication }
    }

    fn jwt() -> Authentication {
        Authentication::Jwt(
            JwtAuthentication::new(
                Issuer::new("https://id.example.com/").unwrap(),
                vec![Audience::new("semantest").unwrap()],
            )
            .unwrap(),
        )
    }

    #[test]
    fn everything_is_taken_unless_said_otherwise() {
        let listed = vec![route("GET /health", Some(Authentication::None))];
        let gateway = ApiGateway::new(listed.clone(), true, jwt(), None, None).unwrap();
        let keys: Vec<_> = gateway.routes().iter().map(|r| r.key.to_string()).collect();
        assert_eq!(keys, ["GET /health", "$default"]);
        assert_eq!(gateway.token_authentications().len(), 1);
        let only_listed = ApiGateway::new(listed, false, jwt(), None, None).unwrap();
        assert_eq!(only_listed.routes().len(), 1);
        assert!(only_listed.token_authentications().is_empty());
        assert!(ApiGateway::new(vec![], false, jwt(), None, None).is_err());
    }

    #[test]
    fn two_routes_never_take_the_same_requests() {
        let listed = vec![route("GET /users/{id}", None), route("GET /users/{name}", None)];
        let error = ApiGateway::new(listed, true, Authentication::None, None, None).unwrap_err();
        assert!(error.reason().contains("GET /users/{id}"), "{error}");
    }

    #[test]
    fn the_most_specific_route_takes_a_request() {
        let listed = vec![
            route("ANY /{rest+}", None),
            route("GET /users/{id}", None),
            route("ANY /users/me", None),
            route("GET /users/me", None),
            route("POST /only-post", None),
        ];
        let gateway = ApiGateway::new(listed, true, Authentication::None, None, None).unwrap();
        let taken = |path: &str| gateway.route_for_get(path).unwrap().key.to_string();
        assert_eq!(taken("/users/me"), "GET /users/me");
        assert_eq!(taken("/users/7"), "GET /users/{id}");
        assert_eq!(taken("/users/7/deep"), "ANY /{rest+}");
        assert_eq!(taken("/only-post"), "ANY /{rest+}");
        assert_eq!(taken("/"), "$default");
    }
}
