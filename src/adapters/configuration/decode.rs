//! Makes the domain's aggregates of a component's tree that has passed the check against the
//! shape. What is left to go wrong here are rules between fields, such as credentials and `*`.

use std::path::Path;
use std::str::FromStr;

use crate::domain::authentication::{Audience, Authentication, Issuer, JwtAuthentication};
use crate::domain::component::{Component, ComponentKind, RestApi};
use crate::domain::cors::{Allowed, CorsPolicy, CorsRules};
use crate::domain::environment::{Environment, VariableValue};
use crate::domain::function::{ServerlessFunction, SourceFolder, Start};
use crate::domain::gateway::ApiGateway;
use crate::domain::health::HealthCheck;
use crate::domain::invalid::InvalidValue;
use crate::domain::names::ComponentName;
use crate::domain::provider::Provider;
use crate::domain::route::{Route, RouteKey};
use crate::domain::throttle::Throttle;
use crate::domain::violation::FieldPath;
use crate::ports::CloudSettings;

use super::clouds::Clouds;
use super::fields;
use super::problem::Problem;
use super::settings::{LeaseSpan, StateEncryption, StateLocation};
use super::shape::{ObjectShape, Shape};
use super::tree::{Content, Node};

/// An object of the tree, its shape and the way to it.
#[derive(Clone)]
struct View<'a> {
    node: Option<&'a Node>,
    shape: &'static ObjectShape,
    path: FieldPath,
    /// What to point at where the object itself isn't there.
    fallback: &'a Node,
}

type Decoded<T> = Result<T, Problem>;

impl<'a> View<'a> {
    fn root(node: &'a Node, shape: &'static ObjectShape, path: FieldPath) -> Self {
        Self { node: Some(node), shape, path, fallback: node }
    }

    fn field(&self, key: &str) -> Option<&'a Node> {
        self.node?.get(key)
    }

    fn has(&self, key: &str) -> bool {
        self.field(key).is_some_and(|node| node.content != Content::Null)
    }

    fn object(&self, key: &str, shape: &'static ObjectShape) -> Self {
        Self {
            node: self.field(key),
            shape,
            path: self.path.clone().key(key),
            fallback: self.field(key).unwrap_or(self.fallback),
        }
    }

    /// The value of `key` as it was written, or its default.
    fn written(&self, key: &str) -> Option<&'a str> {
        match self.field(key).map(|node| &node.content) {
            Some(Content::Scalar(scalar)) => Some(&scalar.text),
            _ => self.shape.default_of(key),
        }
    }

    fn refuse(&self, key: &str, error: &InvalidValue) -> Problem {
        let node = self.field(key).unwrap_or(self.fallback);
        Problem::invalid(error).in_field(self.path.clone().key(key)).at(node.span, error.what())
    }

    fn refuse_whole(&self, error: &InvalidValue) -> Problem {
        Problem::invalid(error).in_field(&self.path).at(self.fallback.span, error.what())
    }

    fn optional<T: FromStr<Err = InvalidValue>>(&self, key: &str) -> Decoded<Option<T>> {
        self.written(key).map(|text| text.parse().map_err(|error| self.refuse(key, &error))).transpose()
    }

    fn required<T: FromStr<Err = InvalidValue>>(&self, key: &str) -> Decoded<T> {
        self.optional(key)?.ok_or_else(|| {
            Problem::new("config/missing-key", format!("the key {key:?} is missing"))
                .in_field(self.path.clone().key(key))
                .at(self.fallback.span, format!("has no {key:?}"))
        })
    }

    fn truth(&self, key: &str) -> bool {
        match self.field(key).map(|node| &node.content) {
            Some(Content::Scalar(scalar)) => scalar.truth() == Some(true),
            _ => self.shape.default_of(key) == Some("true"),
        }
    }

    fn number(&self, key: &str) -> Option<u32> {
        self.written(key).and_then(|text| text.parse().ok())
    }

    /// The items of the list `key`, each read by `read`.
    fn list<T>(&self, key: &str, read: impl Fn(&str) -> Result<T, InvalidValue>) -> Decoded<Vec<T>> {
        let items = self.field(key).map(Node::items).unwrap_or_default();
        items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let text = match &item.content {
                    Content::Scalar(scalar) => scalar.text.as_str(),
                    _ => "",
                };
                read(text).map_err(|error| {
                    Problem::invalid(&error)
                        .in_field(self.path.clone().key(key).index(index))
                        .at(item.span, error.what())
                })
            })
            .collect()
    }

    /// The list `key` as what is allowed: `*` stands for everything.
    fn allowed<T: FromStr<Err = InvalidValue> + Ord>(&self, key: &str) -> Decoded<Allowed<T>> {
        let items = self.list(key, |text| match text {
            "*" => Ok(None),
            text => text.parse().map(Some),
        })?;
        if items.iter().any(Option::is_none) {
            if items.len() > 1 {
                let node = self.field(key).unwrap_or(self.fallback);
                return Err(Problem::new(
                    "config/contradiction",
                    format!("\"*\" in {key} makes its other items pointless"),
                )
                .in_field(self.path.clone().key(key))
                .at(node.span, "\"*\" and more")
                .with_hint("keep \"*\" alone, or the others"));
            }
            return Ok(Allowed::Any);
        }
        Ok(Allowed::These(items.into_iter().flatten().collect()))
    }
}

/// The component `name`, written in `node`, with paths seen from `folder`.
///
/// # Errors
/// The first rule between fields that is broken.
pub fn component(node: &Node, name: &ComponentName, folder: &Path) -> Decoded<Component> {
    let path = FieldPath::of(["components", name.as_str()]);
    let view = View::root(node, &fields::COMPONENT, path);
    let function = function(&view, folder)?;
    let gateway = gateway(&view.object("gateway", &fields::GATEWAY))?;
    let health = view.has("health").then(|| health(&view.object("health", &fields::HEALTH))).transpose()?;
    let retention = view.object("logs", &fields::LOGS).required("retention")?;
    match view.required("kind")? {
        ComponentKind::RestApi => {
            let api =
                RestApi::new(function, gateway, health, retention).map_err(|error| view.refuse("health", &error))?;
            Ok(api.named(name.clone()))
        }
    }
}

fn function(view: &View<'_>, folder: &Path) -> Decoded<ServerlessFunction> {
    let source = view.written("source").unwrap_or_default();
    let start = if view.has("handler") {
        Start::Handler(view.required("handler")?)
    } else {
        Start::Server(view.required("start")?)
    };
    Ok(ServerlessFunction {
        source: SourceFolder::new(folder, source).map_err(|error| view.refuse("source", &error))?,
        build: view.optional("build")?,
        start,
        runtime: view.required("runtime")?,
        memory: view.required("memory")?,
        timeout: view.required("timeout")?,
        environment: environment(view)?,
    })
}

/// The environment variables of the component `name`, written in `node`.
///
/// # Errors
/// When one can't be read.
pub fn component_environment(node: &Node, name: &ComponentName) -> Decoded<Environment> {
    environment(&View::root(node, &fields::COMPONENT, FieldPath::of(["components", name.as_str()])))
}

fn environment(view: &View<'_>) -> Decoded<Environment> {
    let entries = view.field("environment").map(Node::entries).unwrap_or_default();
    entries
        .iter()
        .map(|entry| {
            let refuse = |error: InvalidValue| {
                Problem::invalid(&error)
                    .in_field(view.path.clone().key("environment").key(&entry.key))
                    .at(entry.value.span, error.what())
            };
            let value = match &entry.value.content {
                Content::Scalar(scalar) => VariableValue::written(&scalar.text).map_err(refuse)?,
                _ => {
                    let path = view.path.clone().key("environment").key(&entry.key);
                    VariableValue::secret_from(View::root(&entry.value, &fields::SECRET, path).required("from-env")?)
                }
            };
            Ok((entry.key.parse().map_err(refuse)?, value))
        })
        .collect()
}

fn health(view: &View<'_>) -> Decoded<HealthCheck> {
    Ok(HealthCheck { path: view.required("path")?, timeout: view.required("timeout")? })
}

fn gateway(view: &View<'_>) -> Decoded<ApiGateway> {
    let authentication = authentication(view)?.unwrap_or(Authentication::None);
    let cors = view.has("cors").then(|| cors(&view.object("cors", &fields::CORS))).transpose()?;
    let throttle = view.has("throttle").then(|| throttle(&view.object("throttle", &fields::THROTTLE))).transpose()?;
    let routes = routes(view)?;
    ApiGateway::new(routes, view.truth("catch-all"), authentication, cors, throttle)
        .map_err(|error| view.refuse("routes", &error))
}

fn routes(view: &View<'_>) -> Decoded<Vec<Route>> {
    let listed = view.field("routes").map(Node::items).unwrap_or_default();
    let mut routes: Vec<Route> = Vec::new();
    for (index, item) in listed.iter().enumerate() {
        let path = view.path.clone().key("routes").index(index);
        let route = route(&View::root(item, &fields::ROUTE, path.clone()))?;
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
            let auth = view.object("auth", &fields::TOKEN_AUTH);
            let jwt = auth.object("jwt", &fields::JWT);
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
    use crate::domain::route::HttpMethod;
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

/// What an environment, written in `node`, says of the clouds.
pub fn clouds(node: &Node, clouds: &Clouds) -> Vec<(Provider, CloudSettings)> {
    let sections = clouds.iter().filter_map(|cloud| {
        let provider = cloud.provider();
        let section = node.get(provider.as_str())?;
        let mut values = Vec::new();
        single_values(section, cloud.settings(), "", &mut values);
        Some((provider, values.into_iter().collect()))
    });
    sections.collect()
}

/// The single values of a mapping, or what holds where they are left out, and those of the mappings in it.
fn single_values(node: &Node, shape: &'static ObjectShape, under: &str, found: &mut Vec<(String, String)>) {
    for field in shape.fields {
        let key = format!("{under}{}", field.key);
        match (node.get(field.key), &field.shape) {
            (Some(inner), Shape::Object(shape)) => single_values(inner, shape, &format!("{key}."), found),
            (inner, _) => match inner.map(|inner| &inner.content) {
                Some(Content::Scalar(scalar)) => found.push((key, scalar.text.clone())),
                _ => found.extend(field.default.map(|default| (key, default.to_owned()))),
            },
        }
    }
}

/// The resources that an environment, written in `node`, takes over: ours, and theirs.
pub fn adopted(node: &Node) -> Vec<(String, String)> {
    let entries = node.get("adopt").map(Node::entries).unwrap_or_default().iter();
    let pairs = entries.filter_map(|entry| match &entry.value.content {
        Content::Scalar(scalar) => Some((entry.key.clone(), scalar.text.clone())),
        _ => None,
    });
    pairs.collect()
}

/// What kind of secrets manager new stacks get, by the file's root `node`. What is wrong with it the check against the shape
/// has told already.
pub fn secrets_provider(node: &Node) -> state::NewSecrets {
    let root = View::root(node, &fields::ROOT, FieldPath::root());
    let view = root.object("state", &fields::STATE);
    view.written("secrets-provider").and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Where state is kept, by the file's root `node`.
///
/// # Errors
/// When the URL is none, which the check against the shape has told already.
pub fn state_location(node: &Node, folder: &Path) -> Decoded<StateLocation> {
    let root = View::root(node, &fields::ROOT, FieldPath::root());
    let view = root.object("state", &fields::STATE);
    let url = view.written("url").unwrap_or_default();
    let location = StateLocation::new(url, folder).map_err(|error| view.refuse("url", &error))?;
    Ok(if view.has("url") { location } else { location.by_default() })
}

/// What of the state is encrypted, by the file's root `node`.
///
/// # Errors
/// When there is no such encryption, which the check against the shape has told already.
pub fn state_encryption(node: &Node) -> Decoded<StateEncryption> {
    let root = View::root(node, &fields::ROOT, FieldPath::root());
    Ok(root.object("state", &fields::STATE).optional("encryption")?.unwrap_or_default())
}

/// How long the lease of a stack's lock runs, by the file's root `node`.
///
/// # Errors
/// When it is no such time, which the check against the shape has told already.
pub fn state_lease(node: &Node) -> Decoded<LeaseSpan> {
    View::root(node, &fields::ROOT, FieldPath::root()).object("state", &fields::STATE).required("lease")
}
