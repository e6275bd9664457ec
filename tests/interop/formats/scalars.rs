//! What plain scalars of a stack's configuration are: the CLI and semantest-iac spell each of them alike.

use std::fmt::Write as _;

use serde_json::Value;

use super::secrets::ours;
use crate::interop::shop::{STACK, Shop};

const FILE: &str = "Pulumi.aws-test.yaml";

/// Signs, digits, points, exponents and prefixes in all combinations, and single ones beside them.
fn scalars() -> Vec<String> {
    let mut scalars = Vec::new();
    for sign in ["", "-", "+"] {
        for digits in [
            "0",
            "7",
            "08",
            "017",
            "012345678912",
            "1_000",
            "9007199254740993",
            "9223372036854775808",
            "12345678901234567890",
            "18446744073709551616",
            "0x1F",
            "0X1f",
            "0o17",
            "0b11",
            "0b12",
            "0x",
            ".5",
            "5.",
            "1.50",
            "0.0",
            "1234567.0",
            "123456789.123",
            "12345678901234567890.5",
            "1e3",
            "1E+3",
            "1e20",
            "1e21",
            "1e-6",
            "1e-7",
            "6.02e23",
            "1e400",
            "1_0.5",
            "1e1_0",
            "12e",
            ".",
        ] {
            scalars.push(format!("{sign}{digits}"));
        }
    }
    let single = [
        "true",
        "True",
        "FALSE",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "~",
        "null",
        "NULL",
        "nan",
        "inf",
        "1:30",
        "1.2.3",
        "e3",
        "_1",
        "1_",
        "1-",
        "2001-12-14",
        "2001-1-2",
        "2001-12-14t21:59:43.10-05:00",
        "2001-12-14T21:59:43Z",
        "2001-12-14 21:59:43",
        "2001-12-14 21:59:43 +1",
        "2001-02-30",
        "20011-12-14",
        "!!str 12",
        "!!int '12'",
        "!!float 1",
    ];
    scalars.extend(single.map(str::to_owned));
    scalars
}

/// A file of settings with each scalar by itself, in a map and in a list.
fn settings(scalars: &[String]) -> String {
    let mut text = "config:\n".to_owned();
    for (number, scalar) in scalars.iter().enumerate() {
        let _ = write!(
            text,
            "  shop:t{number}: {scalar}\n  shop:m{number}:\n    a: {scalar}\n  shop:l{number}:\n    - {scalar}\n"
        );
    }
    text
}

fn values(document: &Value) -> Vec<(String, String)> {
    let entries = document.as_object().unwrap().iter();
    entries.map(|(key, entry)| (key.clone(), entry["value"].as_str().unwrap_or_default().to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_plain_scalar_is_spelled_alike() {
    let shop = Shop::new().await;
    let pulumi = shop.pulumi().await;
    std::fs::create_dir_all(shop.project.path(".semantest")).unwrap();
    pulumi.succeeds(&["stack", "init", STACK]).await;
    let before = std::fs::read_to_string(shop.project.path(FILE)).unwrap_or_default();
    let scalars = scalars();
    std::fs::write(shop.project.path(FILE), format!("{before}{}", settings(&scalars))).unwrap();
    let theirs = values(&pulumi.json(&["config", "--json", "--stack", STACK]).await);
    let ours_shown = values(&ours(&shop, &[], &["config", "ls", "--json"]).await.succeeded());
    assert_eq!(theirs.len(), 3 * scalars.len());
    let differing: Vec<_> = theirs.iter().zip(&ours_shown).filter(|(theirs, ours)| theirs != ours).collect();
    assert!(differing.is_empty(), "theirs and ours of {scalars:?}: {differing:#?}");
    for refused in [".nan", ".NaN", ".inf", "-.Inf", "+.INF"] {
        std::fs::write(shop.project.path(FILE), format!("{before}config:\n  shop:t: {refused}\n")).unwrap();
        pulumi.fails(&["config", "--json", "--stack", STACK]).await;
        let told = ours(&shop, &[], &["config", "ls", "--json"]).await;
        assert_ne!(told.code, Some(0), "{refused}");
        assert!(told.stderr.contains("a number that Pulumi refuses") && told.stderr.contains(FILE), "{}", told.stderr);
    }
}
