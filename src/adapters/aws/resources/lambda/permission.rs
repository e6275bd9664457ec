//! `aws:lambda/permission:Permission`: a statement in the policy of a function or of one of its aliases. Its id is the
//! statement's. Nothing of it can be changed in place.
//!
//! A function's URL that anybody may send requests to takes two: `lambda:InvokeFunctionUrl` with `functionUrlAuthType` `NONE`,
//! and `lambda:InvokeFunction` with `invokedViaFunctionUrl`
//! (<https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>).

use async_trait::async_trait;
use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::types::FunctionUrlAuthType;
use resource_graph::{CallCost, OperationCost, PropertyMap, ResourceTypeInfo, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::function;
use super::function_reference::{name_of, same_function};
use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::import_form::{ImportForm, split, text};
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, absent, required};
use crate::adapters::aws::frame::properties::{Default, Shape};
use crate::adapters::aws::frame::tags;
use crate::adapters::aws::quota::{LAMBDA_CONTROL, LAMBDA_GET_POLICY};
use crate::ports::{ImportedId, ProviderError, ProviderErrorKind, Whose};

const ADD: Action = Action::write("lambda:AddPermission", LAMBDA_CONTROL);
const GET_POLICY: Action = Action::read("lambda:GetPolicy", LAMBDA_GET_POLICY);
const REMOVE: Action = Action::write("lambda:RemovePermission", LAMBDA_CONTROL);

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    action: String,
    function: String,
    principal: String,
    statement_id: String,
    event_source_token: Option<String>,
    function_url_auth_type: Option<String>,
    invoked_via_function_url: Option<bool>,
    principal_org_id: Option<String>,
    qualifier: Option<String>,
    source_account: Option<String>,
    source_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    statement_id_prefix: String,
}

fn outputs(inputs: Inputs) -> Outputs {
    Outputs { inputs, statement_id_prefix: String::new() }
}

/// Reads a statement as Lambda wrote it into the policy.
fn of_statement(statement: &Json, inputs: &Inputs) -> Inputs {
    let text = |json: &Json| match json {
        Json::String(text) => Some(text.clone()),
        Json::Array(list) => list.first().and_then(Json::as_str).map(str::to_owned),
        _ => None,
    };
    // Whatever operator (ArnLike, StringEquals …) holds the key, whose case varies.
    let condition = |key: &str| {
        let operators = statement.get("Condition")?.as_object()?;
        operators
            .values()
            .filter_map(Json::as_object)
            .flatten()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .and_then(|(_, value)| text(value))
    };
    let principal = statement.get("Principal").and_then(|principal| match principal {
        Json::Object(kinds) => kinds.values().next().and_then(text),
        other => text(other),
    });
    // An account's number comes back as the ARN of its root.
    let principal = principal.map(|found| match found.strip_suffix(":root") {
        Some(arn) if arn.ends_with(&inputs.principal) => inputs.principal.clone(),
        _ => found,
    });
    let qualifier = statement.get("Resource").and_then(text).and_then(|arn| arn.split(':').nth(7).map(str::to_owned));
    Inputs {
        action: statement.get("Action").and_then(text).unwrap_or_default(),
        function: inputs.function.clone(),
        principal: principal.unwrap_or_default(),
        statement_id: statement.get("Sid").and_then(text).unwrap_or_default(),
        event_source_token: condition("lambda:EventSourceToken"),
        function_url_auth_type: condition("lambda:FunctionUrlAuthType"),
        invoked_via_function_url: condition("lambda:InvokedViaFunctionUrl").map(|truth| truth == "true"),
        principal_org_id: condition("aws:PrincipalOrgID"),
        qualifier: Some(qualifier.or_else(|| inputs.qualifier.clone()).unwrap_or_default()),
        source_account: condition("aws:SourceAccount"),
        source_arn: condition("aws:SourceArn"),
    }
}

fn title(inputs: &Inputs) -> String {
    format!("{} on {}", inputs.statement_id, inputs.function)
}

async fn get(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<Outputs, ProviderError> {
    let qualifier = inputs.qualifier.clone().filter(|text| !text.is_empty());
    let request = call.client::<Lambda>().get_policy().function_name(&inputs.function).set_qualifier(qualifier);
    let answer = call.send(GET_POLICY, &title(inputs), || request.clone().send()).await?;
    let policy: Json = serde_json::from_str(&required(answer.policy, "the policy")?).map_err(|error| {
        call.error(ProviderErrorKind::Internal, format!("the policy of {} can't be read: {error}", inputs.function))
    })?;
    let statements = policy.get("Statement").and_then(Json::as_array).into_iter().flatten();
    let mut statements = statements.filter(|statement| statement.get("Sid").and_then(Json::as_str) == Some(id));
    match statements.next() {
        Some(statement) => Ok(outputs(of_statement(statement, inputs))),
        None => Err(absent(&format!("the statement {id} in the policy of {}", inputs.function))),
    }
}

pub(in crate::adapters::aws) struct Permission;

#[async_trait]
impl AwsResource for Permission {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:lambda/permission:Permission",
        replace_on: &[
            "action",
            "eventSourceToken",
            "function",
            "functionUrlAuthType",
            "invokedViaFunctionUrl",
            "principal",
            "principalOrgId",
            "qualifier",
            "region",
            "sourceAccount",
            "sourceArn",
            "statementId",
            "statementIdPrefix",
        ],
        stable_outputs: &["id", "statementId", "region"],
        delete_before_replace: true,
        conflict_input: Some("function"),
        conflict_scope: "lambda:function",
        id_within: &["function", "qualifier"],
        create: OperationCost::new(&[CallCost { quota: LAMBDA_CONTROL, calls: 1 }], 250),
        update: OperationCost::new(&[], 0),
        delete: OperationCost::new(&[CallCost { quota: LAMBDA_CONTROL, calls: 1 }], 200),
        read: OperationCost::new(&[CallCost { quota: LAMBDA_GET_POLICY, calls: 1 }], 120),
        equivalent: |input, old: &Value, new: &Value| input == "function" && same_function(old, new),
    };
    const SHAPE: Shape = Shape {
        required: &["action", "function", "principal", "statementId"],
        identity: &["function", "qualifier", "statementId"],
        generated_id: false,
        files: &[],
        directives: &[("region", Default::Chosen)],
        defaults: &[],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Special {
        form: "<function>/<statementId>",
        write: |id, inputs| {
            let function = name_of(text(inputs, "function")?);
            let qualifier = text(inputs, "qualifier").map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
            Some(format!("{function}{qualifier}/{id}"))
        },
        read: |id| {
            let (function, statement) = split(id, '/')?;
            let mut inputs = PropertyMap::from([("statementId", statement)]);
            match function.split_once(':').filter(|_| !function.starts_with("arn:")) {
                Some((function, qualifier)) => {
                    inputs.insert("function", function);
                    inputs.insert("qualifier", qualifier);
                }
                None => drop(inputs.insert("function", function)),
            }
            Some(ImportedId::Find { inputs })
        },
    };
    const ADOPTION: AdoptionForm = AdoptionForm::named("statementId");

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let request = call
            .client::<Lambda>()
            .add_permission()
            .function_name(&inputs.function)
            .statement_id(&inputs.statement_id)
            .action(&inputs.action)
            .principal(&inputs.principal)
            .set_qualifier(given(&inputs.qualifier))
            .set_source_arn(given(&inputs.source_arn))
            .set_source_account(given(&inputs.source_account))
            .set_event_source_token(given(&inputs.event_source_token))
            .set_principal_org_id(given(&inputs.principal_org_id))
            .set_function_url_auth_type(given(&inputs.function_url_auth_type).as_deref().map(FunctionUrlAuthType::from))
            .set_invoked_via_function_url(inputs.invoked_via_function_url.filter(|only| *only));
        let answer = call.send(ADD, &title(inputs), || request.clone().send()).await?;
        let statement = answer.statement.and_then(|text| serde_json::from_str::<Json>(&text).ok());
        let made = match statement {
            Some(statement) => of_statement(&statement, inputs),
            None => inputs.clone(),
        };
        Ok(Remote { id: inputs.statement_id.clone(), outputs: outputs(made) })
    }

    async fn read(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<Outputs, ProviderError> {
        get(call, id, inputs).await
    }

    async fn update(call: &Call<'_>, id: &str, _old: &Inputs, inputs: &Inputs) -> Result<Outputs, ProviderError> {
        // All inputs replace, so nothing can have changed but how the function is named.
        get(call, id, inputs).await
    }

    async fn delete(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<(), ProviderError> {
        let qualifier = inputs.qualifier.clone().filter(|text| !text.is_empty());
        let request = call
            .client::<Lambda>()
            .remove_permission()
            .function_name(&inputs.function)
            .statement_id(id)
            .set_qualifier(qualifier);
        call.send(REMOVE, &title(inputs), || request.clone().send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
        let outputs = get(call, &inputs.statement_id, inputs).await?;
        let tags = function::tags_of(call, &inputs.function).await?;
        let whose = tags::whose_stack(&tags, call.context);
        Ok(Some((whose, Remote { id: inputs.statement_id.clone(), outputs })))
    }
}
