//! What every kind gets that runs code: a role that may write its own log, the log, the function, and the alias that it is
//! reached by.
//!
//! The role comes first, for IAM takes seconds to spread it; nothing waits for the function but what names it.

use resource_graph::{Interpolation, PropertyMap, Value};

use super::names::{self, Names};
use super::scope::{Handle, Scope};
use crate::adapters::aws::naming;
use crate::adapters::aws::validation::{self, Circumstances};
use crate::domain::code::function::ServerlessFunction;
use crate::domain::code::logs::LogRetention;
use crate::domain::code::runtime::{Architecture, Language, Runtime};
use crate::domain::names::ComponentName;
use crate::domain::violation::Violation;
use crate::ports::{PackagedCode, ProviderError, ProviderErrorKind};

/// The alias that the API calls. Releases move it from version to version.
const ALIAS: &str = "live";

/// A zip file up to this many bytes is sent along with the call
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>: 50 MB zipped, direct upload). Lambda counts the
/// whole request, in base64 and with the environment variables, so the last 2.4 MB to 50 MiB aren't relied on.
const LARGEST_DIRECT_UPLOAD: u64 = 50_000_000;

/// Who may assume the execution role.
const TRUST_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}]}"#;

/// The code of a component, as its kind wants it.
pub(super) struct Code<'a> {
    pub(super) function: &'a ServerlessFunction,
    pub(super) log_retention: LogRetention,
    /// Environment variables that are the kind's to set, with their values where it sets them.
    pub(super) added: Vec<(&'static str, Option<String>)>,
    /// How long what stands before the function waits for its answer.
    pub(super) limit: Option<validation::function::AnswerLimit>,
}

/// What the code of a component became.
pub(super) struct Parts {
    pub(super) function: Handle,
    pub(super) alias: Handle,
    logs: Handle,
}

impl Code<'_> {
    /// Every rule of AWS that the code breaks.
    pub(super) fn check(&self, name: &ComponentName, circumstances: &Circumstances<'_>) -> Vec<Violation> {
        let mut violations = validation::names::check_code(name, circumstances);
        violations.extend(validation::function::check(self.function, self.limit.as_ref(), circumstances));
        violations.extend(validation::environment::check(self.function, &self.added, circumstances));
        violations.extend(validation::logs::check(self.log_retention));
        violations
    }

    /// Adds its resources.
    ///
    /// # Errors
    /// When it wasn't packaged.
    pub(super) fn add(
        &self,
        scope: &mut Scope<'_>,
        names: &mut Names,
        package: Option<&PackagedCode>,
    ) -> Result<Parts, ProviderError> {
        let package = package.ok_or_else(|| {
            ProviderError::new(ProviderErrorKind::Internal, format!("the code of {} isn't packaged", scope.component))
        })?;
        if let Some(function) = scope.kept_name("aws:lambda/function:Function", "function") {
            names.follow_function(function);
        }
        let role = scope.add_tagged(
            "aws:iam/role:Role",
            "role",
            [("name", Value::from(names.role.as_str())), ("assumeRolePolicy", TRUST_POLICY.into())],
        );
        let logs = log_group(scope, "logs", &names.function_logs, self.log_retention);
        let policy = scope.add(
            "aws:iam/rolePolicy:RolePolicy",
            "policy",
            [("name", names.role_policy.as_str().into()), ("role", role.output("name")), ("policy", log_policy(&logs))],
        );
        let function = function(scope, self.function, &self.added, package, &names.function, &role);
        // Lambda would make the log group itself, without retention, once it is called.
        scope.depends(&function, &[&logs]);
        let alias = scope.add(
            "aws:lambda/alias:Alias",
            "live",
            [
                ("name", ALIAS.into()),
                ("functionName", function.output("name")),
                ("functionVersion", function.output("version")),
            ],
        );
        // Requests come through the alias alone. So the policy needs to be there before it, but not before the function,
        // which takes longer.
        scope.depends(&alias, &[&policy]);
        Ok(Parts { function, alias, logs })
    }
}

impl Parts {
    /// Shows what users want to know of code.
    pub(super) fn show(&self, scope: &mut Scope<'_>) {
        scope.show("functionName", self.function.output("name"));
        scope.show("functionArn", self.function.output("arn"));
        scope.show("aliasArn", self.alias.output("arn"));
        scope.show("logGroup", self.logs.output("name"));
    }
}

/// A log group, with its retention.
pub(super) fn log_group(scope: &mut Scope<'_>, role: &str, name: &str, retention: LogRetention) -> Handle {
    let mut inputs = PropertyMap::from([("name", name)]);
    if let LogRetention::Days(days) = retention {
        inputs.insert("retentionInDays", days);
    }
    scope.add_tagged("aws:cloudwatch/logGroup:LogGroup", role, inputs)
}

/// The execution role writes the function's own log and may do nothing else.
fn log_policy(logs: &Handle) -> Value {
    let before = r#"{"Version":"2012-10-17","Statement":[{"Action":["logs:CreateLogStream","logs:PutLogEvents"],"Effect":"Allow","Resource":""#;
    Interpolation::new([before.into(), logs.output("arn"), r#":*"}]}"#.into()]).into()
}

/// Lambda's name for a runtime.
fn runtime(runtime: Runtime) -> String {
    match runtime.language() {
        Language::NodeJs => format!("nodejs{}.x", runtime.major()),
    }
}

fn function(
    scope: &mut Scope<'_>,
    wanted: &ServerlessFunction,
    added: &[(&str, Option<String>)],
    package: &PackagedCode,
    name: &str,
    role: &Handle,
) -> Handle {
    let variables = wanted.environment.iter().map(|(name, value)| {
        let text = value.expose();
        (name.as_str().to_owned(), if value.is_secret() { Value::secret(text) } else { text.into() })
    });
    let mut variables: PropertyMap = variables.collect();
    for (name, value) in added.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))) {
        variables.insert(name, value);
    }
    for (name, value) in package.environment.iter() {
        variables.insert(name, value.clone());
    }
    let seconds = wanted.timeout.duration().as_millis().div_ceil(1000);
    let mut inputs = PropertyMap::from([
        ("name", Value::from(name)),
        ("role", role.output("arn")),
        ("runtime", runtime(wanted.runtime).into()),
        ("handler", naming::handler(&package.entry).into()),
        ("memorySize", wanted.memory.megabytes().into()),
        ("timeout", u32::try_from(seconds).unwrap_or(u32::MAX).into()),
        ("publish", true.into()),
    ]);
    // What Lambda takes where nothing is said is left unsaid, so that functions that are there already don't change.
    if wanted.architecture != Architecture::default() {
        inputs.insert("architectures", vec![Value::from(wanted.architecture.as_str())]);
    }
    if !variables.is_empty() {
        inputs.insert("environment", PropertyMap::from([("variables", variables)]));
    }
    if package.zipped_size > LARGEST_DIRECT_UPLOAD {
        let account = scope.request.identity.as_ref().map_or("", |identity| identity.account.as_str());
        let object = package_object(scope, package, &names::bucket(name, account, scope.region));
        inputs.insert("s3Bucket", object.output("bucket"));
        inputs.insert("s3Key", object.output("key"));
    } else {
        inputs.insert("code", Value::Archive(Box::new(package.archive.clone())));
    }
    scope.add_tagged("aws:lambda/function:Function", "function", inputs)
}

/// A package that is too large for the call: a bucket for the component, an object for each digest.
fn package_object(scope: &mut Scope<'_>, package: &PackagedCode, bucket: &str) -> Handle {
    let bucket = scope.add_tagged(
        "aws:s3/bucket:Bucket",
        "packages",
        [("bucket", Value::from(bucket)), ("forceDestroy", true.into())],
    );
    let archive = &package.archive;
    let digest = archive.hash.as_deref().unwrap_or_default();
    scope.add_tagged(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        "package",
        [
            ("bucket", bucket.output("bucket")),
            ("key", format!("{digest}.zip").into()),
            ("source", Value::Archive(Box::new(archive.clone()))),
            ("contentType", "application/zip".into()),
        ],
    )
}
