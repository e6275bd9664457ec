//! Secrets stay out of packages: by their names, by their content, and where nobody has asked for them.

use semantest_iac::adapters::packaging::PackagingError;

use crate::packaging::folders::{Component, names};

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n";

fn account() -> String {
    format!(r#"{{"type": "service_account", "private_key": "{}"}}"#, KEY.replace('\n', "\\n"))
}

fn is_packaged(packaged: &[String], path: &str) -> bool {
    packaged.iter().any(|name| name == path)
}

#[test]
fn what_holds_secrets_is_left_out_and_named() {
    let account = account();
    let secrets = [
        (".aws/credentials", "aws_secret_access_key = x"),
        (".envrc", "export TOKEN=x"),
        (".ssh/config", "Host x"),
        (".yarnrc.yml", "npmAuthToken: x"),
        ("certs/server.key", KEY),
        ("certs/server.pem", KEY),
        ("config/production.json", account.as_str()),
        ("deploy/id_rsa", "anything"),
        ("deploy/id_work", KEY),
        ("store.p12", "\u{1}"),
    ];
    let harmless = [
        ("certs/ca.pem", "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJ\n"),
        ("lib/id_generator.js", "exports.next = () => 1"),
        ("lib/pem.js", "exports.wrap = (der) => `-----BEGIN PRIVATE KEY-----\\n${der}\\n`"),
        ("translations/menu.key", "menu"),
        ("node_modules/a/test/server.key", KEY),
        ("node_modules/a/.env", "A=1"),
    ];
    let component = Component::server(&[("server.js", "")]);
    for (path, content) in secrets.iter().chain(&harmless) {
        component.write(path, content);
    }
    // A second time from the cache: what was found in a file is remembered with its digest.
    for _ in 0..2 {
        let package = component.package();
        let packaged = names(&package);
        for (path, _) in secrets {
            assert!(!is_packaged(&packaged, path), "{path} is in the package");
        }
        for (path, _) in harmless {
            assert!(is_packaged(&packaged, path), "{path} isn't in the package");
        }
        assert_eq!(
            package.left_out.secrets,
            [
                ".aws/",
                ".envrc",
                ".ssh/",
                ".yarnrc.yml",
                "certs/server.key",
                "certs/server.pem",
                "config/production.json",
                "deploy/id_rsa",
                "deploy/id_work",
                "store.p12"
            ]
        );
    }
    component.write(".semantestignore", "!certs/\n!.envrc\n!config/production.json\n");
    let packaged = names(&component.package());
    for path in ["certs/server.key", "certs/server.pem", ".envrc", "config/production.json"] {
        assert!(is_packaged(&packaged, path), "{path} was asked for");
    }
}

#[test]
fn a_private_key_in_another_file_is_refused_until_somebody_decides() {
    let component = Component::server(&[("server.js", ""), ("config/tls.txt", KEY)]);
    component.write("lib/signing.js", format!("exports.key = `{KEY}`"));
    let error = component.try_package().unwrap_err();
    assert!(matches!(&error, PackagingError::PrivateKey { paths } if paths == &["config/tls.txt", "lib/signing.js"]));
    assert_eq!(
        error.to_string(),
        "config/tls.txt, lib/signing.js hold a private key, which a package doesn't take unasked"
    );
    assert!(error.hint().contains("`!config/tls.txt`"), "{}", error.hint());
    component.write(".semantestignore", "config/tls.txt\n!lib/signing.js\n");
    let packaged = names(&component.package());
    assert!(!is_packaged(&packaged, "config/tls.txt") && is_packaged(&packaged, "lib/signing.js"));
}

#[test]
fn folders_of_installed_packages_are_kept_whole_and_what_is_left_out_is_counted() {
    let modules =
        ["a/.cache/data.js", "a/.idea/x.js", "a/.vscode/settings.json", "a/fixture.log", "a/.npm/x.js", "a/b.swp"];
    let component = Component::server(&[("server.js", ""), ("a.log", ""), ("logs/b.log", ""), (".idea/x", "")]);
    for path in modules {
        component.write(&format!("node_modules/{path}"), "x");
    }
    component.write("node_modules/.cache/babel/x.json", "noise");
    component.write("node_modules/a/.DS_Store", "noise");
    let package = component.package();
    let packaged = names(&package);
    for path in modules {
        assert!(is_packaged(&packaged, &format!("node_modules/{path}")), "{path} isn't in the package");
    }
    let counted: Vec<_> = package.left_out.others.iter().map(|(rule, count)| (rule.as_str(), *count)).collect();
    assert_eq!(counted, [("**/node_modules/.cache/", 1), ("*.log", 2), (".DS_Store", 1), (".idea/", 1)]);
    assert_eq!(package.left_out.other_count(), 5);
}
