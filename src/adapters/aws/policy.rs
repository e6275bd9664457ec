//! The policy of the deploying identity, as the deployment guide shows it: generated from the calls that the sources of this room can
//! make, so that it can't lack one, and can't have one that is never made. The state's calls (KMS, the bucket) stand in pages of their
//! own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::calls::LOG_DELIVERY;
use super::naming::NamedResource;

/// The ways in which sources say what they call: the text before the operation's name, and its permission where that isn't the name.
const CALLS: [(&str, Option<&str>); 6] = [
    ("Action::read(", None),
    ("Action::write(", None),
    ("api_child::makes(", Some("apigateway:POST")),
    ("api_child::reads(", Some("apigateway:GET")),
    ("api_child::changes(", Some("apigateway:PATCH")),
    ("api_child::removes(", Some("apigateway:DELETE")),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(below).filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

/// The texts in quotation marks.
fn literals(code: &str) -> Vec<&str> {
    code.split('"').skip(1).step_by(2).collect()
}

/// The permissions that one statement of a source asks for.
fn permissions_of(statement: &str, known: Option<&str>) -> Vec<String> {
    let argument = |method: &str| statement.split_once(method).map(|(_, rest)| rest);
    let named = argument(".needs(").map(|rest| literals(rest)[0]);
    let own = named.or(known).or_else(|| literals(statement).first().copied());
    let mut all: Vec<String> = own.into_iter().map(str::to_owned).collect();
    if let Some(besides) = argument(".besides(") {
        match besides.starts_with("LOG_DELIVERY") {
            true => all.extend(LOG_DELIVERY.iter().map(|one| (*one).to_owned())),
            false => all.extend(literals(besides).into_iter().map(str::to_owned)),
        }
    }
    assert!(!all.is_empty() && all.iter().all(|one| one.contains(':')), "a call without a permission: {statement}");
    all
}

/// All permissions that deploying can take.
fn permissions() -> BTreeSet<String> {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapters/aws");
    let mut all = BTreeSet::new();
    for folder in ["connection", "diagnostics", "frame", "resources"] {
        for source in sources(&room.join(folder)) {
            let text = std::fs::read_to_string(source).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (call, known) in CALLS {
                let statements = code.split(call).skip(1).map(|rest| rest.split([';', '}']).next().unwrap_or_default());
                all.extend(statements.flat_map(|statement| permissions_of(statement, known)));
            }
        }
    }
    // Everybody may ask who he is (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
    all.remove("sts:GetCallerIdentity");
    all
}

/// What the names of a project's resources of a kind begin with: all of the project's name that can't be cut away.
fn prefix(resource: NamedResource, project: &str) -> String {
    // A shortened name ends in a hyphen and eight digits of a hash.
    let kept = resource.longest() - 9;
    let written: String = project.chars().map(|c| if resource.allows(c) { c } else { '-' }).take(kept).collect();
    match project.chars().count() + 1 < kept {
        true => format!("{written}-*"),
        false => format!("{}*", written.trim_end_matches(['-', '_', '.'])),
    }
}

/// What the names of a project's buckets begin with: the function's name, without what a bucket's mustn't have, cut again.
fn bucket_prefix(project: &str) -> String {
    let function = prefix(NamedResource::Function, project);
    let plain: String =
        function.trim_end_matches('*').to_ascii_lowercase().replace('_', "-").chars().take(63 - 9).collect();
    format!("{}*", if project.len() + 1 < 63 - 9 { plain.as_str() } else { plain.trim_end_matches('-') })
}

/// A statement: its name, which permissions stand in it, and the resources.
type Statement = (&'static str, fn(&str) -> bool, Vec<String>);

fn statements(account: &str, project: &str) -> Vec<Statement> {
    let role = format!("arn:aws:iam::{account}:role/{}", prefix(NamedResource::Role, project));
    let function = format!("arn:aws:lambda:*:{account}:function:{}", prefix(NamedResource::Function, project));
    // A function's log group is named by the function, that of access logs by the API.
    let (logs, names) = (format!("arn:aws:logs:*:{account}:log-group:"), prefix(NamedResource::Function, project));
    let access = prefix(NamedResource::Api, project);
    let bucket = format!("arn:aws:s3:::{}", bucket_prefix(project));
    let is_of_any = |one: &str| LOG_DELIVERY.contains(&one);
    vec![
        ("Roles", |one| one.starts_with("iam:") && one != "iam:PassRole", vec![role.clone()]),
        ("HandRolesToLambda", |one| one == "iam:PassRole", vec![role]),
        ("Functions", |one| one.starts_with("lambda:"), vec![function]),
        (
            "Gateways",
            |one| one.starts_with("apigateway:"),
            ["/apis", "/apis/*", "/tags/*"].map(|path| format!("arn:aws:apigateway:*::{path}")).into(),
        ),
        (
            "LogGroups",
            |one| one.starts_with("logs:") && !LOG_DELIVERY.contains(&one),
            vec![format!("{logs}/aws/lambda/{names}"), format!("{logs}/aws/vendedlogs/apis/{access}")],
        ),
        ("AccessLogsOfGateways", is_of_any, vec!["*".to_owned()]),
        ("PackagesOver50MB", |one| one.starts_with("s3:"), vec![bucket.clone(), format!("{}/*", bucket)]),
    ]
}

/// The policy as JSON, with as many actions on a line as fit.
fn policy(account: &str, project: &str) -> String {
    let mut left = permissions();
    let mut written = Vec::new();
    for (sid, belongs, resources) in statements(account, project) {
        let actions: Vec<String> = left.iter().filter(|one| belongs(one)).cloned().collect();
        assert!(!actions.is_empty(), "{sid} allows nothing");
        left.retain(|one| !actions.contains(one));
        let mut lines = vec![String::new()];
        for action in actions.iter().map(|action| format!("{action:?}, ")) {
            match lines.last_mut() {
                Some(line) if line.len() + action.len() <= 140 => *line += &action,
                _ => lines.push(action),
            }
        }
        let lines = lines.join("\n        ").replace(" \n", "\n");
        let resources: Vec<String> = resources.iter().map(|one| format!("{one:?}")).collect();
        let condition = match sid {
            "HandRolesToLambda" => {
                ",\n      \"Condition\": { \"StringEquals\": { \"iam:PassedToService\": \"lambda.amazonaws.com\" } }"
            }
            _ => "",
        };
        written.push(format!(
            "    {{\n      \"Sid\": \"{sid}\",\n      \"Effect\": \"Allow\",\n      \"Action\": [\n        {}\n      ],\n      \"Resource\": \
             [{}]{condition}\n    }}",
            lines.trim_end_matches([',', ' ']),
            resources.join(", ")
        ));
    }
    assert!(left.is_empty(), "no statement is for {left:?}");
    format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}", written.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_REFERENCE=1 cargo test --lib reference` writes it anew.
    #[test]
    fn the_policy_of_the_guide_is_the_reference_of_what_is_called() {
        const BEGIN: &str = "<!-- Generated: UPDATE_REFERENCE=1 cargo test --lib reference -->\n```json\n";
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deployment-guide.md");
        let text = std::fs::read_to_string(&file).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once("\n```\n").unwrap();
        let policy = policy("123456789012", "semantest");
        serde_json::from_str::<serde_json::Value>(&policy).unwrap();
        let wanted = format!("{before}{BEGIN}{policy}\n```\n{after}");
        if wanted != text && std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(&file, wanted).unwrap();
            return;
        }
        assert!(wanted == text, "the guide's policy is stale: run UPDATE_REFERENCE=1 cargo test --lib reference");
    }

    #[test]
    fn statements_of_sources_are_read() {
        let read = |statement, known| permissions_of(statement, known);
        assert_eq!(read(r#""lambda:GetFunction", QUOTA)"#, None), ["lambda:GetFunction"]);
        assert_eq!(read(r#""s3:HeadBucket", S3).needs("s3:ListBucket")"#, None), ["s3:ListBucket"]);
        assert_eq!(read(r#"concat!("apigateway:Get", $name))"#, Some("apigateway:GET")), ["apigateway:GET"]);
        let besides = read("\"iam:CreateRole\", IAM).besides(&[\n    \"iam:TagRole\",\n])", None);
        assert_eq!(besides, ["iam:CreateRole", "iam:TagRole"]);
        let all = permissions();
        for known in ["lambda:ListTags", "lambda:PutFunctionConcurrency", "iam:PassRole", "logs:FilterLogEvents"] {
            assert!(all.contains(known), "{known}");
        }
        assert!(!all.contains("apigateway:PUT"));
    }

    mod names {
        use proptest::prelude::*;

        use super::*;
        use crate::adapters::aws::blueprint::names::bucket;
        use crate::adapters::aws::naming::{Owner, physical_name};

        fn matches(pattern: &str, name: &str) -> bool {
            name.starts_with(pattern.trim_end_matches('*'))
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(256))]

            #[test]
            fn the_policy_covers_every_name_of_a_project(
                project in prop_oneof!["[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", "[A-Za-z0-9][A-Za-z0-9_.-]{45,99}"],
                environment in "[a-z][a-z0-9]{0,12}(-[a-z0-9]{1,12}){0,2}",
                component in "[a-z][a-z0-9]{0,19}(-[a-z0-9]{1,9}){0,2}",
            ) {
                let (parsed, environment, component) =
                    (project.parse().unwrap(), environment.parse().unwrap(), component.parse().unwrap());
                let owner = Owner { project: &parsed, environment: &environment, component: &component };
                for resource in [NamedResource::Function, NamedResource::Role, NamedResource::Api] {
                    let name = physical_name(resource, owner, None);
                    prop_assert!(matches(&prefix(resource, &project), &name), "{name}");
                }
                let function = physical_name(NamedResource::Function, owner, None);
                let named = bucket(&function, "123456789012", "ap-southeast-1");
                prop_assert!(matches(&bucket_prefix(&project), &named), "{named} {}", bucket_prefix(&project));
            }
        }
    }
}
