//! Whose credentials a command uses: an endpoint that answers with the access key shows it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use crate::cli::program::Program;
use crate::end_to_end::support::Run;

const DEPLOY: &[&str] = &["deploy", "--all", "--env", "test", "--yes", "--json"];
const CREDENTIALS: &str = "[staging]\naws_access_key_id = KEY-OF-STAGING\naws_secret_access_key = a-secret-of-staging\n\
                           [other]\naws_access_key_id = KEY-OF-OTHER\naws_secret_access_key = a-secret-of-other\n";

/// An STS whose accounts are called like their access keys.
fn start_sts() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut key, mut length, mut line) = (String::new(), 0, String::new());
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some((_, rest)) = line.split_once("Credential=") {
                    key = rest.split('/').next().unwrap().to_owned();
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            reader.take(length).read_to_end(&mut Vec::new()).unwrap();
            let body = format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                 <Arn>arn:aws:iam::{key}:user/dev</Arn><UserId>dev</UserId><Account>{key}</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
            );
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    endpoint
}

/// Deploys to an account that nobody is of, with these settings of the environment, arguments and variables.
fn deploy(settings: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let yaml = format!(
        "project: shop\ncomponents:\n  api: {{ kind: rest-api, source: ./api, start: node server.js }}\nenvironments:\n  \
         test: {{ aws: {{ region: us-east-1, endpoint: \"{}\", account: \"999999999999\"{settings} }} }}\n",
        start_sts()
    );
    let files = [("semantest-iac.yaml", &*yaml), ("api/server.js", ""), ("credentials", CREDENTIALS)];
    let program = Program::with(&files);
    let mut command = program.command(&[DEPLOY, arguments].concat());
    command
        .env("AWS_SHARED_CREDENTIALS_FILE", program.path("credentials"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied());
    Run::of(command.output().unwrap())
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "KEY-OF-KEYS"), ("AWS_SECRET_ACCESS_KEY", "a-secret")];

#[test]
fn a_profile_that_is_named_wins_over_keys_in_the_environment() {
    let told = deploy("", &["--profile", "staging"], &KEYS).failed(1);
    assert!(told.contains("the credentials from profile 'staging' are of the account KEY-OF-STAGING"), "{told}");
    let told = deploy(", profile: other", &[], &KEYS).failed(1);
    assert!(told.contains("KEY-OF-OTHER"), "{told}");
    let told = deploy(", profile: other", &["--profile", "staging"], &KEYS).failed(1);
    assert!(told.contains("KEY-OF-STAGING"), "{told}");
    let told = deploy("", &[], &KEYS).failed(1);
    assert!(told.contains("the credentials from the environment are of the account KEY-OF-KEYS"), "{told}");
}

#[test]
fn the_profile_of_the_environment_counts_where_no_keys_are_set() {
    let profile = ("AWS_PROFILE", "staging");
    let told = deploy("", &[], &[profile]).failed(1);
    assert!(told.contains("KEY-OF-STAGING"), "{told}");
    let told = deploy("", &[], &[profile, KEYS[0], KEYS[1]]).failed(1);
    assert!(told.contains("KEY-OF-KEYS"), "{told}");
    assert!(deploy("", &[], &[("AWS_PROFILE", "nosuch")]).failed(2).contains("there is no profile"));
}

#[test]
fn a_profile_that_is_not_there_is_refused_before_anything_is_called() {
    for (settings, arguments) in [("", &["--profile", "nosuch"][..]), (", profile: nosuch", &[])] {
        for variables in [&KEYS[..], &[]] {
            let run = deploy(settings, arguments, variables);
            let told = run.failed(2);
            assert!(told.contains(r#"there is no profile \"nosuch\" (known: other, staging)"#), "{told}");
        }
    }
}

#[test]
fn no_credentials_at_all_are_told_as_such() {
    let told = deploy("", &[], &[]).failed(1);
    assert!(told.contains(r#""message":"no credentials"#), "{told}");
}
