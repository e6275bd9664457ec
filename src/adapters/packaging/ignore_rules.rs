//! Which files of a source folder go into the package: the rules that always hold, the defaults, and `.semantestignore`
//! files in gitignore's syntax. `.gitignore` is not read, because `node_modules` and build outputs stand there.

use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::error::PackagingError;

/// The name of the ignore file; it may stand in any folder of the source.
pub(super) const IGNORE_FILE: &str = ".semantestignore";

/// Never packaged, never part of a build's inputs, and not to be re-included: version control and the state folder.
const ALWAYS: [&str; 4] = [".git", ".hg", ".svn", ".semantest"];

/// Left out by default, outside of `node_modules`; caches, logs and editors' files, which say nothing about what a build
/// would produce.
const CACHES: &[&str] = &[
    ".cache/",
    ".npm/",
    ".nyc_output/",
    ".parcel-cache/",
    ".turbo/",
    ".eslintcache",
    "*.tsbuildinfo",
    "*.log",
    "npm-debug.log*",
    ".DS_Store",
    "Thumbs.db",
    "*.swp",
    ".idea/",
    ".vscode/",
];

/// Left out by default within `node_modules`, where packages have folders of any name. No package's name begins with a dot
/// (https://docs.npmjs.com/cli/v11/configuring-npm/package-json#name), so `.cache` beside them is a tool's.
const CACHES_OF_MODULES: &[&str] = &["**/node_modules/.cache/", ".DS_Store", "Thumbs.db"];

/// Left out by default, outside of `node_modules`; what holds secrets by its name. A build may read them, so they count
/// among its inputs. Private keys and service accounts under other names are found by their content.
const SECRETS: &[&str] = &[
    ".env",
    ".env.*",
    // https://direnv.net, https://developers.cloudflare.com/workers/configuration/secrets/
    ".envrc",
    ".dev.vars",
    // Tokens of registries: npm, Yarn 1 and later, pip.
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    // Passwords: https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html and its name on Windows,
    // https://git-scm.com/docs/git-credential-store, https://www.postgresql.org/docs/current/libpq-pgpass.html
    ".netrc",
    "_netrc",
    ".git-credentials",
    ".pgpass",
    ".my.cnf",
    ".vault-token",
    // Folders that tools keep in a home, and that containers and CI have in the source.
    ".aws/",
    ".azure/",
    "**/.config/gcloud/",
    "**/.docker/config.json",
    ".dockercfg",
    ".gnupg/",
    ".kube/",
    ".ssh/",
    // https://man.openbsd.org/ssh-keygen
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    // Containers of keys and passwords, which no reader can look into.
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
    // Holds secrets in the clear: https://developer.hashicorp.com/terraform/language/state/sensitive-data
    "*.tfstate",
    "*.tfstate.backup",
];

/// Left out by default; this program's own files. What they say reaches a build by its command and environment alone.
const OWN: &[&str] = &["/semantest-iac.yaml", "/Pulumi.yaml", "/Pulumi.*.yaml"];

/// What the rules say of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Goes into the package.
    Package,
    /// Goes into the package since an ignore file says so by a `!`.
    AskedFor,
    /// Stays out of the package, but a build may read it.
    BuildInput,
    /// Stays out altogether.
    Skip,
}

/// Which of the default rules leaves a path out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule<'a> {
    /// A cache, log or the like, by this pattern.
    Cache(&'a str),
    /// A secret.
    Secret,
}

/// A verdict, and the default rule that it rests on, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judgement<'a> {
    pub(super) verdict: Verdict,
    pub(super) rule: Option<Rule<'a>>,
}

/// The rules in force within one folder: the defaults and every `.semantestignore` from the source folder down to it.
#[derive(Clone)]
pub(super) struct IgnoreRules {
    caches: Gitignore,
    caches_of_modules: Gitignore,
    secrets: Gitignore,
    own: Gitignore,
    files: Vec<Gitignore>,
}

impl IgnoreRules {
    /// The rules before any ignore file was read.
    pub(super) fn defaults() -> Self {
        let build = |patterns: &[&str]| {
            let mut builder = GitignoreBuilder::new("");
            for pattern in patterns {
                // The patterns are constants, and a test builds them all.
                let _ = builder.add_line(None, pattern);
            }
            builder.build().unwrap_or_else(|_| Gitignore::empty())
        };
        Self {
            caches: build(CACHES),
            caches_of_modules: build(CACHES_OF_MODULES),
            secrets: build(SECRETS),
            own: build(OWN),
            files: Vec::new(),
        }
    }

    /// Adds the ignore file of `folder` (a path within the source, empty for the source itself), given its content.
    ///
    /// # Errors
    /// A pattern that isn't valid, with its line.
    pub(super) fn with_file(&self, folder: &str, content: &str) -> Result<Self, PackagingError> {
        let path = if folder.is_empty() { IGNORE_FILE.to_owned() } else { format!("{folder}/{IGNORE_FILE}") };
        let mut builder = GitignoreBuilder::new(folder);
        let invalid = |line: usize, error: ignore::Error| PackagingError::IgnoreFile {
            path: path.clone(),
            line,
            reason: error.to_string(),
        };
        for (position, line) in content.trim_start_matches('\u{feff}').lines().enumerate() {
            builder.add_line(None, line).map_err(|error| invalid(position + 1, error))?;
        }
        let rules = builder.build().map_err(|error| invalid(content.lines().count(), error))?;
        let mut extended = self.clone();
        extended.files.push(rules);
        Ok(extended)
    }

    /// Judges a path within the source folder. Its parents have been judged before: what lies in a folder that is left
    /// out can't be re-included, as in git.
    pub(super) fn judge(&self, path: &Path, is_folder: bool) -> Judgement<'_> {
        let plain = |verdict| Judgement { verdict, rule: None };
        if path.file_name().is_some_and(|name| ALWAYS.iter().any(|always| name == *always)) {
            return plain(Verdict::Skip);
        }
        let in_modules = path.parent().is_some_and(|parent| parent.iter().any(|part| part == "node_modules"));
        let caches = if in_modules { &self.caches_of_modules } else { &self.caches };
        for rules in self.files.iter().rev() {
            match rules.matched(path, is_folder) {
                Match::Whitelist(_) => return plain(Verdict::AskedFor),
                Match::Ignore(_) => {
                    // A cache stays no build input also when the user's own file names it again.
                    let is_cache = caches.matched(path, is_folder).is_ignore();
                    return plain(if is_cache { Verdict::Skip } else { Verdict::BuildInput });
                }
                Match::None => {}
            }
        }
        if let Match::Ignore(glob) = caches.matched(path, is_folder) {
            return Judgement { verdict: Verdict::Skip, rule: Some(Rule::Cache(glob.original())) };
        }
        if self.own.matched(path, is_folder).is_ignore() {
            return plain(Verdict::Skip);
        }
        // Packaging reads it in the copy of the source, too.
        if path.file_name().is_some_and(|name| name == IGNORE_FILE) {
            return plain(Verdict::BuildInput);
        }
        if !in_modules && self.secrets.matched(path, is_folder).is_ignore() {
            return Judgement { verdict: Verdict::BuildInput, rule: Some(Rule::Secret) };
        }
        plain(Verdict::Package)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(rules: &IgnoreRules, path: &str) -> Verdict {
        let (path, is_folder) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
        rules.judge(Path::new(path), is_folder).verdict
    }

    #[test]
    fn every_default_pattern_is_valid() {
        let rules = IgnoreRules::defaults();
        assert_eq!(rules.caches.num_ignores(), CACHES.len() as u64);
        assert_eq!(rules.caches_of_modules.num_ignores(), CACHES_OF_MODULES.len() as u64);
        assert_eq!(rules.secrets.num_ignores(), SECRETS.len() as u64);
        assert_eq!(rules.own.num_ignores(), OWN.len() as u64);
    }

    #[test]
    fn defaults_leave_out_caches_and_secrets_but_no_code() {
        let rules = IgnoreRules::defaults();
        for path in
            [".git/", "packages/a/.git", ".semantest/", "node_modules/.cache/", "a/debug.log", "semantest-iac.yaml"]
        {
            assert_eq!(judge(&rules, path), Verdict::Skip, "{path}");
        }
        for path in [".env", "config/.env.production", ".npmrc", ".semantestignore"] {
            assert_eq!(judge(&rules, path), Verdict::BuildInput, "{path}");
        }
        for path in [".aws/", "home/.ssh/", "deploy/id_ed25519", ".envrc", ".yarnrc.yml", "certs/server.p12"] {
            let judgement = rules.judge(Path::new(path.trim_end_matches('/')), path.ends_with('/'));
            assert_eq!(judgement, Judgement { verdict: Verdict::BuildInput, rule: Some(Rule::Secret) }, "{path}");
        }
        for path in ["node_modules/", "dist/", "server.js", ".gitignore", "a/semantest-iac.yaml", "logs/", ".yarn/"] {
            assert_eq!(judge(&rules, path), Verdict::Package, "{path}");
        }
    }

    #[test]
    fn folders_of_installed_packages_are_theirs() {
        let rules = IgnoreRules::defaults();
        for path in ["node_modules/.cache/", "packages/a/node_modules/.cache/", "node_modules/a/.DS_Store"] {
            assert_eq!(judge(&rules, path), Verdict::Skip, "{path}");
        }
        for path in [
            "node_modules/a/.cache/",
            "node_modules/a/.vscode/",
            "node_modules/a/fixtures/first.log",
            "node_modules/.npm/",
            "node_modules/a/.env",
            "node_modules/a/id_rsa",
        ] {
            assert_eq!(judge(&rules, path), Verdict::Package, "{path}");
        }
        let rules = rules.with_file("", "node_modules/a/.env\n").unwrap();
        assert_eq!(judge(&rules, "node_modules/a/.env"), Verdict::BuildInput);
    }

    #[test]
    fn an_ignore_file_adds_and_re_includes() {
        let rules =
            IgnoreRules::defaults().with_file("", "# comment\nsrc/\n*.test.js\n!keep.test.js\n!.env\n").unwrap();
        assert_eq!(judge(&rules, "src/"), Verdict::BuildInput);
        assert_eq!(judge(&rules, "src"), Verdict::Package);
        assert_eq!(judge(&rules, "lib/a.test.js"), Verdict::BuildInput);
        assert_eq!(judge(&rules, "lib/keep.test.js"), Verdict::AskedFor);
        assert_eq!(judge(&rules, ".env"), Verdict::AskedFor);
        assert_eq!(judge(&rules, ".env.local"), Verdict::BuildInput);
    }

    #[test]
    fn version_control_and_state_cannot_be_re_included() {
        let rules = IgnoreRules::defaults().with_file("", "!.git\n!.semantest/\n!*\n").unwrap();
        assert_eq!(judge(&rules, ".git/"), Verdict::Skip);
        assert_eq!(judge(&rules, ".semantest/"), Verdict::Skip);
    }

    #[test]
    fn a_nested_ignore_file_holds_below_its_folder_and_wins() {
        let rules =
            IgnoreRules::defaults().with_file("", "*.txt\n").unwrap().with_file("docs", "!a.txt\n/b.md\n").unwrap();
        assert_eq!(judge(&rules, "docs/a.txt"), Verdict::AskedFor);
        assert_eq!(judge(&rules, "docs/c.txt"), Verdict::BuildInput);
        assert_eq!(judge(&rules, "docs/b.md"), Verdict::BuildInput);
        assert_eq!(judge(&rules, "docs/deep/b.md"), Verdict::Package);
    }

    #[test]
    fn a_broken_pattern_names_its_line() {
        let error = IgnoreRules::defaults().with_file("lib", "ok\n[z-a]\n").err().unwrap();
        assert!(error.to_string().starts_with("lib/.semantestignore, line 2: "), "{error}");
    }
}
