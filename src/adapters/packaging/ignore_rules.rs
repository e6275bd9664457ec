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

/// Left out by default; caches, logs and editors' files, which say nothing about what a build would produce.
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

/// Left out by default; secrets and this program's own files. A build may read them, so they count among its inputs.
const SECRETS: &[&str] = &[".env", ".env.*", ".npmrc", ".netrc", IGNORE_FILE, "/semantest-iac.yaml"];

/// What the rules say of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Goes into the package.
    Package,
    /// Stays out of the package, but a build may read it.
    BuildInput,
    /// Stays out altogether.
    Skip,
}

/// The rules in force within one folder: the defaults and every `.semantestignore` from the source folder down to it.
#[derive(Clone)]
pub(super) struct IgnoreRules {
    caches: Gitignore,
    secrets: Gitignore,
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
        Self { caches: build(CACHES), secrets: build(SECRETS), files: Vec::new() }
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
    pub(super) fn judge(&self, path: &Path, is_folder: bool) -> Verdict {
        if path.file_name().is_some_and(|name| ALWAYS.iter().any(|always| name == *always)) {
            return Verdict::Skip;
        }
        for rules in self.files.iter().rev() {
            match rules.matched(path, is_folder) {
                Match::Whitelist(_) => return Verdict::Package,
                Match::Ignore(_) => {
                    // A cache stays no build input also when the user's own file names it again.
                    return if self.caches.matched(path, is_folder).is_ignore() {
                        Verdict::Skip
                    } else {
                        Verdict::BuildInput
                    };
                }
                Match::None => {}
            }
        }
        if self.caches.matched(path, is_folder).is_ignore() {
            Verdict::Skip
        } else if self.secrets.matched(path, is_folder).is_ignore() {
            Verdict::BuildInput
        } else {
            Verdict::Package
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(rules: &IgnoreRules, path: &str) -> Verdict {
        let (path, is_folder) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
        rules.judge(Path::new(path), is_folder)
    }

    #[test]
    fn every_default_pattern_is_valid() {
        let rules = IgnoreRules::defaults();
        assert_eq!(rules.caches.num_ignores(), CACHES.len() as u64);
        assert_eq!(rules.secrets.num_ignores(), SECRETS.len() as u64);
    }

    #[test]
    fn defaults_leave_out_caches_and_secrets_but_no_code() {
        let rules = IgnoreRules::defaults();
        for path in [".git/", "packages/a/.git", ".semantest/", "node_modules/.cache/", ".DS_Store", "a/debug.log"] {
            assert_eq!(judge(&rules, path), Verdict::Skip, "{path}");
        }
        for path in [".env", "config/.env.production", ".npmrc", ".semantestignore", "semantest-iac.yaml"] {
            assert_eq!(judge(&rules, path), Verdict::BuildInput, "{path}");
        }
        for path in ["node_modules/", "dist/", "server.js", ".gitignore", "a/semantest-iac.yaml", "logs/", ".yarn/"] {
            assert_eq!(judge(&rules, path), Verdict::Package, "{path}");
        }
    }

    #[test]
    fn an_ignore_file_adds_and_re_includes() {
        let rules =
            IgnoreRules::defaults().with_file("", "# comment\nsrc/\n*.test.js\n!keep.test.js\n!.env\n").unwrap();
        assert_eq!(judge(&rules, "src/"), Verdict::BuildInput);
        assert_eq!(judge(&rules, "src"), Verdict::Package);
        assert_eq!(judge(&rules, "lib/a.test.js"), Verdict::BuildInput);
        assert_eq!(judge(&rules, "lib/keep.test.js"), Verdict::Package);
        assert_eq!(judge(&rules, ".env"), Verdict::Package);
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
        assert_eq!(judge(&rules, "docs/a.txt"), Verdict::Package);
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
