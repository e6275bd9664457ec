//! The operations on a function. An update sends the code first, then the configuration, then publishes one version, and
//! waits for Lambda only between them and for the version.

use async_trait::async_trait;
use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::config::Config;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{
    Architecture, DeadLetterConfig, EphemeralStorage, FunctionConfiguration, LogFormat, LoggingConfig, PackageType,
    VpcConfig,
};
use resource_graph::{CallCost, OperationCost, PropertyMap, ResourceTypeInfo, Value};

use super::properties::{Configuration, Inputs, Outputs, Surroundings, outputs};
use super::settle;
use super::upload::{self, Code};
use super::versions;
use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::import_form::ImportForm;
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, optional, required};
use crate::adapters::aws::frame::properties::{Default, Shape, same_set};
use crate::adapters::aws::frame::tags::{self, Tags};
use crate::adapters::aws::quota::{LAMBDA_CONTROL, LAMBDA_GET_FUNCTION};
use crate::adapters::aws::resources::lambda::function_reference::name_of;
use crate::ports::{ProviderError, ProviderErrorKind, Whose};

const CREATE: Action = Action::write("lambda:CreateFunction", LAMBDA_CONTROL).besides(&[
    "iam:PassRole",
    "lambda:TagResource",
    "s3:GetObject",
]);
const UPDATE_CODE: Action = Action::write("lambda:UpdateFunctionCode", LAMBDA_CONTROL).besides(&["s3:GetObject"]);
const UPDATE_CONFIGURATION: Action =
    Action::write("lambda:UpdateFunctionConfiguration", LAMBDA_CONTROL).besides(&["iam:PassRole"]);
const PUBLISH: Action = Action::write("lambda:PublishVersion", LAMBDA_CONTROL);
const PUT_CONCURRENCY: Action = Action::write("lambda:PutFunctionConcurrency", LAMBDA_CONTROL);
const DELETE_CONCURRENCY: Action = Action::write("lambda:DeleteFunctionConcurrency", LAMBDA_CONTROL);
const LIST_TAGS: Action = Action::read("lambda:ListTags", LAMBDA_CONTROL);
const TAG: Action = Action::write("lambda:TagResource", LAMBDA_CONTROL);
const UNTAG: Action = Action::write("lambda:UntagResource", LAMBDA_CONTROL);
const DELETE: Action = Action::write("lambda:DeleteFunction", LAMBDA_CONTROL);

fn publishes(inputs: &PropertyMap) -> bool {
    inputs.boolean("publish") == Some(true)
}

/// Reads all of a function. What its caller may not see of it stays as it is in `known`.
async fn get(call: &Call<'_>, name: &str, known: &Inputs) -> Result<(Outputs, Visibility), ProviderError> {
    let found = settle::get(call, name).await?;
    let (tags, whose) = match tags_in(call, name, &found).await {
        Ok(tags) => (tags, Visibility::Known),
        Err(error) if error.kind == ProviderErrorKind::Denied => {
            (known.tags.clone().unwrap_or_default(), Visibility::Unseen(error))
        }
        Err(error) => return Err(error),
    };
    let last = versions::last(call, name).await?;
    let around = Surroundings {
        version: last.as_ref().and_then(|version| version.version().map(str::to_owned)),
        reserved: found.concurrency().and_then(|concurrency| concurrency.reserved_concurrent_executions()),
        tags,
    };
    let configuration = required(found.configuration, "the function's configuration")?;
    let mut outputs = outputs(call.connection, &configuration, around, known).await?;
    outputs.unpublished = last.is_none_or(|last| !same_version(&configuration, &last));
    Ok((outputs, whose))
}

/// Whether a function's tags, which say whose it is, could be seen.
enum Visibility {
    Known,
    /// AWS's refusal.
    Unseen(ProviderError),
}

/// The tags in an answer. Lambda leaves them out for a caller without `lambda:ListTags`, as it does where there are none
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>: `Tags`, `TagsError`), so where they are left out they are
/// asked for by the call that says which.
async fn tags_in(call: &Call<'_>, name: &str, found: &GetFunctionOutput) -> Result<Tags, ProviderError> {
    if let Some(tags) = found.tags() {
        return Ok(tags::found_from(Some(tags)));
    }
    let arn = call.connection.arn("lambda", &format!("function:{name}")).await?;
    let answer = call.send(LIST_TAGS, name, || call.client::<Lambda>().list_tags().resource(&arn).send()).await?;
    Ok(tags::found_from(answer.tags()))
}

/// Whether a published version is what the function is now.
fn same_version(function: &FunctionConfiguration, version: &FunctionConfiguration) -> bool {
    let facts = |one: &FunctionConfiguration| {
        let variables = one.environment().and_then(|environment| environment.variables().cloned()).unwrap_or_default();
        let layers: Vec<_> = one.layers().iter().filter_map(|layer| layer.arn().map(str::to_owned)).collect();
        let texts = [one.code_sha256(), one.role(), one.handler(), one.runtime().map(|runtime| runtime.as_str())];
        let texts = texts.map(|text| text.unwrap_or_default().to_owned());
        (texts, one.memory_size(), one.timeout(), one.architectures().to_vec(), variables, layers)
    };
    facts(function) == facts(version)
}

/// What Lambda answers to a change is a configuration, though of another type for each operation.
macro_rules! configuration_of {
    ($answer:expr) => {{
        let answer = $answer;
        FunctionConfiguration::builder()
            .set_function_name(answer.function_name)
            .set_function_arn(answer.function_arn)
            .set_runtime(answer.runtime)
            .set_role(answer.role)
            .set_handler(answer.handler)
            .code_size(answer.code_size)
            .set_description(answer.description)
            .set_timeout(answer.timeout)
            .set_memory_size(answer.memory_size)
            .set_last_modified(answer.last_modified)
            .set_code_sha256(answer.code_sha256)
            .set_version(answer.version)
            .set_vpc_config(answer.vpc_config)
            .set_dead_letter_config(answer.dead_letter_config)
            .set_environment(answer.environment)
            .set_kms_key_arn(answer.kms_key_arn)
            .set_tracing_config(answer.tracing_config)
            .set_layers(answer.layers)
            .set_state(answer.state)
            .set_last_update_status(answer.last_update_status)
            .set_signing_profile_version_arn(answer.signing_profile_version_arn)
            .set_signing_job_arn(answer.signing_job_arn)
            .set_package_type(answer.package_type)
            .set_architectures(answer.architectures)
            .set_ephemeral_storage(answer.ephemeral_storage)
            .set_logging_config(answer.logging_config)
            .build()
    }};
}

/// The tags of a function: they say whose its aliases and permissions are.
pub(in crate::adapters::aws::resources) async fn tags_of(
    call: &Call<'_>,
    function: &str,
) -> Result<Tags, ProviderError> {
    let found = settle::get(call, function).await?;
    tags_in(call, name_of(function), &found).await
}

async fn set_concurrency(call: &Call<'_>, name: &str, reserved: Option<i32>) -> Result<(), ProviderError> {
    let lambda = call.client::<Lambda>();
    match reserved.filter(|reserved| *reserved >= 0) {
        Some(reserved) => {
            let request =
                lambda.put_function_concurrency().function_name(name).reserved_concurrent_executions(reserved);
            call.send(PUT_CONCURRENCY, name, || request.clone().send()).await.map(drop)
        }
        None => {
            let request = lambda.delete_function_concurrency().function_name(name);
            call.send(DELETE_CONCURRENCY, name, || request.clone().send()).await.map(drop)
        }
    }
}

async fn set_tags(call: &Call<'_>, name: &str, old: &Inputs, new: &Inputs) -> Result<(), ProviderError> {
    let (set, removed) = tags::changes(old.tags.as_ref(), new.tags.as_ref());
    if set.is_empty() && removed.is_empty() {
        return Ok(());
    }
    let lambda = call.client::<Lambda>();
    let arn = call.connection.arn("lambda", &format!("function:{name}")).await?;
    if !set.is_empty() {
        let request = lambda.tag_resource().resource(&arn).set_tags(Some(set.into_iter().collect()));
        call.send(TAG, name, || request.clone().send()).await?;
    }
    if !removed.is_empty() {
        let request = lambda.untag_resource().resource(&arn).set_tag_keys(Some(removed));
        call.send(UNTAG, name, || request.clone().send()).await?;
    }
    Ok(())
}

/// Changes the configuration. What is left out of a request stays as it is, so what is
/// to go is sent empty, and only where it changes.
async fn update_configuration(
    call: &Call<'_>,
    name: &str,
    old: &Inputs,
    new: &Inputs,
) -> Result<FunctionConfiguration, ProviderError> {
    let wanted = new.configuration();
    let none = || DeadLetterConfig::builder().target_arn("").build();
    let no_network = || VpcConfig::builder().set_security_group_ids(Some(vec![])).set_subnet_ids(Some(vec![])).build();
    let text = || LoggingConfig::builder().log_format(LogFormat::Text).log_group(format!("/aws/lambda/{name}")).build();
    let changed = |differs: bool| differs.then_some(());
    let request = call
        .client::<Lambda>()
        .update_function_configuration()
        .function_name(name)
        .role(&new.role)
        .set_handler(new.handler.clone())
        .set_runtime(wanted.runtime)
        .description(new.description.clone().unwrap_or_default())
        .memory_size(new.memory_size.unwrap_or(128))
        .timeout(new.timeout.unwrap_or(3))
        .environment(wanted.environment)
        .tracing_config(wanted.tracing)
        .set_ephemeral_storage(wanted.ephemeral_storage.or_else(|| EphemeralStorage::builder().size(512).build().ok()))
        .set_dead_letter_config(
            changed(old.dead_letter_config != new.dead_letter_config).map(|()| wanted.dead_letter.unwrap_or_else(none)),
        )
        .set_kms_key_arn(
            changed(old.kms_key_arn != new.kms_key_arn).map(|()| new.kms_key_arn.clone().unwrap_or_default()),
        )
        .set_layers(changed(old.layers != new.layers).map(|()| new.layers.clone().unwrap_or_default()))
        .set_logging_config(
            changed(old.logging_config != new.logging_config).map(|()| wanted.logging.unwrap_or_else(text)),
        )
        .set_vpc_config(changed(old.vpc_config != new.vpc_config).map(|()| wanted.vpc.unwrap_or_else(no_network)));
    Ok(configuration_of!(settle::change(call, UPDATE_CONFIGURATION, name, || request.clone().send()).await?))
}

/// Changes the code, and publishes it along with that if so wanted.
async fn update_code(
    call: &Call<'_>,
    name: &str,
    new: &Inputs,
    publish: bool,
) -> Result<FunctionConfiguration, ProviderError> {
    let code = Code::of(call, new).await?;
    let timeouts = call.connection.upload_timeouts(code.bytes());
    let request = call
        .client::<Lambda>()
        .update_function_code()
        .function_name(name)
        .set_s3_bucket(code.s3_bucket.clone())
        .set_s3_key(code.s3_key.clone())
        .set_s3_object_version(code.s3_object_version.clone())
        .set_architectures(Some(architectures(new).unwrap_or_else(|| vec![Architecture::X8664])))
        .publish(publish);
    let answer = settle::change(call, UPDATE_CODE, name, || {
        let (request, timeouts) = (request.clone(), Config::builder().timeout_config(timeouts.clone()));
        code.send(&call.connection.uploads, move |zip| {
            request.set_zip_file(zip).customize().config_override(timeouts).send()
        })
    })
    .await?;
    Ok(configuration_of!(answer))
}

fn architectures(inputs: &Inputs) -> Option<Vec<Architecture>> {
    Some(inputs.architectures.as_ref()?.iter().map(|one| Architecture::from(one.as_str())).collect())
}

pub(in crate::adapters::aws) struct Function;

#[async_trait]
impl AwsResource for Function {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:lambda/function:Function",
        replace_on: &["name", "packageType", "region"],
        stable_outputs: &["id", "arn", "invokeArn", "responseStreamingInvokeArn", "name", "region", "packageType"],
        delete_before_replace: true,
        conflict_input: None,
        conflict_scope: "",
        id_within: &[],
        create: OperationCost::new(
            &[CallCost { quota: LAMBDA_CONTROL, calls: 1 }, CallCost { quota: LAMBDA_GET_FUNCTION, calls: 3 }],
            3500,
        ),
        update: OperationCost::new(
            &[CallCost { quota: LAMBDA_CONTROL, calls: 3 }, CallCost { quota: LAMBDA_GET_FUNCTION, calls: 5 }],
            3000,
        ),
        delete: OperationCost::new(&[CallCost { quota: LAMBDA_CONTROL, calls: 1 }], 400),
        read: OperationCost::new(
            &[CallCost { quota: LAMBDA_GET_FUNCTION, calls: 1 }, CallCost { quota: LAMBDA_CONTROL, calls: 1 }],
            200,
        ),
        equivalent: |input, old, new| matches!(input, "architectures" | "vpcConfig") && same_set(old, new),
    };
    const SHAPE: Shape = Shape {
        required: &["name", "role"],
        identity: &["name"],
        generated_id: false,
        files: &["code"],
        directives: &[
            ("region", Default::Chosen),
            ("publish", Default::Flag(false)),
            ("skipDestroy", Default::Flag(false)),
        ],
        defaults: &[
            ("architectures", Default::Chosen),
            ("ephemeralStorage", Default::Chosen),
            ("loggingConfig", Default::Chosen),
            ("loggingConfig.applicationLogLevel", Default::Chosen),
            ("loggingConfig.logGroup", Default::Chosen),
            ("loggingConfig.systemLogLevel", Default::Chosen),
            ("memorySize", Default::Number(128.0)),
            ("packageType", Default::Text("Zip")),
            ("reservedConcurrentExecutions", Default::Number(-1.0)),
            ("timeout", Default::Number(3.0)),
            ("tracingConfig", Default::Chosen),
            ("vpcConfig.vpcId", Default::Chosen),
        ],
        sensitive: &["environment"],
    };
    const IMPORT: ImportForm = ImportForm::Name("name");
    const ADOPTION: AdoptionForm = AdoptionForm::named("name");

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let name = &inputs.name;
        let code = Code::of(call, inputs).await?;
        let timeouts = call.connection.upload_timeouts(code.bytes());
        let Configuration { dead_letter, environment, ephemeral_storage, logging, runtime, tracing, vpc } =
            inputs.configuration();
        let request = call
            .client::<Lambda>()
            .create_function()
            .function_name(name)
            .role(&inputs.role)
            .publish(publishes(call.given))
            .package_type(PackageType::Zip)
            .set_handler(inputs.handler.clone())
            .set_runtime(runtime)
            .set_description(inputs.description.clone())
            .set_memory_size(inputs.memory_size)
            .set_timeout(inputs.timeout)
            .environment(environment)
            .tracing_config(tracing)
            .set_dead_letter_config(dead_letter)
            .set_ephemeral_storage(ephemeral_storage)
            .set_kms_key_arn(inputs.kms_key_arn.clone().filter(|arn| !arn.is_empty()))
            .set_layers(inputs.layers.clone())
            .set_logging_config(logging)
            .set_vpc_config(vpc)
            .set_architectures(architectures(inputs))
            .set_tags(Some(call.creation_tags(inputs.tags.as_ref()).into_iter().collect()));
        let answer = call
            .send(CREATE, name, || {
                let timeouts = Config::builder().timeout_config(timeouts.clone());
                let (request, code_of) = (request.clone(), code.for_creation());
                code.send(&call.connection.uploads, move |zip| {
                    let request = request.code(code_of.set_zip_file(zip).build());
                    request.customize().config_override(timeouts).send()
                })
            })
            .await?;
        if inputs.reserved_concurrent_executions.is_some_and(|reserved| reserved >= 0) {
            set_concurrency(call, name, inputs.reserved_concurrent_executions).await?;
        }
        let version = publishes(call.given).then(|| answer.version().map(str::to_owned)).flatten();
        if let Some(version) = &version {
            settle::version_settled(call, name, version).await?;
        }
        let around = Surroundings {
            version,
            reserved: inputs.reserved_concurrent_executions,
            tags: inputs.tags.clone().unwrap_or_default(),
        };
        let configuration = configuration_of!(answer);
        Ok(Remote { id: name.clone(), outputs: outputs(call.connection, &configuration, around, inputs).await? })
    }

    async fn read(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<Outputs, ProviderError> {
        let (outputs, visibility) = get(call, id, inputs).await?;
        if let Visibility::Unseen(error) = visibility {
            tracing::warn!("the tags of the function {id} can't be seen, so they are taken to be as recorded: {error}");
        }
        Ok(outputs)
    }

    async fn update(call: &Call<'_>, id: &str, old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        // What an earlier try, cut off, has done already isn't done again: it would publish another version of the same.
        let found = settle::get(call, id).await?;
        let mut current = required(found.configuration, "the function's configuration")?;
        let before = outputs(call.connection, &current, Surroundings::none(), old).await?;
        let new_code = upload::differs(call.recorded, call.given) && !upload::is_there(call.given, &before);
        let new_configuration = old.configuration_differs(new) && !before.inputs.configured_as(new);
        let publish = publishes(call.given);
        let mut version = None;
        if new_code {
            // With nothing else to change, one call sends the code and publishes it.
            let at_once = publish && !new_configuration;
            current = update_code(call, id, new, at_once).await?;
            version = at_once.then(|| current.version().map(str::to_owned)).flatten();
        }
        if new_configuration {
            settle::before_change(call, id, &current).await?;
            current = update_configuration(call, id, old, new).await?;
        }
        if version.is_none() {
            let last = if new_code || new_configuration { None } else { versions::last(call, id).await? };
            version = match last {
                Some(last) if !publish || same_version(&current, &last) => last.version,
                _ if publish => {
                    settle::before_change(call, id, &current).await?;
                    let request = call.client::<Lambda>().publish_version().function_name(id);
                    settle::change(call, PUBLISH, id, || request.clone().send()).await?.version
                }
                _ => versions::last(call, id).await?.and_then(|last| last.version),
            };
        }
        if old.reserved_concurrent_executions.unwrap_or(-1) != new.reserved_concurrent_executions.unwrap_or(-1) {
            set_concurrency(call, id, new.reserved_concurrent_executions).await?;
        }
        set_tags(call, id, old, new).await?;
        if let Some(version) = version.as_deref().filter(|_| publish) {
            settle::version_settled(call, id, version).await?;
            let ours = new.tags.as_ref().is_some_and(|tags| tags::whose_stack(tags, call.context) == Whose::Ours);
            if ours && (new_code || new_configuration) {
                versions::prune(call, id, version).await?;
            }
        }
        let around = Surroundings {
            version,
            reserved: new.reserved_concurrent_executions,
            tags: new.tags.clone().unwrap_or_default(),
        };
        outputs(call.connection, &current, around, new).await
    }

    async fn delete(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<(), ProviderError> {
        if call.given.boolean("skipDestroy") == Some(true) {
            return Ok(());
        }
        // Without a qualifier all versions and aliases go too.
        call.send(DELETE, id, || call.client::<Lambda>().delete_function().function_name(id).send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
        let Some((outputs, visibility)) = optional(get(call, &inputs.name, inputs).await)? else { return Ok(None) };
        if let Visibility::Unseen(error) = visibility {
            let message = format!("whose the function {} is can't be seen: {}", inputs.name, error.message);
            return Err(ProviderError { message, ..error });
        }
        let whose = tags::whose(outputs.inputs.tags.as_ref().unwrap_or(&Tags::new()), call.context);
        Ok(Some((whose, Remote { id: inputs.name.clone(), outputs })))
    }

    fn observed(given: &PropertyMap, outputs: &Outputs) -> Vec<(&'static str, Value)> {
        let code = upload::found(given, outputs.code_hash());
        // A change that was cut off before its version was published: the next update publishes it.
        let publish = (publishes(given) && outputs.unpublished).then_some(("publish", Value::Bool(false)));
        code.into_iter().chain(publish).collect()
    }
}
