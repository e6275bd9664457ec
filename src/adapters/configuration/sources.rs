//! Looks whether the source folders of components are there, so that a wrong one is shown at the
//! line that names it, before anything is built.

use std::io;
use std::path::Path;

/// What keeps the folder at `path` from being packaged, and the remedy. One that is `built` may be empty before.
pub fn problem_of(path: &Path, built: bool) -> Option<(String, &'static str)> {
    let shown = path.display();
    match std::fs::read_dir(path) {
        Ok(mut entries) => (!built && entries.next().is_none()).then(|| {
            (format!("the source folder {shown} is empty"), "put the component's code there, or name its folder")
        }),
        Err(error) => Some(match error.kind() {
            io::ErrorKind::NotFound => (
                format!("there is no folder {shown}"),
                "name the folder with the component's code, seen from this file",
            ),
            io::ErrorKind::NotADirectory => {
                (format!("{shown} is a file, not a folder"), "name the folder with the component's code")
            }
            _ => (format!("the folder {shown} can't be read: {error}"), "make it readable"),
        }),
    }
}
