//! Joining paths with slashes as Go's package `path` does: names in archives are made by it.

/// Joins the parts that aren't empty and makes the result plain: no empty part, no `.`, and `..` only at the start.
pub(crate) fn join(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { String::new() } else { clean(&parts.join("/")) }
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match kept.last() {
                Some(&last) if last != ".." => {
                    kept.pop();
                }
                _ if !rooted => kept.push(part),
                _ => {}
            },
            _ => kept.push(part),
        }
    }
    match (rooted, kept.join("/")) {
        (true, rest) => format!("/{rest}"),
        (false, rest) if rest.is_empty() => ".".to_owned(),
        (false, rest) => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_as_in_go() {
        for (parts, path) in [
            (&["", ""][..], ""),
            (&["d", "x"], "d/x"),
            (&[".", "./x"], "x"),
            (&["a//b/./c/", "x"], "a/b/c/x"),
            (&["a/b", "../x"], "a/x"),
            (&["a", "../../x"], "../x"),
            (&["..", "../x"], "../../x"),
            (&["/", "../x"], "/x"),
            (&["/r", "x/./y//z"], "/r/x/y/z"),
            (&["d", ".."], "."),
        ] {
            assert_eq!(join(parts), path, "{parts:?}");
        }
    }
}
