//! A cloud before it is connected to: what an environment can say of it, its rules, and how one gets connected. Whoever adds a
//! cloud writes one of these, and adds it to the table.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;

use super::Cloud;
use crate::domain::component::Component;
use crate::domain::invalid::InvalidValue;
use crate::domain::names::{ComponentName, EnvironmentName, ProjectName};
use crate::domain::provider::Provider;
use crate::domain::violation::Violation;
use crate::ports::shape::ObjectShape;
use crate::ports::{ArtifactStore, ProviderError};

/// What an environment says of a cloud: single values by their key, what lies deeper by the keys that lead there, joined by
/// dots. It was checked against the shape of the cloud's settings before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloudSettings(BTreeMap<String, String>);

impl CloudSettings {
    /// The value of a key as it was written, or its default.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The value of a key. One that `T` can't read counts as left out: the check against the shape has told it.
    pub fn read<T: FromStr>(&self, key: &str) -> Option<T> {
        self.text(key)?.parse().ok()
    }
}

impl FromIterator<(String, String)> for CloudSettings {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// What a command line says in the place of an environment's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionChoice {
    /// As whom, by the name of a profile.
    pub profile: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Where the cloud's API answers; `local` is the embedded local cloud.
    pub endpoint: Option<String>,
}

/// The environment variables that the program was started with.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a>(pub &'a BTreeMap<OsString, OsString>);

impl<'a> Variables<'a> {
    /// A variable's value; an empty one counts as not set, as is the custom for most.
    pub fn get(self, name: &str) -> Option<&'a OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable's value as text; one that isn't UTF-8 counts as not set.
    pub fn text(self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(OsStr::to_str)
    }
}

/// What a cloud's rules are held against.
#[derive(Debug, Clone, Copy)]
pub struct RulesRequest<'a> {
    /// The project.
    pub project: &'a ProjectName,
    /// The environment that is deployed to.
    pub environment: &'a EnvironmentName,
    /// What it says of the cloud.
    pub settings: &'a CloudSettings,
    /// The components as they are in it.
    pub components: &'a [Component],
    /// The environment variables.
    pub variables: Variables<'a>,
    /// The day, for what ends on a date.
    pub today: NaiveDate,
}

/// What breaks a cloud's rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BrokenRules {
    /// What is wrong with components, each with its name.
    pub components: Vec<(ComponentName, Violation)>,
    /// What is wrong with the environment itself; fields are those of the environment.
    pub environment: Vec<Violation>,
}

/// A setting without which nothing can be deployed, and that nothing gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingSetting {
    /// A stable code for machines, such as `config/no-region`.
    pub code: &'static str,
    /// The key of the settings.
    pub key: &'static str,
    /// What to do about it.
    pub hint: &'static str,
}

/// What it takes to connect.
pub struct ConnectRequest<'a> {
    /// What the environment says of the cloud.
    pub settings: &'a CloudSettings,
    /// What the command line says instead.
    pub choice: &'a ConnectionChoice,
    /// Where the embedded local cloud answers, where that is what is wanted.
    pub local_endpoint: Option<String>,
    /// The environment variables.
    pub variables: Variables<'a>,
    /// Where packaged code is found.
    pub artifacts: Arc<dyn ArtifactStore>,
}

/// Why a cloud can't be connected to. Nothing was called yet: it is a setting.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A setting is missing.
    #[error("no {} is set", .0.key)]
    Missing(MissingSetting),
    /// What the command line says makes no sense.
    #[error(transparent)]
    Choice(#[from] InvalidValue),
    /// The cloud's own word.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// A cloud before it is connected to.
#[async_trait]
pub trait CloudFactory: Send + Sync {
    /// Its name, which is also the key of its settings in an environment.
    fn provider(&self) -> Provider;

    /// What its settings may be.
    fn settings(&self) -> &'static ObjectShape;

    /// What its key in an environment means, in one sentence.
    fn meaning(&self) -> &'static str;

    /// Settings that are enough to deploy with, as one would write them in an environment.
    fn example(&self) -> &'static str;

    /// The environment variables that hold secrets of its.
    fn secret_variables(&self) -> &'static [&'static str];

    /// What breaks its rules, without any call.
    fn check(&self, request: &RulesRequest<'_>) -> BrokenRules;

    /// A setting that nothing seems to give, as far as one can tell without any call.
    fn missing(&self, settings: &CloudSettings, variables: Variables<'_>) -> Option<MissingSetting>;

    /// Whether an environment of these settings lies in the embedded local cloud, whose secrets protect nothing that others
    /// could reach.
    fn is_embedded(&self, settings: &CloudSettings) -> bool;

    /// Whether the embedded local cloud must run before [`Self::connect`].
    ///
    /// # Errors
    /// When what the command line says makes no sense.
    fn needs_local_cloud(&self, settings: &CloudSettings, choice: &ConnectionChoice) -> Result<bool, InvalidValue>;

    /// Connects. Calls nothing yet.
    ///
    /// # Errors
    /// When a setting is missing or makes no sense.
    async fn connect(&self, request: ConnectRequest<'_>) -> Result<Arc<dyn Cloud>, ConnectError>;

    /// The cloud as far as it is needed to describe resources: nothing is started and nothing is called, and no region needs to
    /// be known.
    ///
    /// # Errors
    /// When a setting makes no sense.
    async fn describe(
        &self,
        settings: &CloudSettings,
        artifacts: Arc<dyn ArtifactStore>,
    ) -> Result<Arc<dyn Cloud>, ConnectError>;
}
