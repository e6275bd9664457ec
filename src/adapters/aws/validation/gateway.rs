//! API Gateway's rules for an HTTP API: routes, authorizers, CORS, throttling.

use std::collections::BTreeSet;

use crate::domain::code::function::Start;
use crate::domain::component::RestApi;
use crate::domain::gateway::ApiGateway;
use crate::domain::gateway::authentication::{Authentication, JwtAuthentication};
use crate::domain::gateway::cors::{Allowed, Origin};
use crate::domain::gateway::route::{PathSegment, RouteKey, RoutePath};
use crate::domain::violation::{FieldPath, Violation};

use super::super::preflight;
use super::{Circumstances, error, warning};

/// The limits of an HTTP API.
const QUOTAS: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html";

/// The limits of an account and region.
const ACCOUNT_QUOTAS: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html";

/// What a route key may be.
const ROUTES: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html";

/// How tokens are checked.
const JWT: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html";

/// What CORS settings mean.
const CORS: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html";

/// Routes of an API ("Routes per API"; can be raised).
const MOST_ROUTES: usize = 300;

/// Authorizers of an API ("Authorizers per API"; can be raised).
const MOST_AUTHORIZERS: usize = 10;

/// Audiences of an authorizer ("Audiences per authorizer").
const MOST_AUDIENCES: usize = 50;

/// Characters of a route key (`selectionKey`, a string of 1 to 128 characters).
const LONGEST_ROUTE_KEY: usize = 128;

/// Characters of an issuer or audience (`UriWithLengthBetween1And2048`).
const LONGEST_URI: usize = 2048;

/// Seconds that an answer to a preflight request may be remembered (`MaxAge`: −1 to 86 400).
const LONGEST_MAX_AGE: u64 = 86_400;

/// Requests a second of an account in a region, unless raised ("Throttle quota").
pub(in super::super) const ACCOUNT_RATE: u32 = 10_000;

/// Requests at once of an account in a region, unless raised (the same).
pub(in super::super) const ACCOUNT_BURST: u32 = 5_000;

/// The rules for the gateway of a REST API.
pub(in super::super) fn check(
    api: &RestApi,
    gateway: &ApiGateway,
    circumstances: &Circumstances<'_>,
) -> Vec<Violation> {
    let mut violations = check_routes(api, gateway);
    violations.extend(check_authentication(gateway, circumstances));
    violations.extend(check_cors(gateway));
    violations.extend(check_preflights(api, gateway));
    violations.extend(check_throttle(gateway));
    violations
}

fn gateway_field(key: &str) -> FieldPath {
    FieldPath::of(["gateway", key])
}

fn check_routes(api: &RestApi, gateway: &ApiGateway) -> Vec<Violation> {
    let mut violations = Vec::new();
    let count = gateway.routes().len() + preflight::added_routes(api).len();
    if count > MOST_ROUTES {
        violations.push(warning(
            "aws/route-count",
            gateway_field("routes"),
            format!("an HTTP API has at most {MOST_ROUTES} routes unless AWS raises that, and this one has {count}"),
            "list only routes that need a setting of their own, or have the quota raised",
            QUOTAS,
        ));
    }
    for (index, route) in gateway.routes().iter().enumerate() {
        let RouteKey::Path(_, path) = &route.key else { continue };
        let field = gateway_field("routes").index(index).key("path");
        let key = route.key.to_string();
        if key.chars().count() > LONGEST_ROUTE_KEY {
            violations.push(error(
                "aws/route-key",
                field.clone(),
                format!("a route key has at most {LONGEST_ROUTE_KEY} characters, and {key:?} has more"),
                "shorten the path, or take several paths with a parameter such as {rest+}",
                ROUTES,
            ));
        }
        if let Some(name) = wrong_parameter(path) {
            violations.push(error(
                "aws/route-key",
                field,
                format!("API Gateway takes no path parameter called {name:?}"),
                "name it with letters, digits, '.', '_' and '-', starting with a letter or '_'",
                ROUTES,
            ));
        }
    }
    violations
}

/// The first parameter whose name API Gateway refuses.
fn wrong_parameter(path: &RoutePath) -> Option<&str> {
    path.segments().iter().find_map(|segment| match segment {
        PathSegment::Parameter(name) | PathSegment::Greedy(name) => {
            let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            (!starts_well).then_some(name.as_str())
        }
        PathSegment::Literal(_) => None,
    })
}

fn check_authentication(gateway: &ApiGateway, circumstances: &Circumstances<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let own = match gateway.authentication() {
        Authentication::Jwt(jwt) => vec![(gateway_field("auth"), jwt)],
        Authentication::None => vec![],
    };
    let of_routes = gateway.routes().iter().enumerate().filter_map(|(index, route)| match &route.authentication {
        Some(Authentication::Jwt(jwt)) => Some((gateway_field("routes").index(index).key("auth"), jwt)),
        _ => None,
    });
    let mut different = BTreeSet::new();
    for (field, jwt) in own.into_iter().chain(of_routes) {
        if different.insert(jwt) {
            violations.extend(check_jwt(&field.key("jwt"), jwt, circumstances));
        }
    }
    let authorizers = gateway.token_authentications().len();
    if authorizers > MOST_AUTHORIZERS {
        violations.push(warning(
            "aws/authorizer-count",
            gateway_field("routes"),
            format!(
                "an HTTP API has at most {MOST_AUTHORIZERS} authorizers unless AWS raises that, and {authorizers} are needed"
            ),
            "let routes share an issuer and its audiences, or have the quota raised",
            QUOTAS,
        ));
    }
    violations
}

fn check_jwt(field: &FieldPath, jwt: &JwtAuthentication, circumstances: &Circumstances<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let issuer = jwt.issuer();
    let local = circumstances.local_cloud && issuer.is_loopback();
    if !issuer.is_https() && !local {
        violations.push(error(
            "aws/issuer-https",
            field.clone().key("issuer"),
            format!("API Gateway fetches an issuer's keys over https only, not from {}", issuer.as_str()),
            if issuer.is_loopback() {
                "an issuer on this machine works with the local cloud only; use the https URL of a public one"
            } else {
                "use the issuer's https URL"
            },
            JWT,
        ));
    } else if issuer.is_loopback() && !local {
        violations.push(error(
            "aws/issuer-https",
            field.clone().key("issuer"),
            format!("API Gateway can't reach an issuer on this machine, such as {}", issuer.as_str()),
            "use the URL of a public issuer",
            JWT,
        ));
    }
    if issuer.as_str().len() > LONGEST_URI {
        violations.push(error(
            "aws/issuer-length",
            field.clone().key("issuer"),
            format!("an issuer's URL has at most {LONGEST_URI} characters"),
            "use a shorter one",
            JWT,
        ));
    }
    if jwt.audience().len() > MOST_AUDIENCES {
        violations.push(error(
            "aws/audience-count",
            field.clone().key("audience"),
            format!("an authorizer has at most {MOST_AUDIENCES} audiences, not {}", jwt.audience().len()),
            "let several clients share an audience",
            QUOTAS,
        ));
    }
    violations
}

/// Credentials together with `*` need no check here: no CORS policy of the domain can hold both.
fn check_cors(gateway: &ApiGateway) -> Vec<Violation> {
    let Some(cors) = gateway.cors() else { return vec![] };
    let rules = cors.rules();
    let field = |key: &str| gateway_field("cors").key(key);
    let mut violations = Vec::new();
    if let Allowed::These(origins) = &rules.origins {
        // Others are answered with "Invalid format for origin", as public reports of browser extensions and Capacitor have it.
        let is_foreign = |origin: &&Origin| !matches!(origin.as_str().split("://").next(), Some("http" | "https"));
        violations.extend(origins.iter().filter(is_foreign).map(|origin| {
            error(
                "aws/cors-origin",
                field("origins"),
                format!("API Gateway takes origins of http and https alone, and {origin} is neither"),
                "write `cors: server` and let the server send the headers itself, or allow \"*\" without credentials",
                CORS,
            )
        }));
    }
    if let Some(max_age) = rules.max_age {
        if max_age.duration().subsec_nanos() != 0 {
            violations.push(error(
                "aws/cors-max-age",
                field("max-age"),
                format!("API Gateway counts max-age in whole seconds, not {max_age}"),
                "use whole seconds",
                CORS,
            ));
        } else if max_age.duration().as_secs() > LONGEST_MAX_AGE {
            violations.push(error(
                "aws/cors-max-age",
                field("max-age"),
                format!("API Gateway lets browsers remember for at most 1d, not {max_age}"),
                "use at most 1d",
                CORS,
            ));
        }
    }
    violations
}

/// A preflight request to a route that asks for a token gets 401, unless a route without one takes it. Servers get such routes,
/// which the runtime shim answers; nothing stands before a handler that could.
fn check_preflights(api: &RestApi, gateway: &ApiGateway) -> Option<Violation> {
    let missing = match api.function().start {
        Start::Handler(_) if gateway.cors_is_the_servers() => return None,
        Start::Handler(_) => preflight::missing_routes(gateway),
        Start::Server(_) => return None,
    };
    let missing: Vec<String> = missing.iter().map(|key| format!("`{key}`")).collect();
    (!missing.is_empty()).then(|| {
        error(
            "aws/preflight",
            gateway_field("cors"),
            "cors with a token on a route of any method needs `start:`, or routes with methods of their own: browsers ask \
             without a token whether they may",
            format!("give the routes methods, or let the handler answer routes without a token: {}", missing.join(", ")),
            CORS,
        )
    })
}

fn check_throttle(gateway: &ApiGateway) -> Vec<Violation> {
    let Some(throttle) = gateway.throttle() else { return vec![] };
    [("rate", throttle.rate(), ACCOUNT_RATE, "a second"), ("burst", throttle.burst(), ACCOUNT_BURST, "at once")]
        .into_iter()
        .filter(|(_, given, limit, _)| given > limit)
        .map(|(key, given, limit, unit)| {
            warning(
                "aws/throttle-quota",
                gateway_field("throttle").key(key),
                format!("an account has {limit} requests {unit} for all its APIs unless AWS raises that, not {given}"),
                format!("use at most {limit}, or have the quota raised"),
                ACCOUNT_QUOTAS,
            )
        })
        .collect()
}
