//! The text of a new semantest-iac.yaml: what is set, and as comments what could be.

use std::fmt::Write as _;

/// A component to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentAnswers {
    /// Its name.
    pub name: String,
    /// Its source folder, relative to the file's.
    pub source: String,
    /// The command that builds it.
    pub build: Option<String>,
    /// The command that starts it.
    pub start: String,
    /// Its runtime.
    pub runtime: String,
    /// The path that a health check asks for.
    pub health: Option<String>,
}

/// Everything that the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The project's name.
    pub project: String,
    /// The components.
    pub components: Vec<ComponentAnswers>,
    /// The region of `production`.
    pub region: String,
}

/// The file's text.
pub fn render(answers: &Answers) -> String {
    let mut text = String::from(
        "# What Semantest deploys, and where to. `semantest-iac validate` checks this file; all settings:\n\
         # docs/reference/semantest-iac.schema.json of semantest-iac.\n\n",
    );
    let _ = writeln!(text, "project: {}\n", scalar(&answers.project));
    text.push_str(
        "# Where the state of deployments is kept, in Pulumi's layout: a folder, seen from this file.\n\
         # state: { url: \"file://./.semantest\" }\n\ncomponents:\n",
    );
    for (index, component) in answers.components.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        write_component(&mut text, component);
    }
    let _ = write!(
        text,
        "\nenvironments:\n  \
         # The embedded local cloud: `semantest-iac deploy --all --env local --yes` needs no account.\n  \
         local:\n    aws: {{ endpoint: local }}\n  \
         # A real account: `semantest-iac deploy --all --env production`.\n  \
         production:\n    aws:\n      region: {}\n      \
         # profile: production                # of your AWS configuration files\n      \
         # account: \"123456789012\"            # any other account is refused before the first write\n    \
         # components:                          # what is different here\n    \
         #   {}: {{ memory: 1GB }}\n",
        scalar(&answers.region),
        answers.components.first().map(|component| component.name.as_str()).unwrap_or("rest-api"),
    );
    text
}

fn write_component(text: &mut String, component: &ComponentAnswers) {
    let ComponentAnswers { name, source, build, start, runtime, health } = component;
    let _ = write!(text, "  {}:\n    kind: rest-api\n    source: {}\n", scalar(name), scalar(source));
    let _ = match build {
        Some(build) => {
            writeln!(text, "    # Run in a copy of `source` before packaging.\n    build: {}", scalar(build))
        }
        None => writeln!(text, "    # build: npm ci --omit=dev             # run in a copy of `source` first"),
    };
    let _ = write!(
        text,
        "    # An unchanged server that listens on $PORT …\n    start: {}\n    \
         # … or instead code that is a handler of Lambda's events already:\n    # handler: dist/lambda.handler\n    \
         runtime: {}\n    memory: 512MB\n    timeout: 30s\n    \
         # environment: {{ API_VERSION: v1 }}\n",
        scalar(start),
        scalar(runtime),
    );
    let _ = match health {
        Some(path) => writeln!(
            text,
            "    # Must answer with success before a deployment counts as done.\n    health: {{ path: {}, timeout: 20s }}",
            scalar(path)
        ),
        None => writeln!(
            text,
            "    # health: {{ path: /health, timeout: 20s }}   # must answer before a deployment counts as done"
        ),
    };
    text.push_str(
        "    # gateway:\n    \
         #   cors: { origins: [\"https://semantest.com\"], methods: [GET, POST], headers: [authorization, content-type], max-age: 1h }\n    \
         #   auth: { jwt: { issuer: \"https://id.example.com/\", audience: [semantest] } }\n    \
         #   routes: [ { path: /health, auth: none } ]\n    \
         #   throttle: { rate: 100, burst: 200 }\n",
    );
}

/// A text as a YAML scalar: plain where that is safe, in JSON's quotes (which YAML reads) elsewhere.
fn scalar(text: &str) -> String {
    let safe_start = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '.' || first == '/');
    let safe = |character: char| character.is_ascii_alphanumeric() || " ._/-=&".contains(character);
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", ".nan", ".inf"];
    let plain = safe_start
        && text.chars().all(safe)
        && !text.ends_with(' ')
        && !reserved.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::adapters::clouds::CLOUDS;
    use crate::adapters::configuration::Configuration;

    fn answers() -> Answers {
        Answers {
            project: "shop".to_owned(),
            components: vec![
                ComponentAnswers {
                    name: "rest-api".to_owned(),
                    source: "./rest-api".to_owned(),
                    build: Some("npm ci --omit=dev".to_owned()),
                    start: "node server.js".to_owned(),
                    runtime: "nodejs22".to_owned(),
                    health: Some("/health".to_owned()),
                },
                ComponentAnswers {
                    name: "admin".to_owned(),
                    source: "./a folder: #1".to_owned(),
                    build: None,
                    start: "node \"x y.js\" --flag='a'".to_owned(),
                    runtime: "nodejs24".to_owned(),
                    health: None,
                },
            ],
            region: "eu-west-1".to_owned(),
        }
    }

    #[test]
    fn the_file_is_commented_and_valid() {
        let text = render(&answers());
        let configuration =
            Configuration::from_bytes(Path::new("/p/semantest-iac.yaml"), text.clone().into_bytes(), &CLOUDS).unwrap();
        assert_eq!(configuration.component_names(), ["rest-api", "admin"]);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_is_commented_out_is_valid_too() {
        // A line such as `# key: value` becomes a setting; lines of prose have no colon after their first word.
        let uncommented: String = render(&answers())
            .lines()
            .filter(|line| !line.contains("handler:"))
            .map(|line| {
                let indent = line.len() - line.trim_start().len();
                let setting = line.trim_start().strip_prefix("# ").filter(|rest| {
                    rest.trim_start().split_once(':').is_some_and(|(key, _)| {
                        !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '-')
                    })
                });
                match setting {
                    Some(setting) => format!("{}{setting}\n", &line[..indent]),
                    None => format!("{line}\n"),
                }
            })
            .collect();
        assert!(uncommented.matches("throttle:").count() == 2 && !uncommented.contains("# gateway"));
        Configuration::from_bytes(Path::new("/p/semantest-iac.yaml"), uncommented.clone().into_bytes(), &CLOUDS)
            .unwrap_or_else(|errors| panic!("{:#?}\n{uncommented}", errors.reported()));
    }

    #[test]
    fn texts_that_yaml_would_take_for_something_else_are_quoted() {
        for (text, written) in [
            ("node server.js", "node server.js"),
            ("./rest-api", "./rest-api"),
            ("yes", "\"yes\""),
            ("12", "\"12\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("", "\"\""),
            ("{x}", "\"{x}\""),
            ("tab\t", "\"tab\\t\""),
        ] {
            assert_eq!(scalar(text), written);
        }
    }
}
