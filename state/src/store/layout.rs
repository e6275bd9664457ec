//! Names and places of Pulumi's DIY layout (SPEC.md section 4.2) and of what is ours beside it.

use std::fmt;

use crate::codec::Compression;
use crate::error::{Error, Result};

pub(crate) const META: &str = ".pulumi/meta.yaml";
pub(crate) const STACKS: &str = ".pulumi/stacks";

/// A stack: its project and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StackId {
    project: String,
    stack: String,
}

impl StackId {
    /// A stack of a project.
    ///
    /// # Errors
    /// [`Error::InvalidName`] when a name has other characters than Pulumi allows (SPEC.md section 1.6).
    pub fn new(project: &str, stack: &str) -> Result<Self> {
        for (what, name) in [("project's name", project), ("stack's name", stack)] {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
            // `.` and `..` would be folders.
            let dots = name.bytes().all(|byte| byte == b'.');
            if name.is_empty() || name.len() > 100 || !name.bytes().all(allowed) || dots {
                return Err(Error::InvalidName { what, name: name.to_owned() });
            }
        }
        Ok(Self { project: project.to_owned(), stack: stack.to_owned() })
    }

    /// Reads `stack`, `organization/stack` or `organization/project/stack`; `project` is that of the working folder.
    ///
    /// # Errors
    /// [`Error::InvalidName`].
    pub fn parse(reference: &str, project: &str) -> Result<Self> {
        let parts: Vec<&str> = reference.split('/').collect();
        match *parts.as_slice() {
            [stack] | ["organization", stack] => Self::new(project, stack),
            ["organization", project, stack] => Self::new(project, stack),
            _ => Err(Error::InvalidName { what: "stack's name", name: reference.to_owned() }),
        }
    }

    /// The project.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The stack's own name.
    pub fn stack(&self) -> &str {
        &self.stack
    }

    /// `organization/<project>/<stack>`.
    pub fn qualified(&self) -> String {
        format!("organization/{}/{}", self.project, self.stack)
    }

    pub(crate) fn folder(&self, of: &str) -> String {
        format!(".pulumi/{of}/{}", self.project)
    }

    pub(crate) fn checkpoint(&self, compression: Compression) -> String {
        format!("{STACKS}/{}/{}.json{}", self.project, self.stack, compression.suffix())
    }

    pub(crate) fn tags(&self) -> String {
        format!("{STACKS}/{}/{}.pulumi-tags", self.project, self.stack)
    }

    pub(crate) fn history(&self) -> String {
        format!(".pulumi/history/{}/{}", self.project, self.stack)
    }

    pub(crate) fn backups(&self) -> String {
        format!(".pulumi/backups/{}/{}", self.project, self.stack)
    }

    pub(crate) fn locks(&self) -> String {
        format!(".pulumi/locks/organization/{}/{}", self.project, self.stack)
    }

    pub(crate) fn lease(&self) -> String {
        format!(".semantest/leases/{}/{}.json", self.project, self.stack)
    }

    pub(crate) fn journal(&self) -> String {
        format!(".semantest/journal/{}/{}", self.project, self.stack)
    }

    pub(crate) fn audit(&self) -> String {
        format!(".semantest/audit/{}/{}", self.project, self.stack)
    }

    pub(crate) fn events(&self) -> String {
        format!(".semantest/events/{}/{}", self.project, self.stack)
    }
}

impl fmt::Display for StackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.stack)
    }
}

/// The stack that a file in a project's folder holds, if it is one that Pulumi would list.
pub(crate) fn stack_of_file(name: &str) -> Option<&str> {
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    let stack = [".json", ".yaml", ".yml"].iter().find_map(|ending| plain.strip_suffix(ending))?;
    (!stack.is_empty()).then_some(stack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_pulumis() {
        assert_eq!(StackId::new("shop", "aws-local").unwrap().qualified(), "organization/shop/aws-local");
        assert_eq!(StackId::parse("dev", "shop").unwrap().to_string(), "shop/dev");
        assert_eq!(StackId::parse("organization/other/dev", "shop").unwrap().to_string(), "other/dev");
        for name in ["", "a/b", "a b", "..", &"x".repeat(101)] {
            assert!(StackId::new("shop", name).is_err(), "{name}");
            assert!(StackId::new(name, "dev").is_err(), "{name}");
        }
        assert!(StackId::parse("a/b/c", "shop").is_err());
    }

    #[test]
    fn only_what_pulumi_lists_is_a_stack() {
        assert_eq!(stack_of_file("dev.json"), Some("dev"));
        assert_eq!(stack_of_file("dev.json.gz"), Some("dev"));
        assert_eq!(stack_of_file("dev.yaml.zst"), Some("dev"));
        for name in ["dev.json.bak", "dev.json.attrs", "dev.pulumi-tags", ".json", "dev.json.1795363596768851430"] {
            assert_eq!(stack_of_file(name), None, "{name}");
        }
    }
}
