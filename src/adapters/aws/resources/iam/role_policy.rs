//! `aws:iam/rolePolicy:RolePolicy`: an inline policy of a role. Its id is `role:policy`.

use async_trait::async_trait;
use aws_sdk_iam::Client as Iam;
use percent_encoding::percent_decode_str;
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo};
use serde::{Deserialize, Serialize};

use super::role;
use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::import_form::ImportForm;
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, optional};
use crate::adapters::aws::frame::policy_document::same_policy;
use crate::adapters::aws::frame::properties::Shape;
use crate::adapters::aws::quota::IAM;
use crate::ports::{ProviderError, ProviderErrorKind, Whose};

/// A deployment that goes on from a killed one doesn't know how new the role is.
const PUT: Action = Action::write("iam:PutRolePolicy", IAM).after_changes("NoSuchEntity");
const GET: Action = Action::read("iam:GetRolePolicy", IAM);
const DELETE: Action = Action::write("iam:DeleteRolePolicy", IAM);

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    name: String,
    policy: String,
    role: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    name_prefix: String,
}

fn outputs(role: &str, name: &str, policy: &str) -> Outputs {
    let inputs = Inputs { name: name.to_owned(), policy: policy.to_owned(), role: role.to_owned() };
    Outputs { inputs, name_prefix: String::new() }
}

/// Role and policy of an id.
fn parts(id: &str) -> Result<(&str, &str), ProviderError> {
    id.split_once(':').ok_or_else(|| {
        ProviderError::new(
            ProviderErrorKind::Refused,
            format!("'{id}' isn't the id of a role's policy: that is role:policy"),
        )
    })
}

async fn get(call: &Call<'_>, role: &str, name: &str) -> Result<Outputs, ProviderError> {
    let request = call.client::<Iam>().get_role_policy().role_name(role).policy_name(name);
    let answer = call.send(GET, &format!("{role}:{name}"), || request.clone().send()).await?;
    Ok(outputs(role, name, &percent_decode_str(answer.policy_document()).decode_utf8_lossy()))
}

async fn put(call: &Call<'_>, inputs: &Inputs) -> Result<Outputs, ProviderError> {
    let Inputs { name, policy, role } = inputs;
    let request = call.client::<Iam>().put_role_policy().role_name(role).policy_name(name).policy_document(policy);
    call.send(PUT, &format!("{role}:{name}"), || request.clone().send()).await.map_err(|error| {
        if error.kind == ProviderErrorKind::NotFound {
            error.with_hint(format!(
                "the role {role} isn't there: somebody deleted it, or IAM hasn't spread it within a minute; run the command again with --refresh=all"
            ))
        } else {
            error
        }
    })?;
    Ok(outputs(role, name, policy))
}

pub(in crate::adapters::aws) struct RolePolicy;

#[async_trait]
impl AwsResource for RolePolicy {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:iam/rolePolicy:RolePolicy",
        replace_on: &["name", "namePrefix", "role"],
        stable_outputs: &["id", "name", "role"],
        delete_before_replace: false,
        conflict_input: Some("role"),
        conflict_scope: "iam:role",
        id_within: &[],
        create: OperationCost::new(&[CallCost { quota: IAM, calls: 2 }], 400),
        update: OperationCost::new(&[CallCost { quota: IAM, calls: 2 }], 400),
        delete: OperationCost::new(&[CallCost { quota: IAM, calls: 1 }], 250),
        read: OperationCost::new(&[CallCost { quota: IAM, calls: 1 }], 150),
        equivalent: |input, old, new| input == "policy" && same_policy(old, new),
    };
    const SHAPE: Shape = Shape {
        required: &["name", "policy", "role"],
        identity: &["name", "role"],
        generated_id: false,
        files: &[],
        directives: &[],
        defaults: &[],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Pair("role", ':', "name");
    const ADOPTION: AdoptionForm = AdoptionForm::named("name");

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        // PutRolePolicy would overwrite a policy of that name, so one that stands there is looked for first.
        if optional(get(&call.looking(), &inputs.role, &inputs.name).await)?.is_some() {
            let message = format!("the role {} has a policy {} already", inputs.role, inputs.name);
            return Err(call.error(ProviderErrorKind::AlreadyExists, message));
        }
        let outputs = put(call, inputs).await?;
        Ok(Remote { id: format!("{}:{}", inputs.role, inputs.name), outputs })
    }

    async fn read(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<Outputs, ProviderError> {
        let (role, name) = parts(id)?;
        get(call, role, name).await
    }

    async fn update(call: &Call<'_>, _id: &str, _old: &Inputs, inputs: &Inputs) -> Result<Outputs, ProviderError> {
        // PutRolePolicy makes what isn't there; the caller is to know that it was gone.
        get(call, &inputs.role, &inputs.name).await?;
        put(call, inputs).await
    }

    async fn delete(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<(), ProviderError> {
        let (role, name) = parts(id)?;
        let request = call.client::<Iam>().delete_role_policy().role_name(role).policy_name(name);
        call.send(DELETE, id, || request.clone().send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
        let outputs = get(call, &inputs.role, &inputs.name).await?;
        let whose = role::whose(call, &inputs.role).await?;
        Ok(Some((whose, Remote { id: format!("{}:{}", inputs.role, inputs.name), outputs })))
    }
}
