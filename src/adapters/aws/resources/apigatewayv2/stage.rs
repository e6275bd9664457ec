//! `aws:apigatewayv2/stage:Stage`: what of an API is live, with its access logs and limits. Its id is its name.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_apigatewayv2::Client as ApiGateway;
use aws_sdk_apigatewayv2::types::{
    AccessLogSettings as AccessLog, LoggingLevel, ProtocolType, RouteSettings as Settings,
};
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo};
use serde::{Deserialize, Serialize};

use super::{api, api_child};
use crate::adapters::aws::calls::{Action, LOG_DELIVERY};
use crate::adapters::aws::frame::import_form::ImportForm;
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, optional, required};
use crate::adapters::aws::frame::properties::{Default, Shape, same_set_of_groups};
use crate::adapters::aws::frame::tags::{self, Tags};
use crate::adapters::aws::quota::API_GATEWAY;
use crate::adapters::aws::validation::{ACCOUNT_BURST, ACCOUNT_RATE};
use crate::ports::{ProviderError, Whose};

const GET_API: Action = api_child::reads("apigateway:GetApi");
const CREATE: Action = api_child::makes("apigateway:CreateStage").besides(LOG_DELIVERY);
const GET: Action = api_child::reads("apigateway:GetStage");
const UPDATE: Action = api_child::changes("apigateway:UpdateStage").besides(LOG_DELIVERY);
const DELETE_LOGS: Action = api_child::removes("apigateway:DeleteAccessLogSettings").besides(LOG_DELIVERY);
const DELETE_ROUTE_SETTINGS: Action = api_child::removes("apigateway:DeleteRouteSettings");
const DELETE: Action = api_child::removes("apigateway:DeleteStage").besides(LOG_DELIVERY);

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    api_id: String,
    name: String,
    access_log_settings: Option<AccessLogSettings>,
    auto_deploy: Option<bool>,
    client_certificate_id: Option<String>,
    default_route_settings: Option<RouteSettings>,
    deployment_id: Option<String>,
    description: Option<String>,
    route_settings: Option<Vec<RouteSetting>>,
    stage_variables: Option<BTreeMap<String, String>>,
    tags: Option<Tags>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct AccessLogSettings {
    destination_arn: String,
    format: String,
}

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct RouteSettings {
    data_trace_enabled: Option<bool>,
    detailed_metrics_enabled: Option<bool>,
    logging_level: Option<String>,
    throttling_burst_limit: Option<i32>,
    throttling_rate_limit: Option<f64>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct RouteSetting {
    route_key: String,
    #[serde(flatten)]
    settings: RouteSettings,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    arn: String,
    execution_arn: String,
    invoke_url: String,
    tags_all: Tags,
}

impl RouteSettings {
    fn of(found: &Settings) -> Self {
        Self {
            data_trace_enabled: Some(found.data_trace_enabled().unwrap_or(false)),
            detailed_metrics_enabled: Some(found.detailed_metrics_enabled().unwrap_or(false)),
            logging_level: Some(found.logging_level().map_or("", LoggingLevel::as_str).to_owned()),
            throttling_burst_limit: Some(found.throttling_burst_limit().unwrap_or(0)),
            throttling_rate_limit: Some(found.throttling_rate_limit().unwrap_or(0.0)),
        }
    }

    fn for_sdk(&self) -> Settings {
        Settings::builder()
            .set_data_trace_enabled(self.data_trace_enabled)
            .set_detailed_metrics_enabled(self.detailed_metrics_enabled)
            .set_logging_level(self.level().map(LoggingLevel::from))
            .set_throttling_burst_limit(self.burst())
            .set_throttling_rate_limit(self.rate())
            .build()
    }

    /// The settings that lead from others to these. What is left out of an update stays as it is, and nothing takes a limit
    /// away again, so the account's own limit stands for none.
    fn after(&self, old: &Self) -> Self {
        Self {
            // That it is off where nobody has turned it on is what is recorded of any stage.
            data_trace_enabled: self.data_trace_enabled.or(old.data_trace_enabled.filter(|on| *on).map(|_| false)),
            detailed_metrics_enabled: self.detailed_metrics_enabled.or(old.detailed_metrics_enabled.map(|_| false)),
            logging_level: self.level().or(old.level().map(|_| "OFF")).map(str::to_owned),
            throttling_burst_limit: self.burst().or(old.burst().and_then(|_| i32::try_from(ACCOUNT_BURST).ok())),
            throttling_rate_limit: self.rate().or(old.rate().map(|_| ACCOUNT_RATE.into())),
        }
    }

    /// Whether it says something of logs, which only the stages of WebSocket APIs may
    /// (<https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages.html>: "Supported only for WebSocket
    /// APIs").
    fn is_of_logs(&self) -> bool {
        self.data_trace_enabled.is_some() || self.level().is_some()
    }

    /// Without what it says of logs.
    fn without_logs(&self) -> Self {
        Self { data_trace_enabled: None, logging_level: None, ..self.clone() }
    }

    /// Whether something is set here that isn't in the others.
    fn has_more_than(&self, others: &Self) -> bool {
        self.data_trace_enabled.is_some() && others.data_trace_enabled.is_none()
            || self.detailed_metrics_enabled.is_some() && others.detailed_metrics_enabled.is_none()
            || self.level().is_some() && others.level().is_none()
            || self.burst().is_some() && others.burst().is_none()
            || self.rate().is_some() && others.rate().is_none()
    }

    // An empty level and a limit of 0 mean none to Pulumi; to API Gateway the latter lets no request through.
    fn level(&self) -> Option<&str> {
        self.logging_level.as_deref().filter(|level| !level.is_empty())
    }

    fn burst(&self) -> Option<i32> {
        self.throttling_burst_limit.filter(|limit| *limit > 0)
    }

    fn rate(&self) -> Option<f64> {
        self.throttling_rate_limit.filter(|limit| *limit > 0.0)
    }
}

impl Inputs {
    fn access_log(&self) -> Option<AccessLog> {
        let settings = self.access_log_settings.as_ref()?;
        Some(AccessLog::builder().destination_arn(&settings.destination_arn).format(&settings.format).build())
    }

    fn title(&self) -> String {
        format!("'{}' of the API {}", self.name, self.api_id)
    }
}

/// The settings of a stage in the form of a request.
struct Sent {
    default: Option<Settings>,
    by_route: Option<HashMap<String, Settings>>,
}

impl Sent {
    /// What the API's protocol doesn't know is left out: states and other clouds' tools record it of every stage, and API
    /// Gateway refuses it. The API is asked only where it makes a difference.
    async fn of(call: &Call<'_>, inputs: &Inputs, default: Option<RouteSettings>) -> Result<Self, ProviderError> {
        let of_routes = inputs.route_settings.iter().flatten().map(|one| &one.settings);
        let is_of_logs = default.iter().chain(of_routes).any(RouteSettings::is_of_logs);
        let withholds = is_of_logs && !has_logs(call, &inputs.api_id).await?;
        let sent = |settings: &RouteSettings| match withholds {
            true => settings.without_logs().for_sdk(),
            false => settings.for_sdk(),
        };
        let by_route = inputs.route_settings.as_ref();
        Ok(Self {
            default: default.as_ref().map(sent),
            by_route: by_route
                .map(|settings| settings.iter().map(|one| (one.route_key.clone(), sent(&one.settings))).collect()),
        })
    }
}

/// Whether the stages of an API have logs of their own.
async fn has_logs(call: &Call<'_>, api_id: &str) -> Result<bool, ProviderError> {
    let request = call.client::<ApiGateway>().get_api().api_id(api_id);
    let answer = call.send(GET_API, api_id, || request.clone().send()).await?;
    Ok(answer.protocol_type == Some(ProtocolType::Websocket))
}

/// Outputs from the answers of all operations on a stage, which are of one shape but of different types.
macro_rules! outputs {
    ($call:expr, $api_id:expr, $answer:expr) => {{
        let (answer, api_id, connection) = ($answer, $api_id, $call.connection);
        let name = required(answer.stage_name, "the stage's name")?;
        let partition = &connection.account().await?.partition;
        let tags = tags::found_from(answer.tags.as_ref());
        let text = |text: Option<String>| Some(text.unwrap_or_default());
        let mut route_settings: Vec<_> = answer
            .route_settings
            .unwrap_or_default()
            .iter()
            .map(|(key, settings)| RouteSetting { route_key: key.clone(), settings: RouteSettings::of(settings) })
            .collect();
        route_settings.sort_by(|one, other| one.route_key.cmp(&other.route_key));
        let inputs = Inputs {
            api_id: api_id.clone(),
            access_log_settings: answer.access_log_settings.and_then(|log| {
                let destination_arn = log.destination_arn.filter(|arn| !arn.is_empty())?;
                Some(AccessLogSettings { destination_arn, format: log.format.unwrap_or_default() })
            }),
            auto_deploy: Some(answer.auto_deploy.unwrap_or(false)),
            client_certificate_id: text(answer.client_certificate_id),
            default_route_settings: answer.default_route_settings.as_ref().map(RouteSettings::of),
            deployment_id: text(answer.deployment_id),
            description: text(answer.description),
            route_settings: Some(route_settings),
            stage_variables: Some(answer.stage_variables.unwrap_or_default().into_iter().collect()),
            tags: Some(tags.clone()),
            name: name.clone(),
        };
        let path = if name == "$default" { String::new() } else { name.clone() };
        Ok::<_, ProviderError>(Outputs {
            inputs,
            arn: api_child::arn($call, &format!("{api_id}/stages/{name}")).await?,
            execution_arn: connection.arn("execute-api", &format!("{api_id}/{name}")).await?,
            invoke_url: format!("https://{api_id}.execute-api.{}.{}/{path}", connection.region, domain(partition)),
            tags_all: tags,
        })
    }};
}

/// The domain of a partition's services.
fn domain(partition: &str) -> &'static str {
    if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
}

async fn get(call: &Call<'_>, inputs: &Inputs, name: &str) -> Result<Outputs, ProviderError> {
    let request = call.client::<ApiGateway>().get_stage().api_id(&inputs.api_id).stage_name(name);
    let answer = call.send(GET, &inputs.title(), || request.clone().send()).await?;
    outputs!(call, &inputs.api_id, answer)
}

pub(in crate::adapters::aws) struct Stage;

#[async_trait]
impl AwsResource for Stage {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        delete_before_replace: true,
        create: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 1 }], 500),
        update: OperationCost::new(&[CallCost { quota: API_GATEWAY, calls: 2 }], 500),
        equivalent: |input, old, new| input == "routeSettings" && same_set_of_groups(old, new),
        ..api_child::info(
            "aws:apigatewayv2/stage:Stage",
            &["apiId", "name", "region"],
            &["id", "arn", "apiId", "executionArn", "invokeUrl", "name", "region"],
        )
    };
    const SHAPE: Shape = Shape {
        generated_id: false,
        defaults: &[
            // With auto-deploy each change of the API makes another one.
            ("deploymentId", Default::Chosen),
            ("defaultRouteSettings.loggingLevel", Default::Text("OFF")),
            ("defaultRouteSettings.throttlingBurstLimit", Default::Number(ACCOUNT_BURST as f64)),
            ("defaultRouteSettings.throttlingRateLimit", Default::Number(ACCOUNT_RATE as f64)),
        ],
        ..api_child::shape(&["apiId", "name"], &["apiId", "name"])
    };
    const IMPORT: ImportForm = ImportForm::Pair("apiId", '/', "name");
    const ADOPTION: AdoptionForm = AdoptionForm::UNNAMED;

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let sent = Sent::of(call, inputs, inputs.default_route_settings.clone()).await?;
        let request = call
            .client::<ApiGateway>()
            .create_stage()
            .api_id(&inputs.api_id)
            .stage_name(&inputs.name)
            .set_access_log_settings(inputs.access_log())
            .set_auto_deploy(inputs.auto_deploy)
            .set_client_certificate_id(inputs.client_certificate_id.clone().filter(|id| !id.is_empty()))
            .set_default_route_settings(sent.default)
            .set_deployment_id(inputs.deployment_id.clone().filter(|id| !id.is_empty()))
            .set_description(inputs.description.clone())
            .set_route_settings(sent.by_route)
            .set_stage_variables(inputs.stage_variables.clone().map(|variables| variables.into_iter().collect()))
            .set_tags(Some(call.creation_tags(inputs.tags.as_ref()).into_iter().collect()));
        let inquire = || {
            Box::pin(async {
                // A stage's name is unique, but an emulator may take it twice.
                optional(get(&call.looking(), inputs, &inputs.name).await).map(|found| found.map(|_| None))
            }) as _
        };
        let send = || {
            let request = request.clone();
            async move { request.send().await.map(Some) }
        };
        let outputs = match call.send_once(CREATE, &inputs.title(), send, &inquire).await? {
            Some(answer) => outputs!(call, &inputs.api_id, answer)?,
            None => get(call, inputs, &inputs.name).await?,
        };
        Ok(Remote { id: inputs.name.clone(), outputs })
    }

    async fn read(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<Outputs, ProviderError> {
        get(call, inputs, id).await
    }

    async fn update(call: &Call<'_>, id: &str, old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        let (gateway, on) = (call.client::<ApiGateway>(), new.title());
        if old.access_log_settings.is_some() && new.access_log_settings.is_none() {
            let request = gateway.delete_access_log_settings().api_id(&new.api_id).stage_name(id);
            optional(call.looking().send(DELETE_LOGS, &on, || request.clone().send()).await)?;
        }
        // A route without a setting of its own has the stage's. That can only be said by leaving out all it had.
        let kept = |old: &RouteSetting| {
            let same = |new: &&RouteSetting| new.route_key == old.route_key;
            new.route_settings.iter().flatten().find(same).is_some_and(|new| !old.settings.has_more_than(&new.settings))
        };
        for gone in old.route_settings.iter().flatten().filter(|one| !kept(one)) {
            let request = gateway.delete_route_settings().api_id(&new.api_id).stage_name(id).route_key(&gone.route_key);
            optional(call.looking().send(DELETE_ROUTE_SETTINGS, &on, || request.clone().send()).await)?;
        }
        let arn = api_child::arn(call, &format!("{}/stages/{id}", new.api_id)).await?;
        api_child::set_tags(call, &on, &arn, old.tags.as_ref(), new.tags.as_ref()).await?;
        // A variable that is to go is sent with an empty value.
        let mut variables: HashMap<String, String> =
            old.stage_variables.iter().flatten().map(|(name, _)| (name.clone(), String::new())).collect();
        variables.extend(new.stage_variables.clone().into_iter().flatten());
        let of_routes = |inputs: &Inputs| inputs.default_route_settings.clone().unwrap_or_default();
        let changed = old.default_route_settings.is_some() || new.default_route_settings.is_some();
        let sent = Sent::of(call, new, changed.then(|| of_routes(new).after(&of_routes(old)))).await?;
        let request = gateway
            .update_stage()
            .api_id(&new.api_id)
            .stage_name(id)
            .set_access_log_settings(new.access_log())
            .auto_deploy(new.auto_deploy.unwrap_or(false))
            .set_client_certificate_id(new.client_certificate_id.clone().filter(|id| !id.is_empty()))
            .set_default_route_settings(sent.default)
            .set_deployment_id(new.deployment_id.clone().filter(|id| !id.is_empty() && new.auto_deploy != Some(true)))
            .description(new.description.clone().unwrap_or_default())
            .set_route_settings(sent.by_route)
            .set_stage_variables((!variables.is_empty()).then_some(variables));
        let answer = call.send(UPDATE, &on, || request.clone().send()).await?;
        outputs!(call, &new.api_id, answer)
    }

    async fn delete(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<(), ProviderError> {
        let request = call.client::<ApiGateway>().delete_stage().api_id(&inputs.api_id).stage_name(id);
        call.send(DELETE, &inputs.title(), || request.clone().send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
        let outputs = get(call, inputs, &inputs.name).await?;
        Ok(Some((api::whose(call, &inputs.api_id).await?, Remote { id: inputs.name.clone(), outputs })))
    }
}
