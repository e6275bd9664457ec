//! `aws:iam/role:Role`: the role that a function runs under.

use async_trait::async_trait;
use aws_sdk_iam::Client as Iam;
use aws_sdk_iam::types::{Role as IamRole, Tag};
use percent_encoding::percent_decode_str;
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo};
use serde::{Deserialize, Serialize};

use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::import_form::ImportForm;
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, optional, required};
use crate::adapters::aws::frame::policy_document::same_policy;
use crate::adapters::aws::frame::properties::{Default, Shape};
use crate::adapters::aws::frame::tags::{self, Tags};
use crate::adapters::aws::quota::IAM;
use crate::ports::{ProviderError, Whose};

const CREATE: Action = Action::write("iam:CreateRole", IAM).besides(&["iam:TagRole"]);
const GET: Action = Action::read("iam:GetRole", IAM);
const UPDATE: Action = Action::write("iam:UpdateRole", IAM);
const UPDATE_TRUST: Action = Action::write("iam:UpdateAssumeRolePolicy", IAM);
const PUT_BOUNDARY: Action = Action::write("iam:PutRolePermissionsBoundary", IAM);
const DELETE_BOUNDARY: Action = Action::write("iam:DeleteRolePermissionsBoundary", IAM);
const TAG: Action = Action::write("iam:TagRole", IAM);
const UNTAG: Action = Action::write("iam:UntagRole", IAM);
/// Right after its policies it isn't seen to be without them yet.
const DELETE: Action = Action::write("iam:DeleteRole", IAM).after_changes("DeleteConflict");
const LIST_ATTACHED: Action = Action::read("iam:ListAttachedRolePolicies", IAM);
const DETACH: Action = Action::write("iam:DetachRolePolicy", IAM);
const LIST_INLINE: Action = Action::read("iam:ListRolePolicies", IAM);
const DELETE_INLINE: Action = Action::write("iam:DeleteRolePolicy", IAM);

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    assume_role_policy: String,
    name: String,
    description: Option<String>,
    max_session_duration: Option<i32>,
    path: Option<String>,
    permissions_boundary: Option<String>,
    tags: Option<Tags>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    arn: String,
    create_date: String,
    /// Policies are resources of their own here, so these two, which Pulumi fills from what it finds, stay as they are made.
    inline_policies: Vec<String>,
    managed_policy_arns: Vec<String>,
    name_prefix: String,
    tags_all: Tags,
    unique_id: String,
}

fn outputs(role: &IamRole) -> Result<Outputs, ProviderError> {
    let policy = required(role.assume_role_policy_document(), "the role's trust policy")?;
    let tags = tags::found(role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())));
    Ok(Outputs {
        inputs: Inputs {
            assume_role_policy: percent_decode_str(policy).decode_utf8_lossy().into_owned(),
            name: role.role_name().to_owned(),
            description: Some(role.description().unwrap_or_default().to_owned()),
            max_session_duration: Some(role.max_session_duration().unwrap_or(3600)),
            path: Some(role.path().to_owned()),
            permissions_boundary: Some(
                role.permissions_boundary()
                    .and_then(|boundary| boundary.permissions_boundary_arn())
                    .unwrap_or_default()
                    .to_owned(),
            ),
            tags: Some(tags.clone()),
        },
        arn: role.arn().to_owned(),
        create_date: role.create_date().to_string(),
        inline_policies: Vec::new(),
        managed_policy_arns: Vec::new(),
        name_prefix: String::new(),
        tags_all: tags,
        unique_id: role.role_id().to_owned(),
    })
}

fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>, ProviderError> {
    let build = |(key, value): (&String, &String)| required(Tag::builder().key(key).value(value).build().ok(), "a tag");
    tags.iter().map(build).collect()
}

async fn get(call: &Call<'_>, name: &str) -> Result<Outputs, ProviderError> {
    let answer = call.send(GET, name, || call.client::<Iam>().get_role().role_name(name).send()).await?;
    outputs(&required(answer.role, "the role")?)
}

/// Takes away all policies that keep the role from being deleted.
async fn detach_policies(call: &Call<'_>, name: &str) -> Result<(), ProviderError> {
    let iam = call.client::<Iam>();
    let attached = call
        .send(LIST_ATTACHED, name, || iam.list_attached_role_policies().role_name(name).max_items(1000).send())
        .await?;
    for arn in attached.attached_policies().iter().filter_map(|policy| policy.policy_arn()) {
        call.send(DETACH, name, || iam.detach_role_policy().role_name(name).policy_arn(arn).send()).await?;
    }
    let inline =
        call.send(LIST_INLINE, name, || iam.list_role_policies().role_name(name).max_items(1000).send()).await?;
    for policy in inline.policy_names() {
        call.send(DELETE_INLINE, name, || iam.delete_role_policy().role_name(name).policy_name(policy).send()).await?;
    }
    Ok(())
}

pub(in crate::adapters::aws) struct Role;

#[async_trait]
impl AwsResource for Role {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:iam/role:Role",
        replace_on: &["name", "namePrefix", "path"],
        stable_outputs: &["id", "arn", "createDate", "name", "path", "uniqueId"],
        delete_before_replace: true,
        conflict_input: Some("name"),
        conflict_scope: "iam:role",
        id_within: &[],
        create: OperationCost::new(&[CallCost { quota: IAM, calls: 1 }], 400),
        update: OperationCost::new(&[CallCost { quota: IAM, calls: 2 }], 500),
        delete: OperationCost::new(&[CallCost { quota: IAM, calls: 1 }], 400),
        read: OperationCost::new(&[CallCost { quota: IAM, calls: 1 }], 150),
        equivalent: |input, old, new| input == "assumeRolePolicy" && same_policy(old, new),
    };
    const SHAPE: Shape = Shape {
        required: &["assumeRolePolicy", "name"],
        identity: &["name"],
        generated_id: false,
        files: &[],
        directives: &[("forceDetachPolicies", Default::Flag(false))],
        defaults: &[("path", Default::Text("/")), ("maxSessionDuration", Default::Number(3600.0))],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Name("name");
    const ADOPTION: AdoptionForm = AdoptionForm::named("name");

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let request = call
            .client::<Iam>()
            .create_role()
            .role_name(&inputs.name)
            .assume_role_policy_document(&inputs.assume_role_policy)
            .set_description(inputs.description.clone().filter(|text| !text.is_empty()))
            .set_max_session_duration(inputs.max_session_duration)
            .set_path(inputs.path.clone())
            .set_permissions_boundary(inputs.permissions_boundary.clone().filter(|arn| !arn.is_empty()))
            .set_tags(Some(sdk_tags(&call.creation_tags(inputs.tags.as_ref()))?));
        let answer = call.send(CREATE, &inputs.name, || request.clone().send()).await?;
        let mut outputs = outputs(&required(answer.role, "the role")?)?;
        // What was asked for isn't always part of the answer.
        outputs.inputs.description = Some(inputs.description.clone().unwrap_or_default());
        outputs.inputs.max_session_duration = Some(inputs.max_session_duration.unwrap_or(3600));
        outputs.inputs.permissions_boundary = Some(inputs.permissions_boundary.clone().unwrap_or_default());
        outputs.inputs.tags = Some(inputs.tags.clone().unwrap_or_default());
        outputs.tags_all = inputs.tags.clone().unwrap_or_default();
        Ok(Remote { id: inputs.name.clone(), outputs })
    }

    async fn read(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<Outputs, ProviderError> {
        get(call, id).await
    }

    async fn update(call: &Call<'_>, id: &str, old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        let iam = call.client::<Iam>();
        if old.assume_role_policy != new.assume_role_policy {
            let policy = &new.assume_role_policy;
            call.send(UPDATE_TRUST, id, || {
                iam.update_assume_role_policy().role_name(id).policy_document(policy).send()
            })
            .await?;
        }
        if old.description != new.description || old.max_session_duration != new.max_session_duration {
            let description = new.description.clone().unwrap_or_default();
            let duration = new.max_session_duration.unwrap_or(3600);
            let request = iam.update_role().role_name(id).description(description).max_session_duration(duration);
            call.send(UPDATE, id, || request.clone().send()).await?;
        }
        if old.permissions_boundary != new.permissions_boundary {
            match new.permissions_boundary.as_deref().filter(|arn| !arn.is_empty()) {
                Some(arn) => {
                    let request = iam.put_role_permissions_boundary().role_name(id).permissions_boundary(arn);
                    call.send(PUT_BOUNDARY, id, || request.clone().send()).await.map(drop)?;
                }
                None => {
                    let request = iam.delete_role_permissions_boundary().role_name(id);
                    optional(call.looking().send(DELETE_BOUNDARY, id, || request.clone().send()).await)?;
                }
            }
        }
        let (set, removed) = tags::changes(old.tags.as_ref(), new.tags.as_ref());
        if !set.is_empty() {
            let tags = sdk_tags(&set)?;
            call.send(TAG, id, || iam.tag_role().role_name(id).set_tags(Some(tags.clone())).send()).await?;
        }
        if !removed.is_empty() {
            call.send(UNTAG, id, || iam.untag_role().role_name(id).set_tag_keys(Some(removed.clone())).send()).await?;
        }
        get(call, id).await
    }

    async fn delete(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<(), ProviderError> {
        if call.given.boolean("forceDetachPolicies") == Some(true) {
            detach_policies(call, id).await?;
        }
        call.send(DELETE, id, || call.client::<Iam>().delete_role().role_name(id).send()).await.map(drop).map_err(|error| {
            if error.code.as_deref() == Some("DeleteConflict") {
                error.with_hint("something outside of this stack attached a policy or an instance profile to the role: detach it, then run the command again")
            } else {
                error
            }
        })
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
        let outputs = get(call, &inputs.name).await?;
        let whose = tags::whose(&outputs.tags_all, call.context);
        Ok(Some((whose, Remote { id: inputs.name.clone(), outputs })))
    }
}

/// Whose the role is: for what can't carry tags of its own.
pub(in crate::adapters::aws) async fn whose(call: &Call<'_>, name: &str) -> Result<Whose, ProviderError> {
    Ok(tags::whose_stack(&get(call, name).await?.tags_all, call.context))
}
