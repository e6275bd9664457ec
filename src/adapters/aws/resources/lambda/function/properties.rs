//! The typed inputs and outputs of a function, between Pulumi's names and Lambda's.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{self as sdk, FunctionConfiguration};
use serde::{Deserialize, Serialize};

use crate::adapters::aws::connection::connection::Connection;
use crate::adapters::aws::frame::managed::required;
use crate::adapters::aws::frame::tags::Tags;
use crate::adapters::aws::resources::lambda::function_reference::invoke_arn;
use crate::ports::ProviderError;

#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    pub(in crate::adapters::aws) name: String,
    pub(in crate::adapters::aws) role: String,
    pub(in crate::adapters::aws) architectures: Option<Vec<String>>,
    pub(in crate::adapters::aws) dead_letter_config: Option<DeadLetterConfig>,
    pub(in crate::adapters::aws) description: Option<String>,
    pub(in crate::adapters::aws) environment: Option<Environment>,
    pub(in crate::adapters::aws) ephemeral_storage: Option<EphemeralStorage>,
    pub(in crate::adapters::aws) handler: Option<String>,
    pub(in crate::adapters::aws) kms_key_arn: Option<String>,
    pub(in crate::adapters::aws) layers: Option<Vec<String>>,
    pub(in crate::adapters::aws) logging_config: Option<LoggingConfig>,
    pub(in crate::adapters::aws) memory_size: Option<i32>,
    pub(in crate::adapters::aws) package_type: Option<String>,
    /// -1 sets nothing aside.
    pub(in crate::adapters::aws) reserved_concurrent_executions: Option<i32>,
    pub(in crate::adapters::aws) runtime: Option<String>,
    pub(in crate::adapters::aws) s3_bucket: Option<String>,
    pub(in crate::adapters::aws) s3_key: Option<String>,
    pub(in crate::adapters::aws) s3_object_version: Option<String>,
    pub(in crate::adapters::aws) tags: Option<Tags>,
    pub(in crate::adapters::aws) timeout: Option<i32>,
    pub(in crate::adapters::aws) tracing_config: Option<TracingConfig>,
    pub(in crate::adapters::aws) vpc_config: Option<VpcConfig>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct DeadLetterConfig {
    target_arn: String,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Environment {
    variables: Option<BTreeMap<String, String>>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct EphemeralStorage {
    /// MB.
    size: Option<i32>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct LoggingConfig {
    log_format: String,
    application_log_level: Option<String>,
    log_group: Option<String>,
    system_log_level: Option<String>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct TracingConfig {
    mode: String,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct VpcConfig {
    security_group_ids: Vec<String>,
    subnet_ids: Vec<String>,
    ipv6_allowed_for_dual_stack: Option<bool>,
    vpc_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    pub(in crate::adapters::aws) inputs: Inputs,
    arn: String,
    code_sha256: String,
    invoke_arn: String,
    last_modified: String,
    qualified_arn: String,
    qualified_invoke_arn: String,
    response_streaming_invoke_arn: String,
    signing_job_arn: String,
    signing_profile_version_arn: String,
    source_code_hash: String,
    source_code_size: i64,
    tags_all: Tags,
    version: String,
    /// The function was changed since its last version was published.
    #[serde(skip)]
    pub(in crate::adapters::aws) unpublished: bool,
}

impl Outputs {
    /// Base64 of the SHA-256 of the code.
    pub(in crate::adapters::aws) fn code_hash(&self) -> &str {
        &self.code_sha256
    }

    /// Whether it runs on these processors.
    pub(in crate::adapters::aws) fn has_architectures(&self, wanted: &[&str]) -> bool {
        self.inputs.architectures.as_ref().is_some_and(|found| found.iter().all(|one| wanted.contains(&one.as_str())))
    }
}

/// The configuration that one call sets: of `CreateFunction` and `UpdateFunctionConfiguration` alike.
pub(in crate::adapters::aws) struct Configuration {
    pub(in crate::adapters::aws) dead_letter: Option<sdk::DeadLetterConfig>,
    pub(in crate::adapters::aws) environment: sdk::Environment,
    pub(in crate::adapters::aws) ephemeral_storage: Option<sdk::EphemeralStorage>,
    pub(in crate::adapters::aws) logging: Option<sdk::LoggingConfig>,
    pub(in crate::adapters::aws) runtime: Option<sdk::Runtime>,
    pub(in crate::adapters::aws) tracing: sdk::TracingConfig,
    pub(in crate::adapters::aws) vpc: Option<sdk::VpcConfig>,
}

impl Inputs {
    /// The nested parts in the SDK's types.
    pub(in crate::adapters::aws) fn configuration(&self) -> Configuration {
        let variables =
            self.environment.as_ref().and_then(|environment| environment.variables.clone()).unwrap_or_default();
        let mode = self.tracing_config.as_ref().map_or("PassThrough", |tracing| tracing.mode.as_str());
        Configuration {
            dead_letter: self
                .dead_letter_config
                .as_ref()
                .map(|config| sdk::DeadLetterConfig::builder().target_arn(&config.target_arn).build()),
            environment: sdk::Environment::builder().set_variables(Some(variables.into_iter().collect())).build(),
            ephemeral_storage: self
                .ephemeral_storage
                .as_ref()
                .and_then(|storage| storage.size)
                .and_then(|size| sdk::EphemeralStorage::builder().size(size).build().ok()),
            logging: self.logging_config.as_ref().map(|logging| {
                sdk::LoggingConfig::builder()
                    .log_format(logging.log_format.as_str().into())
                    .set_application_log_level(logging.application_log_level.as_deref().map(Into::into))
                    .set_system_log_level(logging.system_log_level.as_deref().map(Into::into))
                    .set_log_group(logging.log_group.clone())
                    .build()
            }),
            runtime: self.runtime.as_deref().map(sdk::Runtime::from),
            tracing: sdk::TracingConfig::builder().mode(mode.into()).build(),
            vpc: self.vpc_config.as_ref().map(|vpc| {
                sdk::VpcConfig::builder()
                    .set_security_group_ids(Some(vpc.security_group_ids.clone()))
                    .set_subnet_ids(Some(vpc.subnet_ids.clone()))
                    .set_ipv6_allowed_for_dual_stack(vpc.ipv6_allowed_for_dual_stack)
                    .build()
            }),
        }
    }

    /// Whether `UpdateFunctionConfiguration` is needed to come from one to the other.
    pub(in crate::adapters::aws) fn configuration_differs(&self, other: &Self) -> bool {
        let without_the_rest = |inputs: &Self| Self {
            s3_bucket: None,
            s3_key: None,
            s3_object_version: None,
            architectures: None,
            reserved_concurrent_executions: None,
            tags: None,
            ..inputs.clone()
        };
        without_the_rest(self) != without_the_rest(other)
    }
}

impl Inputs {
    /// Whether a function as found is configured as wanted.
    pub(in crate::adapters::aws) fn configured_as(&self, wanted: &Self) -> bool {
        fn text(value: &Option<String>) -> &str {
            value.as_deref().unwrap_or_default()
        }
        fn variables(inputs: &Inputs) -> Option<&BTreeMap<String, String>> {
            inputs
                .environment
                .as_ref()
                .and_then(|environment| environment.variables.as_ref())
                .filter(|all| !all.is_empty())
        }
        fn sorted(vpc: &Option<VpcConfig>) -> Option<(Vec<&String>, Vec<&String>)> {
            let vpc = vpc.as_ref().filter(|vpc| !vpc.subnet_ids.is_empty())?;
            let (mut groups, mut subnets): (Vec<_>, Vec<_>) =
                (vpc.security_group_ids.iter().collect(), vpc.subnet_ids.iter().collect());
            groups.sort();
            subnets.sort();
            Some((groups, subnets))
        }
        let mode = |inputs: &Self| {
            inputs.tracing_config.as_ref().map_or_else(|| "PassThrough".to_owned(), |tracing| tracing.mode.clone())
        };
        let size = |inputs: &Self| inputs.ephemeral_storage.as_ref().and_then(|storage| storage.size).unwrap_or(512);
        let logging = |wanted: &LoggingConfig| {
            self.logging_config.as_ref().is_some_and(|found| {
                let same = |found: &Option<String>, wanted: &Option<String>| wanted.is_none() || found == wanted;
                found.log_format == wanted.log_format
                    && same(&found.application_log_level, &wanted.application_log_level)
                    && same(&found.system_log_level, &wanted.system_log_level)
                    && same(&found.log_group, &wanted.log_group)
            })
        };
        self.role == wanted.role
            && text(&self.handler) == text(&wanted.handler)
            && text(&self.runtime) == text(&wanted.runtime)
            && text(&self.description) == text(&wanted.description)
            && text(&self.kms_key_arn) == text(&wanted.kms_key_arn)
            && self.memory_size.unwrap_or(128) == wanted.memory_size.unwrap_or(128)
            && self.timeout.unwrap_or(3) == wanted.timeout.unwrap_or(3)
            && variables(self) == variables(wanted)
            && mode(self) == mode(wanted)
            && size(self) == size(wanted)
            && self.layers.clone().unwrap_or_default() == wanted.layers.clone().unwrap_or_default()
            && self.dead_letter_config == wanted.dead_letter_config
            && sorted(&self.vpc_config) == sorted(&wanted.vpc_config)
            && wanted.logging_config.as_ref().is_none_or(logging)
    }
}

/// The part of an ARN before a version or alias of a function: `arn:aws:lambda:region:account:function:name`.
fn unqualified(arn: &str) -> String {
    arn.split(':').take(7).collect::<Vec<_>>().join(":")
}

/// What isn't part of the function's configuration but of its outputs.
pub(in crate::adapters::aws) struct Surroundings {
    /// The version that was published last, if any.
    pub(in crate::adapters::aws) version: Option<String>,
    /// Concurrency set aside, if any.
    pub(in crate::adapters::aws) reserved: Option<i32>,
    /// Tags without the deployment's.
    pub(in crate::adapters::aws) tags: Tags,
}

impl Surroundings {
    /// For a look at the configuration alone.
    pub(in crate::adapters::aws) fn none() -> Self {
        Self { version: None, reserved: None, tags: Tags::new() }
    }
}

/// Outputs from what Lambda says. `known` names where the code came from, which Lambda doesn't tell, and what it leaves out for a caller
/// who may not see it: the variables, where he may not use their key
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentResponse.html>: `Error`).
pub(in crate::adapters::aws) async fn outputs(
    connection: &Connection,
    found: &FunctionConfiguration,
    around: Surroundings,
    known: &Inputs,
) -> Result<Outputs, ProviderError> {
    let text = |text: Option<&str>| Some(text.unwrap_or_default().to_owned());
    let arn = unqualified(required(found.function_arn(), "the function's ARN")?);
    let partition = &connection.account().await?.partition;
    let version = around.version.unwrap_or_else(|| "$LATEST".to_owned());
    let qualified_arn = format!("{arn}:{version}");
    let hash = found.code_sha256().unwrap_or_default().to_owned();
    let name = required(found.function_name(), "the function's name")?.to_owned();
    let inputs = Inputs {
        name,
        role: found.role().unwrap_or_default().to_owned(),
        architectures: Some(match found.architectures() {
            [] => vec!["x86_64".to_owned()],
            all => all.iter().map(|one| one.as_str().to_owned()).collect(),
        }),
        dead_letter_config: found
            .dead_letter_config()
            .and_then(|config| config.target_arn())
            .filter(|arn| !arn.is_empty())
            .map(|arn| DeadLetterConfig { target_arn: arn.to_owned() }),
        description: text(found.description()),
        environment: match found.environment() {
            Some(hidden) if hidden.error().is_some() => {
                let (name, error) = (found.function_name().unwrap_or_default(), hidden.error());
                let message = error.and_then(|error| error.message()).unwrap_or_default();
                tracing::warn!(
                    "the variables of the function {name} can't be seen (allow kms:Decrypt on its key), so they are taken to be as \
                     recorded: {message}"
                );
                known.environment.clone()
            }
            shown => shown
                .and_then(|environment| environment.variables())
                .filter(|variables| !variables.is_empty())
                .map(|variables| Environment { variables: Some(variables.clone().into_iter().collect()) }),
        },
        ephemeral_storage: Some(EphemeralStorage {
            size: Some(found.ephemeral_storage().map_or(512, |storage| storage.size())),
        }),
        handler: text(found.handler()),
        kms_key_arn: text(found.kms_key_arn()),
        layers: Some(found.layers().iter().filter_map(|layer| layer.arn().map(str::to_owned)).collect()),
        logging_config: Some(logging(found)),
        memory_size: Some(found.memory_size().unwrap_or(128)),
        package_type: Some(found.package_type().map_or("Zip", |kind| kind.as_str()).to_owned()),
        reserved_concurrent_executions: Some(around.reserved.unwrap_or(-1)),
        runtime: text(found.runtime().map(|runtime| runtime.as_str())),
        s3_bucket: known.s3_bucket.clone(),
        s3_key: known.s3_key.clone(),
        s3_object_version: known.s3_object_version.clone(),
        tags: Some(around.tags.clone()),
        timeout: Some(found.timeout().unwrap_or(3)),
        tracing_config: Some(TracingConfig {
            mode: found
                .tracing_config()
                .and_then(|tracing| tracing.mode())
                .map_or("PassThrough", |mode| mode.as_str())
                .to_owned(),
        }),
        vpc_config: found.vpc_config().filter(|vpc| !vpc.subnet_ids().is_empty()).map(|vpc| VpcConfig {
            security_group_ids: vpc.security_group_ids().to_vec(),
            subnet_ids: vpc.subnet_ids().to_vec(),
            ipv6_allowed_for_dual_stack: Some(vpc.ipv6_allowed_for_dual_stack().unwrap_or(false)),
            vpc_id: vpc.vpc_id().map(str::to_owned),
        }),
    };
    Ok(Outputs {
        inputs,
        invoke_arn: invoke_arn(connection, &arn).await?,
        last_modified: found.last_modified().unwrap_or_default().to_owned(),
        qualified_invoke_arn: invoke_arn(connection, &qualified_arn).await?,
        response_streaming_invoke_arn: format!(
            "arn:{partition}:apigateway:{}:lambda:path/2021-11-15/functions/{arn}/response-streaming-invocations",
            connection.region
        ),
        qualified_arn,
        arn,
        signing_job_arn: found.signing_job_arn().unwrap_or_default().to_owned(),
        signing_profile_version_arn: found.signing_profile_version_arn().unwrap_or_default().to_owned(),
        source_code_hash: hash.clone(),
        code_sha256: hash,
        source_code_size: found.code_size(),
        tags_all: around.tags,
        version,
        unpublished: false,
    })
}

fn logging(found: &FunctionConfiguration) -> LoggingConfig {
    let config = found.logging_config();
    let default_group = || format!("/aws/lambda/{}", found.function_name().unwrap_or_default());
    LoggingConfig {
        log_format: config.and_then(|config| config.log_format()).map_or("Text", |format| format.as_str()).to_owned(),
        application_log_level: config
            .and_then(|config| config.application_log_level())
            .map(|level| level.as_str().to_owned()),
        log_group: Some(config.and_then(|config| config.log_group()).map_or_else(default_group, str::to_owned)),
        system_log_level: config.and_then(|config| config.system_log_level()).map(|level| level.as_str().to_owned()),
    }
}
