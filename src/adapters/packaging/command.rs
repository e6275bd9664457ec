//! The command that starts a server, checked against the package: what it runs must be there, stay in the foreground, and find
//! what it reads. Called by `start`; a script of package.json is checked like a command.

use std::path::Path;

use serde_json::Value;

use super::error::PackagingError;
use super::manifest::Manifest;
use super::start::check_entry;

/// What Lambda's Node.js runtime has beside the package (the image `public.ecr.aws/lambda/nodejs`,
/// <https://docs.aws.amazon.com/lambda/latest/dg/nodejs-image.html>: Node.js with npm in /var/lang/bin, and the shell and the
/// basic tools of Amazon Linux 2023).
const IN_THE_RUNTIME: &[&str] = &[
    "node", "npm", "npx", "sh", "bash", "env", "cat", "cp", "date", "echo", "false", "head", "ls", "mkdir", "mv",
    "printf", "pwd", "rm", "sleep", "tail", "test", "touch", "tr", "true", "wc",
];

/// What a shell does itself (POSIX, <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html>).
const OF_THE_SHELL: &[&str] = &[
    ":", ".", "[", "cd", "command", "eval", "exec", "exit", "export", "if", "then", "else", "fi", "for", "do", "done",
    "case", "esac", "read", "set", "shift", "trap", "ulimit", "umask", "unset", "until", "wait", "while", "source",
];

/// Programs that start a server in the background and end (<https://pm2.keymetrics.io/docs/usage/quick-start/>,
/// <https://github.com/foreversd/forever#command-line-usage>), with the words that do it.
const DAEMONS: [(&str, &[&str]); 3] =
    [("pm2", &["start", "restart", "reload"]), ("forever", &["start", "restart"]), ("nohup", &[])];

/// Options of `node` that take the next word as their value, when it isn't joined by `=`.
const NODE_OPTIONS_WITH_VALUE: [&str; 14] = [
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--env-file",
    "--env-file-if-exists",
    "--title",
    "--icu-data-dir",
    "--input-type",
    "--disable-warning",
    "--openssl-config",
];

/// A command on its way through the checks.
pub(super) struct Command<'a> {
    /// As the configuration has it.
    pub(super) start: &'a str,
    pub(super) manifest: &'a Manifest,
    /// Where the package's files are.
    pub(super) root: &'a Path,
}

impl Command<'_> {
    /// Checks the words of a command that needs no shell.
    pub(super) fn check_words(&self, words: &[String]) -> Result<(), PackagingError> {
        self.check(words, true)
    }

    /// Checks a command of the shell as far as it can be read: its simple parts, where nothing in them is computed.
    pub(super) fn check_line(&self, line: &str) -> Result<(), PackagingError> {
        self.check_shell(line, true)
    }

    fn check_shell(&self, line: &str, scripts: bool) -> Result<(), PackagingError> {
        let line = line.trim();
        if line.ends_with('&') && !line.ends_with("&&") {
            return Err(self.invalid("it puts the server into the background; leave the `&` out"));
        }
        for part in line.split(['&', '|', ';', '\n']) {
            if part.contains(['$', '`', '(', ')', '<', '>', '*', '?', '{', '}', '#']) {
                continue;
            }
            let Some(words) = shlex::split(part) else { continue };
            let is_setting = |word: &&String| word.split_once('=').is_some_and(|(name, _)| is_variable(name));
            let mut words: Vec<String> = words.iter().skip_while(is_setting).cloned().collect();
            while words.first().is_some_and(|word| matches!(word.as_str(), "exec" | "env" | "cross-env" | "command")) {
                words.remove(0);
                words = words.iter().skip_while(is_setting).cloned().collect();
            }
            // A folder may have been changed to: then nobody knows where a file is.
            if words.first().is_some_and(|word| word == "cd") {
                return Ok(());
            }
            if words.first().is_some_and(|word| !OF_THE_SHELL.contains(&word.as_str())) {
                self.check(&words, scripts)?;
            }
        }
        Ok(())
    }

    fn check(&self, words: &[String], scripts: bool) -> Result<(), PackagingError> {
        let program = words[0].as_str();
        let rest: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        if let Some((_, daemonising)) = DAEMONS.iter().find(|(name, _)| *name == program)
            && (daemonising.is_empty() || rest.iter().any(|word| daemonising.contains(word)))
            && !rest.contains(&"--no-daemon")
        {
            return Err(self.invalid(
                "it puts the server into the background and ends; the sandbox looks after the server itself: start it directly, as by `node server.js`",
            ));
        }
        match program {
            "node" => self.check_node(&rest),
            "npm" => self.check_npm(&rest, scripts),
            _ if program.starts_with("./") || program.contains('/') && !program.starts_with('/') => {
                check_entry(self.start, program, self.manifest)
            }
            _ if program.starts_with('/') || IN_THE_RUNTIME.contains(&program) || self.holds(program) => Ok(()),
            _ => Err(self.absent(program, &rest)),
        }
    }

    fn check_node(&self, words: &[&str]) -> Result<(), PackagingError> {
        let mut rest = words.iter().copied();
        while let Some(word) = rest.next() {
            if ["-e", "--eval", "-p", "--print"].contains(&word) {
                return Ok(());
            }
            if let Some(file) = word.strip_prefix("--env-file=") {
                self.check_env_file(file)?;
            } else if word == "--env-file" {
                self.check_env_file(rest.next().unwrap_or_default())?;
            } else if NODE_OPTIONS_WITH_VALUE.contains(&word) {
                rest.next();
            } else if word == "--run" {
                return self.check_script(rest.next().unwrap_or_default(), false);
            } else if !word.starts_with('-') {
                check_entry(self.start, word, self.manifest)?;
                return self.check_dependencies(word);
            }
        }
        Err(self.invalid("it names no file to run"))
    }

    fn check_npm(&self, words: &[&str], scripts: bool) -> Result<(), PackagingError> {
        let mut plain = words.iter().copied().filter(|word| !word.starts_with('-'));
        match plain.next() {
            Some("start") => self.check_script("start", scripts),
            Some("run" | "run-script") => plain.next().map_or(Ok(()), |name| self.check_script(name, scripts)),
            _ => Ok(()),
        }
    }

    /// A script of package.json: it must be there, and is a command itself.
    fn check_script(&self, script: &str, look_into: bool) -> Result<(), PackagingError> {
        let missing = |advice: &str| PackagingError::EntryMissing {
            setting: "start",
            value: self.start.to_owned(),
            expected: format!("the script `{script}` of package.json"),
            advice: advice.into(),
        };
        let advice = "add it to package.json, or start the server directly, as by `node server.js`";
        if !self.manifest.entries.contains_key("package.json") {
            return Err(missing(
                "add a package.json to the source folder, or start the server directly, as by `node server.js`",
            ));
        }
        // What can't be read is npm's to tell.
        let Some(package) = self.package() else { return Ok(()) };
        match package.pointer(&format!("/scripts/{script}")).and_then(Value::as_str) {
            // https://docs.npmjs.com/cli/v11/commands/npm-start
            None if script == "start" && self.manifest.entries.contains_key("server.js") => Ok(()),
            None => Err(missing(advice)),
            Some(line) if look_into => self.check_shell(line, false),
            Some(_) => Ok(()),
        }
    }

    /// Node.js ends where the file isn't there (<https://nodejs.org/api/cli.html#--env-filefile>).
    fn check_env_file(&self, file: &str) -> Result<(), PackagingError> {
        let path = file.trim_start_matches("./");
        if file.starts_with('/') || self.manifest.entries.contains_key(path) {
            return Ok(());
        }
        Err(PackagingError::EntryMissing {
            setting: "start",
            value: self.start.to_owned(),
            expected: format!("the file {file} by --env-file"),
            advice: format!(
                "leave the option out and give the variables by the component's `environment` (secrets by `from-env`), or package the file by a line `!{path}` in .semantestignore"
            ),
        })
    }

    /// Dependencies that aren't in the package, of a server whose own file asks for one. A bundle has them inside.
    fn check_dependencies(&self, entry: &str) -> Result<(), PackagingError> {
        let is_installed = |path: &String| path.starts_with("node_modules/") || path.starts_with(".pnp.");
        if self.manifest.entries.keys().any(is_installed) {
            return Ok(());
        }
        let text = std::fs::read_to_string(self.root.join(entry)).unwrap_or_default();
        let package = self.package().unwrap_or_default();
        let dependencies = package.get("dependencies").and_then(Value::as_object);
        let asks_for = |name: &str| {
            ["'", "\""].iter().any(|mark| {
                let quoted = format!("{mark}{name}{mark}");
                [format!("require({quoted})"), format!("from {quoted}"), format!("import {quoted}")]
                    .iter()
                    .any(|words| text.contains(words))
            })
        };
        match dependencies.into_iter().flat_map(|map| map.keys()).find(|name| asks_for(name)) {
            Some(name) => Err(PackagingError::DependencyMissing { entry: entry.to_owned(), dependency: name.clone() }),
            None => Ok(()),
        }
    }

    fn package(&self) -> Option<Value> {
        serde_json::from_slice(&std::fs::read(self.root.join("package.json")).ok()?).ok()
    }

    /// Whether an installed package of the source brings a program.
    fn holds(&self, program: &str) -> bool {
        self.manifest.entries.contains_key(&format!("node_modules/.bin/{program}"))
    }

    fn absent(&self, program: &str, rest: &[&str]) -> PackagingError {
        let mut words = rest.iter().copied().filter(|word| !word.starts_with('-') && *word != "run");
        let script = words.next().filter(|_| ["pnpm", "yarn", "bun"].contains(&program));
        let package = self.package();
        let line = script
            .and_then(|script| package.as_ref()?.pointer(&format!("/scripts/{script}"))?.as_str())
            .filter(|line| line.starts_with("node "));
        let advice = match (script, line) {
            (_, Some(line)) => format!("write what it stands for: `start: {line}`"),
            (Some("start"), None) => {
                "write `start: npm start`: the runtime has npm, which runs the same script".to_owned()
            }
            (Some(file), None) if file.contains('.') => format!("write `start: node {file}`"),
            (Some(script), None) => {
                format!("write `start: npm run {script}`: the runtime has npm, which runs the same script")
            }
            (None, None) => format!(
                "install the package that brings {program} as a dependency (not one for development), or start the server directly, as by `node server.js`"
            ),
        };
        PackagingError::ProgramMissing { value: self.start.to_owned(), program: program.to_owned(), advice }
    }

    fn invalid(&self, reason: &'static str) -> PackagingError {
        PackagingError::InvalidStart { setting: "start", value: self.start.to_owned(), reason }
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}
