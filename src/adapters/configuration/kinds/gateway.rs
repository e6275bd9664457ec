//! `gateway`: the front door of a component, its keys and how they are read.

use std::str::FromStr;

use crate::adapters::configuration::document::problem::Problem;
use crate::adapters::configuration::document::tree::{Content, Node};
use crate::adapters::configuration::form::fields::TIME_PATTERN;
use crate::adapters::configuration::form::view::{Decoded, View};
use crate::adapters::configuration::shape::{Field, ObjectShape, Shape, TextShape, reads};
use crate::domain::gateway::ApiGateway;
use crate::domain::gateway::authentication::{Audience, Authentication, Issuer, JwtAuthentication};
use crate::domain::gateway::cors::{Allowed, CorsPolicy, CorsRules, HeaderName, Origin};
use crate::domain::gateway::route::{HttpMethod, Route, RouteKey, RouteMethod, RoutePath};
use crate::domain::gateway::throttle::Throttle;
use crate::domain::invalid::InvalidValue;
use crate::domain::quantity::TimeSpan;

/// Reads `*` or what `T` reads.
fn reads_or_wildcard<T: FromStr<Err = InvalidValue>>(text: &str) -> Result<(), InvalidValue> {
    if text == "*" { Ok(()) } else { reads::<T>(text) }
}

/// `gateway`
pub(super) static GATEWAY: ObjectShape = ObjectShape {
    name: "gateway",
    description: "The front door of a component.",
    fields: &[
        Field::optional(
            "cors",
            Shape::WordOr("server", &Shape::Object(&CORS)),
            "Which other origins' pages may call from a browser; `server` leaves it to the server's own answers.",
        ),
        Field::defaulted("auth", AUTH, "none", "Who may send requests, where a route doesn't say otherwise."),
        Field::optional(
            "routes",
            Shape::List { items: &Shape::Object(&ROUTE), at_least: 0 },
            "Routes with a setting of their own.",
        ),
        Field::defaulted(
            "catch-all",
            Shape::Boolean,
            "true",
            "Whether requests that fall under no listed route are taken too.",
        ),
        Field::optional("throttle", Shape::Object(&THROTTLE), "How many requests pass before 429 is answered."),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// `gateway.cors`
static CORS: ObjectShape = ObjectShape {
    name: "cors",
    description: "Which other origins' pages may call from a browser.",
    fields: &[
        Field::required(
            "origins",
            Shape::List { items: &Shape::Text(&ORIGIN), at_least: 1 },
            "The origins, or \"*\" for every one.",
        ),
        Field::optional(
            "methods",
            Shape::List { items: &Shape::Text(&CORS_METHOD), at_least: 0 },
            "The methods, or \"*\" for every one; GET, HEAD and POST where they are left out.",
        ),
        Field::optional(
            "headers",
            Shape::List { items: &Shape::Text(&HEADER), at_least: 0 },
            "The request headers beyond the ordinary ones, or \"*\".",
        ),
        Field::optional(
            "expose-headers",
            Shape::List { items: &Shape::Text(&HEADER), at_least: 0 },
            "The response headers that a page may read beyond the ordinary ones, or \"*\".",
        ),
        Field::optional("max-age", Shape::Text(&TIME_SPAN), "How long a browser may remember the answer."),
        Field::defaulted("credentials", Shape::Boolean, "false", "Whether cookies and the like are sent along."),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// `auth`, of a gateway or a route.
static AUTH: Shape = Shape::WordOr("none", &Shape::Object(&TOKEN_AUTH));

/// `auth`, where it asks for a token.
static TOKEN_AUTH: ObjectShape = ObjectShape {
    name: "auth",
    description: "Who may send requests.",
    fields: &[Field::required("jwt", Shape::Object(&JWT), "The bearer of a JSON Web Token.")],
    exactly_one: &[],
    reserved: &[],
};

/// `auth.jwt`
static JWT: ObjectShape = ObjectShape {
    name: "jwt",
    description: "Tokens of one issuer, meant for one of the audiences.",
    fields: &[
        Field::required(
            "issuer",
            Shape::Text(&ISSUER),
            "The issuer's URL, exactly as it stands in \"iss\" of the tokens.",
        ),
        Field::required(
            "audience",
            Shape::List { items: &Shape::Text(&AUDIENCE), at_least: 1 },
            "For whom the tokens are meant (\"aud\").",
        ),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// An item of `gateway.routes`
static ROUTE: ObjectShape = ObjectShape {
    name: "route",
    description: "A route with a setting of its own.",
    fields: &[
        Field::required(
            "path",
            Shape::Text(&ROUTE_PATH),
            "The path; {name} stands for one part, {name+} at the end for all the rest.",
        ),
        Field::defaulted("method", Shape::Text(&ROUTE_METHOD), "ANY", "The method, or ANY."),
        Field::optional("auth", AUTH, "Who may send requests to it; the gateway's auth where it is left out."),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// `gateway.throttle`
static THROTTLE: ObjectShape = ObjectShape {
    name: "throttle",
    description: "How many requests pass before 429 is answered.",
    fields: &[
        Field::required("rate", Shape::WholeNumber { from: 1, to: u32::MAX }, "Requests a second, on average."),
        Field::required("burst", Shape::WholeNumber { from: 1, to: u32::MAX }, "Requests at once."),
    ],
    exactly_one: &[],
    reserved: &[],
};

static ROUTE_PATH: TextShape =
    TextShape::new("a route path", Some("^/"), &["/health", "/users/{id}", "/files/{path+}"], reads::<RoutePath>);
static ORIGIN: TextShape = TextShape::new(
    "an origin",
    Some("^(\\*|[a-z][a-z0-9+.-]*://[^/?#@*]+)$"),
    &["https://semantest.com", "*"],
    reads_or_wildcard::<Origin>,
);
static HEADER: TextShape = TextShape::new(
    "a header name",
    Some("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
    &["authorization", "content-type"],
    reads_or_wildcard::<HeaderName>,
);
static TIME_SPAN: TextShape = TextShape::new("a length of time", Some(TIME_PATTERN), &["1h", "30s"], reads::<TimeSpan>);
static ISSUER: TextShape =
    TextShape::new("a token issuer", Some("^https?://[^?#]+$"), &["https://id.example.com/"], |text| {
        Issuer::new(text).map(drop)
    });
static AUDIENCE: TextShape =
    TextShape::new("an audience", Some("\\S"), &["semantest"], |text| Audience::new(text).map(drop));
static CORS_METHOD: TextShape = TextShape {
    what: "a method",
    pattern: None,
    choices: &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "*"],
    examples: &["GET", "POST"],
    check: reads_or_wildcard::<HttpMethod>,
};

static ROUTE_METHOD: TextShape = TextShape {
    what: "a method",
    pattern: None,
    choices: &["ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    examples: &["ANY", "GET"],
    check: reads::<RouteMethod>,
};

/// The CORS policy that an object describes, where nothing but that may stand: an address of a function's own has no more.
///
/// # Errors
/// The first key of a gateway's that is there all the same.
pub(super) fn cors_alone(view: &View<'_>) -> Decoded<Option<CorsPolicy>> {
    for field in GATEWAY.fields.iter().filter(|field| field.key != "cors") {
        if let Some(node) = view.field(field.key).filter(|_| view.has(field.key)) {
            let message = format!("{:?} needs a gateway, and `url: function` has none", field.key);
            return Err(Problem::new("config/contradiction", message)
                .in_field(view.path.clone().key(field.key))
                .at(node.span, "no gateway")
                .with_hint("leave it out, or use `url: gateway`"));
        }
    }
    policy(view)
}

/// The gateway that an object describes.
pub(super) fn gateway(view: &View<'_>) -> Decoded<ApiGateway> {
    let authentication = authentication(view)?.unwrap_or(Authentication::None);
    let cors = policy(view)?;
    let throttle = view.has("throttle").then(|| throttle(&view.object("throttle", &THROTTLE))).transpose()?;
    let routes = routes(view)?;
    let gateway = ApiGateway::new(routes, view.truth("catch-all"), authentication, cors, throttle)
        .map_err(|error| view.refuse("routes", &error))?;
    Ok(if cors_is_the_servers(view) { gateway.with_cors_of_the_server() } else { gateway })
}

/// Whether `cors` is the word `server`.
fn cors_is_the_servers(view: &View<'_>) -> bool {
    view.has("cors") && view.field("cors").is_some_and(|node| matches!(node.content, Content::Scalar(_)))
}

/// The CORS policy that stands there, if it is one.
fn policy(view: &View<'_>) -> Decoded<Option<CorsPolicy>> {
    let stands = view.has("cors") && !cors_is_the_servers(view);
    stands.then(|| cors(&view.object("cors", &CORS))).transpose()
}

fn routes(view: &View<'_>) -> Decoded<Vec<Route>> {
    let listed = view.field("routes").map(Node::items).unwrap_or_default();
    let mut routes: Vec<Route> = Vec::new();
    for (index, item) in listed.iter().enumerate() {
        let path = view.path.clone().key("routes").index(index);
        let route = route(&View::root(item, &ROUTE, path.clone()))?;
        let shape = route.key.shape();
        if let Some(first) = routes.iter().position(|earlier| earlier.key.shape() == shape) {
            let message = format!("the routes {} and {} take the same requests", routes[first].key, route.key);
            return Err(Problem::new("config/contradiction", message)
                .in_field(path)
                .at(item.span, "and here")
                .related_to(listed[first].span, "taken here")
                .with_hint("keep one of them"));
        }
        routes.push(route);
    }
    Ok(routes)
}

fn authentication(view: &View<'_>) -> Decoded<Option<Authentication>> {
    match view.field("auth").map(|node| &node.content) {
        None | Some(Content::Null) => Ok(None),
        Some(Content::Scalar(_)) => Ok(Some(Authentication::None)),
        Some(_) => {
            let auth = view.object("auth", &TOKEN_AUTH);
            let jwt = auth.object("jwt", &JWT);
            let issuer = jwt.written("issuer").unwrap_or_default();
            let issuer = Issuer::new(issuer).map_err(|error| jwt.refuse("issuer", &error))?;
            let audience = jwt.list("audience", |text| Audience::new(text))?;
            JwtAuthentication::new(issuer, audience)
                .map(|jwt| Some(Authentication::Jwt(jwt)))
                .map_err(|error| jwt.refuse("audience", &error))
        }
    }
}

fn route(view: &View<'_>) -> Decoded<Route> {
    Ok(Route {
        key: RouteKey::Path(view.required("method")?, view.required("path")?),
        authentication: authentication(view)?,
    })
}

fn cors(view: &View<'_>) -> Decoded<CorsPolicy> {
    let methods = if view.has("methods") {
        view.allowed("methods")?
    } else {
        // The methods that a page may use without asking first (CORS-safelisted methods).
        Allowed::These([HttpMethod::Get, HttpMethod::Head, HttpMethod::Post].into())
    };
    CorsPolicy::new(CorsRules {
        origins: view.allowed("origins")?,
        methods,
        headers: view.allowed("headers")?,
        expose_headers: view.allowed("expose-headers")?,
        max_age: view.optional("max-age")?,
        credentials: view.truth("credentials"),
    })
    .map_err(|error| match view.field("credentials") {
        Some(_) => view.refuse("credentials", &error),
        None => view.refuse_whole(&error),
    })
}

fn throttle(view: &View<'_>) -> Decoded<Throttle> {
    let number = |key: &str| view.number(key).unwrap_or_default();
    Throttle::new(number("rate"), number("burst")).map_err(|error| view.refuse_whole(&error))
}
