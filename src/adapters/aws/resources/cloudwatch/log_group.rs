//! `aws:cloudwatch/logGroup:LogGroup`. Its id is its name.

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::Client as Logs;
use aws_sdk_cloudwatchlogs::types::{LogGroup as Group, LogGroupClass};
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo, resource::resource_type::never_equivalent};
use serde::{Deserialize, Serialize};

use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::import_form::ImportForm;
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, absent, optional};
use crate::adapters::aws::frame::pages::Pages;
use crate::adapters::aws::frame::properties::{Default, Shape};
use crate::adapters::aws::frame::tags::{self, Tags};
use crate::adapters::aws::quota::{LOGS, LOGS_CREATE_LOG_GROUP};
use crate::ports::{ProviderError, Whose};

const CREATE: Action = Action::write("logs:CreateLogGroup", LOGS_CREATE_LOG_GROUP).besides(&["logs:TagResource"]);
const DESCRIBE: Action = Action::read("logs:DescribeLogGroups", LOGS);
const LIST_TAGS: Action = Action::read("logs:ListTagsForResource", LOGS);
const PUT_RETENTION: Action = Action::write("logs:PutRetentionPolicy", LOGS);
const DELETE_RETENTION: Action = Action::write("logs:DeleteRetentionPolicy", LOGS);
const ASSOCIATE_KEY: Action = Action::write("logs:AssociateKmsKey", LOGS);
const DISASSOCIATE_KEY: Action = Action::write("logs:DisassociateKmsKey", LOGS);
const TAG: Action = Action::write("logs:TagResource", LOGS);
const UNTAG: Action = Action::write("logs:UntagResource", LOGS);
const DELETE: Action = Action::write("logs:DeleteLogGroup", LOGS);

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    name: String,
    kms_key_id: Option<String>,
    log_group_class: Option<String>,
    /// Days; 0 keeps logs forever.
    retention_in_days: Option<i32>,
    tags: Option<Tags>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    arn: String,
    deletion_protection_enabled: bool,
    name_prefix: String,
    tags_all: Tags,
}

fn outputs(arn: String, inputs: Inputs) -> Outputs {
    let tags_all = inputs.tags.clone().unwrap_or_default();
    Outputs { inputs, arn, deletion_protection_enabled: false, name_prefix: String::new(), tags_all }
}

/// The group as the cloud would describe it after it was made or changed as wanted.
async fn as_wanted(call: &Call<'_>, inputs: &Inputs) -> Result<Outputs, ProviderError> {
    let arn = call.connection.arn("logs", &format!("log-group:{}", inputs.name)).await?;
    let filled = Inputs {
        name: inputs.name.clone(),
        kms_key_id: Some(inputs.kms_key_id.clone().unwrap_or_default()),
        log_group_class: Some(inputs.log_group_class.clone().unwrap_or_else(|| "STANDARD".to_owned())),
        retention_in_days: Some(inputs.retention_in_days.unwrap_or(0)),
        tags: Some(inputs.tags.clone().unwrap_or_default()),
    };
    Ok(outputs(arn, filled))
}

async fn get(call: &Call<'_>, name: &str) -> Result<Outputs, ProviderError> {
    let logs = call.client::<Logs>();
    let mut pages = Pages::default();
    let group: Group = loop {
        let request = logs.describe_log_groups().log_group_name_prefix(name).set_next_token(pages.token());
        let answer = call.send(DESCRIBE, name, || request.clone().send()).await?;
        // Other names may begin with this one, but it is the first of them in order.
        let found =
            answer.log_groups.unwrap_or_default().into_iter().find(|group| group.log_group_name() == Some(name));
        match found {
            Some(group) => break group,
            None if pages.go_on(answer.next_token, DESCRIBE.name)? => {}
            None => return Err(absent(&format!("the log group {name}"))),
        }
    };
    let arn = match group.log_group_arn().or(group.arn()) {
        // Pulumi's ARN has no `:*` at its end, as ListTagsForResource wants it too.
        Some(arn) => arn.trim_end_matches(":*").to_owned(),
        None => call.connection.arn("logs", &format!("log-group:{name}")).await?,
    };
    let answer = call.send(LIST_TAGS, name, || logs.list_tags_for_resource().resource_arn(&arn).send()).await?;
    let inputs = Inputs {
        name: name.to_owned(),
        kms_key_id: Some(group.kms_key_id().unwrap_or_default().to_owned()),
        log_group_class: Some(group.log_group_class().map_or("STANDARD", LogGroupClass::as_str).to_owned()),
        retention_in_days: Some(group.retention_in_days().unwrap_or(0)),
        tags: Some(tags::found_from(answer.tags())),
    };
    Ok(outputs(arn, inputs))
}

async fn set_retention(call: &Call<'_>, name: &str, days: Option<i32>) -> Result<(), ProviderError> {
    let logs = call.client::<Logs>();
    match days.filter(|days| *days > 0) {
        Some(days) => {
            let request = logs.put_retention_policy().log_group_name(name).retention_in_days(days);
            call.send(PUT_RETENTION, name, || request.clone().send()).await.map(drop)
        }
        None => call
            .send(DELETE_RETENTION, name, || logs.delete_retention_policy().log_group_name(name).send())
            .await
            .map(drop),
    }
}

pub(in crate::adapters::aws) struct LogGroup;

#[async_trait]
impl AwsResource for LogGroup {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:cloudwatch/logGroup:LogGroup",
        replace_on: &["name", "namePrefix", "logGroupClass", "region"],
        stable_outputs: &["id", "arn", "name", "logGroupClass", "region"],
        delete_before_replace: true,
        conflict_input: None,
        conflict_scope: "",
        id_within: &[],
        create: OperationCost::new(
            &[CallCost { quota: LOGS_CREATE_LOG_GROUP, calls: 1 }, CallCost { quota: LOGS, calls: 1 }],
            250,
        ),
        update: OperationCost::new(&[CallCost { quota: LOGS, calls: 2 }], 250),
        delete: OperationCost::new(&[CallCost { quota: LOGS, calls: 1 }], 150),
        read: OperationCost::new(&[CallCost { quota: LOGS, calls: 2 }], 200),
        equivalent: never_equivalent,
    };
    const SHAPE: Shape = Shape {
        required: &["name"],
        identity: &["name"],
        generated_id: false,
        files: &[],
        directives: &[("region", Default::Chosen), ("skipDestroy", Default::Flag(false))],
        defaults: &[("logGroupClass", Default::Text("STANDARD"))],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Name("name");
    const ADOPTION: AdoptionForm = AdoptionForm::named("name");

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let tags = call.creation_tags(inputs.tags.as_ref());
        let request = call
            .client::<Logs>()
            .create_log_group()
            .log_group_name(&inputs.name)
            .set_kms_key_id(inputs.kms_key_id.clone().filter(|key| !key.is_empty()))
            .set_log_group_class(inputs.log_group_class.as_deref().map(LogGroupClass::from))
            .set_tags((!tags.is_empty()).then(|| tags.into_iter().collect()));
        call.send(CREATE, &inputs.name, || request.clone().send()).await?;
        if inputs.retention_in_days.is_some_and(|days| days > 0) {
            set_retention(call, &inputs.name, inputs.retention_in_days).await?;
        }
        Ok(Remote { id: inputs.name.clone(), outputs: as_wanted(call, inputs).await? })
    }

    async fn read(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<Outputs, ProviderError> {
        get(call, id).await
    }

    async fn update(call: &Call<'_>, id: &str, old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        let logs = call.client::<Logs>();
        if old.retention_in_days.unwrap_or(0) != new.retention_in_days.unwrap_or(0) {
            set_retention(call, id, new.retention_in_days).await?;
        }
        if old.kms_key_id != new.kms_key_id {
            match new.kms_key_id.as_deref().filter(|key| !key.is_empty()) {
                Some(key) => {
                    let request = logs.associate_kms_key().log_group_name(id).kms_key_id(key);
                    call.send(ASSOCIATE_KEY, id, || request.clone().send()).await.map(drop)?;
                }
                None => {
                    let request = logs.disassociate_kms_key().log_group_name(id);
                    optional(call.looking().send(DISASSOCIATE_KEY, id, || request.clone().send()).await).map(drop)?;
                }
            }
        }
        let wanted = as_wanted(call, new).await?;
        let (set, removed) = tags::changes(old.tags.as_ref(), new.tags.as_ref());
        if !set.is_empty() {
            let request = logs.tag_resource().resource_arn(&wanted.arn).set_tags(Some(set.into_iter().collect()));
            call.send(TAG, id, || request.clone().send()).await?;
        }
        if !removed.is_empty() {
            let request = logs.untag_resource().resource_arn(&wanted.arn).set_tag_keys(Some(removed));
            call.send(UNTAG, id, || request.clone().send()).await?;
        }
        Ok(wanted)
    }

    async fn delete(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<(), ProviderError> {
        if call.given.boolean("skipDestroy") == Some(true) {
            return Ok(());
        }
        call.send(DELETE, id, || call.client::<Logs>().delete_log_group().log_group_name(id).send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
        let outputs = get(call, &inputs.name).await?;
        let whose = tags::whose(&outputs.tags_all, call.context);
        Ok(Some((whose, Remote { id: inputs.name.clone(), outputs })))
    }
}
