//! `aws:lambda/alias:Alias`: a name for a version of a function, or for two versions that share the traffic. Its id is its
//! ARN.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo, Value};
use serde::{Deserialize, Serialize};

use super::function;
use super::function_reference::{invoke_arn, name_of, same_function};
use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::import_form::{ImportForm, split, text};
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, required};
use crate::adapters::aws::frame::properties::{Default, Shape};
use crate::adapters::aws::frame::tags;
use crate::adapters::aws::quota::LAMBDA_CONTROL;
use crate::ports::{ImportedId, ProviderError, Whose};

const CREATE: Action = Action::write("lambda:CreateAlias", LAMBDA_CONTROL);
const GET: Action = Action::read("lambda:GetAlias", LAMBDA_CONTROL);
const UPDATE: Action = Action::write("lambda:UpdateAlias", LAMBDA_CONTROL);
const DELETE: Action = Action::write("lambda:DeleteAlias", LAMBDA_CONTROL);

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    function_name: String,
    function_version: String,
    name: String,
    description: Option<String>,
    routing_config: Option<RoutingConfig>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct RoutingConfig {
    /// Shares from 0 to 1 of other versions; the rest is the alias's own version's.
    additional_version_weights: Option<BTreeMap<String, f64>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    arn: String,
    invoke_arn: String,
}

/// Outputs from the answers of all operations on an alias, which are of one shape but of different types.
macro_rules! outputs {
    ($call:expr, $inputs:expr, $answer:expr) => {{
        let (inputs, answer) = ($inputs, $answer);
        let arn = required(answer.alias_arn, "the alias's ARN")?;
        let weights = answer
            .routing_config
            .and_then(|routing| routing.additional_version_weights)
            .filter(|weights| !weights.is_empty());
        let found = Inputs {
            function_name: inputs.function_name.clone(),
            function_version: required(answer.function_version, "the alias's version")?,
            name: required(answer.name, "the alias's name")?,
            description: Some(answer.description.unwrap_or_default()),
            routing_config: weights
                .map(|weights| RoutingConfig { additional_version_weights: Some(weights.into_iter().collect()) }),
        };
        let invoke_arn = invoke_arn($call.connection, &arn).await?;
        Ok::<_, ProviderError>(Outputs { inputs: found, arn, invoke_arn })
    }};
}

fn routing(inputs: &Inputs) -> AliasRoutingConfiguration {
    let weights =
        inputs.routing_config.as_ref().and_then(|config| config.additional_version_weights.clone()).unwrap_or_default();
    AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights.into_iter().collect())).build()
}

fn title(inputs: &Inputs) -> String {
    format!("{}:{}", inputs.function_name, inputs.name)
}

async fn get(call: &Call<'_>, inputs: &Inputs) -> Result<Outputs, ProviderError> {
    let request = call.client::<Lambda>().get_alias().function_name(&inputs.function_name).name(&inputs.name);
    let answer = call.send(GET, &title(inputs), || request.clone().send()).await?;
    outputs!(call, inputs, answer)
}

pub(in crate::adapters::aws) struct Alias;

#[async_trait]
impl AwsResource for Alias {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:lambda/alias:Alias",
        replace_on: &["functionName", "name", "region"],
        stable_outputs: &["id", "arn", "invokeArn", "functionName", "name", "region"],
        delete_before_replace: true,
        conflict_input: Some("functionName"),
        conflict_scope: "lambda:function",
        id_within: &[],
        create: OperationCost::new(&[CallCost { quota: LAMBDA_CONTROL, calls: 1 }], 250),
        update: OperationCost::new(&[CallCost { quota: LAMBDA_CONTROL, calls: 1 }], 250),
        delete: OperationCost::new(&[CallCost { quota: LAMBDA_CONTROL, calls: 1 }], 200),
        read: OperationCost::new(&[CallCost { quota: LAMBDA_CONTROL, calls: 1 }], 120),
        equivalent: |input, old: &Value, new: &Value| input == "functionName" && same_function(old, new),
    };
    const SHAPE: Shape = Shape {
        required: &["functionName", "functionVersion", "name"],
        identity: &["functionName", "name"],
        generated_id: false,
        files: &[],
        directives: &[("region", Default::Chosen)],
        defaults: &[],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Special {
        form: "<functionName>/<name>",
        write: |_, inputs| {
            let (function, name) = (text(inputs, "functionName")?, text(inputs, "name")?);
            Some(format!("{}/{name}", name_of(function)))
        },
        read: |id| {
            let (function, name) = split(id, '/')?;
            Some(ImportedId::Find { inputs: [("functionName", function), ("name", name)].into() })
        },
    };
    const ADOPTION: AdoptionForm = AdoptionForm::named("name");

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let request = call
            .client::<Lambda>()
            .create_alias()
            .function_name(&inputs.function_name)
            .name(&inputs.name)
            .function_version(&inputs.function_version)
            .set_description(inputs.description.clone().filter(|text| !text.is_empty()))
            .set_routing_config(inputs.routing_config.as_ref().map(|_| routing(inputs)));
        let answer = call.send(CREATE, &title(inputs), || request.clone().send()).await?;
        let outputs = outputs!(call, inputs, answer)?;
        Ok(Remote { id: outputs.arn.clone(), outputs })
    }

    async fn read(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<Outputs, ProviderError> {
        get(call, &of_id(id, inputs)).await
    }

    async fn update(call: &Call<'_>, id: &str, _old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        let named = of_id(id, new);
        let request = call
            .client::<Lambda>()
            .update_alias()
            .function_name(&named.function_name)
            .name(&named.name)
            .function_version(&new.function_version)
            .description(new.description.clone().unwrap_or_default())
            .routing_config(routing(new));
        let answer = call.send(UPDATE, &title(&named), || request.clone().send()).await?;
        outputs!(call, new, answer)
    }

    async fn delete(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<(), ProviderError> {
        let named = of_id(id, inputs);
        let request = call.client::<Lambda>().delete_alias().function_name(&named.function_name).name(&named.name);
        call.send(DELETE, &title(&named), || request.clone().send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
        let outputs = get(call, inputs).await?;
        let whose = tags::whose_stack(&function::tags_of(call, &inputs.function_name).await?, call.context);
        Ok(Some((whose, Remote { id: outputs.arn.clone(), outputs })))
    }
}

/// The inputs with function and name as the id, an alias's ARN, says.
fn of_id(id: &str, inputs: &Inputs) -> Inputs {
    let mut parts = id.split(':').skip(6);
    match (parts.next(), parts.next()) {
        (Some(function), Some(name)) => {
            Inputs { function_name: function.to_owned(), name: name.to_owned(), ..inputs.clone() }
        }
        _ => inputs.clone(),
    }
}
