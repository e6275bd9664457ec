//! What a REST API becomes: the list itself, and the same made on an emulator and called.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;

use resource_graph::{Archive, ArchiveSource, PropertyMap, Resolved, ResourceSpec, Urn, Value};
use semantest_iac::domain::code::environment::{Environment, VariableValue};
use semantest_iac::domain::code::function::{ServerlessFunction, SourceFolder, Start};
use semantest_iac::domain::code::logs::LogRetention;
use semantest_iac::domain::code::runtime::Architecture;
use semantest_iac::domain::component::{Component, ComponentSpec, FrontDoor, Function, RestApi};
use semantest_iac::domain::gateway::ApiGateway;
use semantest_iac::domain::gateway::authentication::{Audience, Authentication, Issuer, JwtAuthentication};
use semantest_iac::domain::gateway::cors::{Allowed, CorsPolicy, CorsRules};
use semantest_iac::domain::gateway::route::Route;
use semantest_iac::domain::gateway::throttle::Throttle;
use semantest_iac::domain::quantity::Timeout;
use semantest_iac::ports::{
    Blueprint, BlueprintRequest, Blueprints as _, Catalogue, ComponentDeployment, Entry, PackagedCode, PhysicalNames,
    ResourceState, Whose,
};

use crate::aws::schema;
use crate::aws::support::{Account, IDENTITY, PROJECT, STACK};

fn parsed<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn component(gateway: ApiGateway) -> Component {
    let environment: Environment = [(parsed("API_VERSION"), VariableValue::plain("v1").unwrap())].into_iter().collect();
    let function = ServerlessFunction {
        source: SourceFolder::new(Path::new("/project"), "rest-api").unwrap(),
        build: None,
        start: Start::Server(parsed("node server.js")),
        port: None,
        runtime: parsed("nodejs22"),
        architecture: Architecture::default(),
        memory: parsed("512MB"),
        timeout: Timeout::from_seconds(30).unwrap(),
        environment,
    };
    RestApi::new(function, gateway, None, LogRetention::Days(14)).unwrap().named(parsed("rest-api"))
}

fn jwt(issuer: &str) -> Authentication {
    let audience = vec![Audience::new("semantest").unwrap()];
    Authentication::Jwt(JwtAuthentication::new(Issuer::new(issuer).unwrap(), audience).unwrap())
}

/// A gateway with everything that one can have.
fn full_gateway() -> ApiGateway {
    let cors = CorsRules {
        origins: Allowed::These([parsed("https://semantest.com")].into()),
        methods: Allowed::These([parsed("GET"), parsed("POST")].into()),
        headers: Allowed::These([parsed("authorization")].into()),
        expose_headers: Allowed::none(),
        max_age: Some(parsed("1h")),
        credentials: false,
    };
    let route = |key, authentication| Route { key: parsed(key), authentication };
    let routes = vec![
        route("GET /health", Some(Authentication::None)),
        route("ANY /admin/{rest+}", Some(jwt("https://admin.example.com/"))),
    ];
    let throttle = Throttle::new(100, 200).unwrap();
    ApiGateway::new(routes, true, jwt("https://id.example.com/"), Some(CorsPolicy::new(cors).unwrap()), Some(throttle))
        .unwrap()
}

fn request(component: Component, archive: Archive, zipped_size: u64) -> BlueprintRequest {
    let package = PackagedCode {
        archive,
        zipped_size,
        entry: Entry::Handler("index.handler".to_owned()),
        environment: [("SEMANTEST_START", "node server.js")].into(),
    };
    BlueprintRequest {
        project: PROJECT.to_owned(),
        environment: "test".to_owned(),
        stack: STACK.to_owned(),
        identity: None,
        components: vec![ComponentDeployment { component, package: Some(package) }],
        names: PhysicalNames::default(),
    }
}

fn some_archive() -> Archive {
    Archive { hash: Some("a".repeat(64)), source: ArchiveSource::Path(".semantest/packages/rest-api.zip".to_owned()) }
}

/// One line for a resource, and its inputs below.
fn shown(blueprint: &Blueprint) -> String {
    let mut text = String::new();
    for spec in &blueprint.resources {
        let after: Vec<&str> = spec.options.depends_on.iter().map(Urn::name).collect();
        text += &format!(
            "{} {}{}\n",
            spec.type_token,
            spec.urn.name(),
            if after.is_empty() { String::new() } else { format!(" after {}", after.join(", ")) }
        );
        for (name, value) in spec.inputs.iter() {
            text += &format!("    {name}: {value:?}\n");
        }
    }
    text += "outputs\n";
    for output in &blueprint.outputs {
        text += &format!("    {}.{}: {:?}\n", output.component, output.name, output.value);
    }
    text
}

/// `cors: server`: the gateway has no policy, and lets preflight requests through to the server where others take a token.
#[tokio::test]
async fn a_server_that_answers_browsers_itself_is_asked() {
    let account = Account::at("http://127.0.0.1:1").await;
    let component = component(full_gateway().with_cors_of_the_server());
    let blueprint = account.aws.blueprint(&request(component, some_archive(), 1000)).unwrap();
    let inputs = |token: &str, name: &str| {
        let mut found = blueprint.resources.iter().filter(|spec| spec.type_token.as_str() == token);
        found.find(|spec| spec.urn.name() == name).unwrap_or_else(|| panic!("no {name}")).inputs.clone()
    };
    assert_eq!(inputs("aws:apigatewayv2/api:Api", "rest-api-api").get("corsConfiguration"), None);
    for path in ["/", "/{proxy+}", "/admin/{rest+}"] {
        let route = inputs("aws:apigatewayv2/route:Route", &format!("rest-api-route-OPTIONS-{path}"));
        assert_eq!(route.get("authorizerId"), None, "{path}");
    }
    let function = inputs("aws:lambda/function:Function", "rest-api-function");
    let variables = function.map("environment").unwrap().map("variables").unwrap().clone();
    assert_eq!(variables.get("SEMANTEST_PREFLIGHT_ROUTES"), None, "the shim would answer in the server's place");
}

#[tokio::test]
async fn a_function_becomes_these_resources() {
    let account = Account::at("http://127.0.0.1:1").await;
    let rest_api = component(full_gateway());
    let code =
        ServerlessFunction { start: Start::Handler(parsed("index.handler")), ..rest_api.code().unwrap().clone() };
    let function = Function::new(code, None, false, LogRetention::Days(14)).unwrap();
    let component = Component::new(parsed("worker"), ComponentSpec::Function(function));
    let blueprint = account.aws.blueprint(&request(component, some_archive(), 1000)).unwrap();
    insta::assert_snapshot!(shown(&blueprint));
}

#[tokio::test]
async fn a_function_of_its_own_address_becomes_these_resources() {
    let account = Account::at("http://127.0.0.1:1").await;
    let rest_api = component(full_gateway());
    let ComponentSpec::RestApi(api) = rest_api.spec() else { panic!("{rest_api:?}") };
    let door = FrontDoor::FunctionUrl { cors: api.cors().cloned() };
    let api = RestApi::new(api.function().clone(), door, None, LogRetention::Days(14)).unwrap();
    let blueprint = account.aws.blueprint(&request(api.named(parsed("rest-api")), some_archive(), 1000)).unwrap();
    insta::assert_snapshot!(shown(&blueprint));
}

#[tokio::test]
async fn the_processor_is_said_where_it_isnt_the_usual_one() {
    let account = Account::at("http://127.0.0.1:1").await;
    let rest_api = component(full_gateway());
    for (architecture, said) in [(Architecture::Arm64, true), (Architecture::X86_64, false)] {
        let code = ServerlessFunction {
            start: Start::Handler(parsed("index.handler")),
            architecture,
            ..rest_api.code().unwrap().clone()
        };
        let function = Function::new(code, None, false, LogRetention::Days(14)).unwrap();
        let component = Component::new(parsed("worker"), ComponentSpec::Function(function));
        let blueprint = account.aws.blueprint(&request(component, some_archive(), 1000)).unwrap();
        let function = blueprint.resources.iter().find(|it| it.type_token.as_str() == "aws:lambda/function:Function");
        let inputs = &function.unwrap().inputs;
        assert_eq!(inputs.get("architectures").is_some(), said, "{inputs:?}");
        assert_eq!(format!("{inputs:?}").contains("arm64"), said, "{inputs:?}");
    }
}

#[tokio::test]
async fn a_rest_api_becomes_these_resources() {
    let account = Account::at("http://127.0.0.1:1").await;
    let blueprint = account.aws.blueprint(&request(component(full_gateway()), some_archive(), 1000)).unwrap();
    insta::assert_snapshot!(shown(&blueprint));
    let group = component(full_gateway()).group_urn(PROJECT, STACK);
    let mut seen: Vec<&Urn> = Vec::new();
    for spec in &blueprint.resources {
        let parent = spec.options.parent.clone().unwrap();
        assert_eq!(parent, if spec.custom { group.clone() } else { Urn::root(STACK, PROJECT) });
        for needed in spec.dependencies().iter().filter(|urn| **urn != Urn::root(STACK, PROJECT)) {
            assert!(seen.contains(&needed), "{} comes before {needed}", spec.urn);
        }
        seen.push(&spec.urn);
    }
}

#[tokio::test]
async fn a_large_package_goes_through_a_bucket() {
    let account = Account::at("http://127.0.0.1:1").await;
    let of_size =
        |size| account.aws.blueprint(&request(component(ApiGateway::default()), some_archive(), size)).unwrap();
    let direct = of_size(50_000_000);
    assert!(direct.resources.iter().all(|spec| !spec.type_token.as_str().starts_with("aws:s3/")));
    let blueprint = of_size(50_000_001);
    let of_type = |token: &str| blueprint.resources.iter().find(|spec| spec.type_token.as_str() == token).unwrap();
    let function = of_type("aws:lambda/function:Function");
    assert!(!function.inputs.contains_key("code") && function.inputs.contains_key("s3Bucket"));
    let object = of_type("aws:s3/bucketObjectv2:BucketObjectv2");
    assert_eq!(object.inputs.string("key"), Some(format!("{}.zip", "a".repeat(64)).as_str()));
    assert!(function.dependencies().contains(&object.urn));
}

/// Makes all resources one after the other.
async fn make(account: &Account, blueprint: &Blueprint) -> HashMap<Urn, ResourceState> {
    let mut states: HashMap<Urn, ResourceState> = HashMap::new();
    for spec in blueprint.resources.iter().filter(|spec| spec.custom) {
        let mut inputs = spec.inputs.resolve(&mut |reference| lookup(&states, reference)).unwrap();
        account.aws.mark(&mut inputs, IDENTITY);
        let mut context = account.context(spec.type_token.as_str(), "");
        context.urn = spec.urn.clone();
        let provider = account.provider(spec.type_token.as_str());
        let state = provider.create(&context, &inputs).await.unwrap_or_else(|error| panic!("{}: {error:?}", spec.urn));
        schema::check(spec.type_token.as_str(), &state);
        let read = provider.read(&context, &state.id, &inputs).await.unwrap().unwrap();
        assert_eq!(read.inputs, inputs, "{}", spec.urn);
        assert_eq!(provider.find(&context, &inputs).await.unwrap().unwrap().whose, Whose::Ours, "{}", spec.urn);
        states.insert(spec.urn.clone(), state);
    }
    states
}

fn lookup(states: &HashMap<Urn, ResourceState>, reference: &resource_graph::OutputReference) -> Resolved {
    let Some(state) = states.get(&reference.urn) else { return Resolved::Missing };
    let value = match reference.path.as_slice() {
        [name] if name == "id" => Some(Value::from(state.id.as_str())),
        path => state.outputs.get_path(path).cloned(),
    };
    value.map_or(Resolved::Missing, Resolved::Known)
}

async fn delete(account: &Account, blueprint: &Blueprint, states: &HashMap<Urn, ResourceState>) {
    for spec in blueprint.resources.iter().rev().filter(|spec| spec.custom) {
        let ResourceSpec { urn, type_token, .. } = spec;
        let mut context = account.context(type_token.as_str(), "");
        context.urn = urn.clone();
        account.provider(type_token.as_str()).delete(&context, &states[urn]).await.unwrap();
    }
}

#[tokio::test]
async fn made_on_an_emulator_it_answers_at_its_url() {
    let account = Account::new().await;
    for (answer, zipped_size) in [("small", 1000), ("large", 60 * 1024 * 1024)] {
        let Value::Archive(archive) = account.package(answer) else { unreachable!() };
        let routes = vec![Route { key: parsed("GET /health"), authentication: Some(Authentication::None) }];
        let gateway = ApiGateway::new(routes, true, jwt("https://id.example.com/"), None, None).unwrap();
        let mut request = request(component(gateway), *archive, zipped_size);
        request.identity = Some(account.identity().await);
        let blueprint = account.aws.blueprint(&request).unwrap();
        let states = make(&account, &blueprint).await;
        let outputs: PropertyMap = blueprint
            .outputs
            .iter()
            .map(|output| {
                (output.name.as_str(), output.value.resolve(&mut |reference| lookup(&states, reference)).unwrap())
            })
            .collect();
        let url = outputs.string("url").unwrap();
        assert!(url.starts_with(&account.endpoint()) && !url.ends_with('/'), "{url}");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::new();
        let get = async |path: &str| http.get(format!("{url}{path}")).send().await.unwrap();
        let health = get("/health").await;
        assert_eq!((health.status().as_u16(), health.text().await.unwrap().as_str()), (200, answer));
        assert_eq!(get("/").await.status().as_u16(), 401);
        assert!(outputs.string("logGroup").unwrap().starts_with("/aws/lambda/"));
        delete(&account, &blueprint, &states).await;
    }
}
