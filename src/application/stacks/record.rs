//! The history of a stack in the form of `pulumi stack history --json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::application::ApplicationError;
use crate::ports::clock::rfc3339;
use crate::ports::{HistoryRecord, RecordedSetting, StackAddress, StackAdministration};

/// A finished operation of a stack; the members are Pulumi's but for `number`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryItem {
    /// The version that it was recorded with: 0 in stores of this kind.
    pub version: i64,
    /// Its number, which `stack export --version` takes; 1 for the oldest that is kept.
    pub number: usize,
    /// `update`, `destroy`, `refresh`, …
    pub kind: String,
    /// When it began, RFC 3339.
    pub start_time: String,
    /// A word from whoever asked.
    pub message: String,
    /// Facts about the run.
    pub environment: BTreeMap<String, String>,
    /// The stack's configuration then.
    pub config: BTreeMap<String, ConfigItem>,
    /// `succeeded`, `failed` or `in-progress`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub result: String,
    /// When it ended, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    /// How many resources each kind of step was for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_changes: Option<BTreeMap<String, u64>>,
}

/// A value of a recorded configuration.
#[derive(Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigItem {
    /// Its text; absent for a secret that isn't shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// An object or list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_value: Option<serde_json::Value>,
    /// Whether it is a secret.
    pub secret: bool,
}

impl std::fmt::Debug for ConfigItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigItem").field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// One page of a stack's history, newest first; pages count from 1.
///
/// # Errors
/// When there is no such stack, it can't be read, or a secret that is to be shown can't be decrypted.
pub async fn history(
    store: &dyn StackAdministration,
    stack: &StackAddress,
    (page, page_size): (usize, usize),
    show_secrets: bool,
) -> Result<Vec<HistoryItem>, ApplicationError> {
    let records = store.history(stack, show_secrets).await?;
    let skipped = page.saturating_sub(1).saturating_mul(page_size);
    Ok(records.into_iter().skip(skipped).take(page_size).map(item).collect())
}

fn item(record: HistoryRecord) -> HistoryItem {
    let is_over = record.result != "in-progress";
    HistoryItem {
        version: record.version,
        number: record.number,
        kind: record.kind,
        start_time: rfc3339(record.started * 1000),
        message: record.message,
        environment: record.environment,
        config: record.config.into_iter().map(|(key, setting)| (key, config_item(setting))).collect(),
        result: record.result,
        end_time: is_over.then(|| rfc3339(record.ended * 1000)),
        resource_changes: is_over.then_some(record.changes),
    }
}

fn config_item(setting: RecordedSetting) -> ConfigItem {
    let object_value =
        setting.value.as_ref().filter(|_| setting.is_object).and_then(|text| serde_json::from_str(text).ok());
    ConfigItem { value: setting.value, object_value, secret: setting.secret }
}
