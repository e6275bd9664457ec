//! What of a server's output is shown where it isn't well: the line that matters, and no frames of what isn't the user's. Called
//! by the health checks.

/// Whether a line tells nothing of the user's server: frames inside of Node.js, of the shim and of the runtime
/// (<https://nodejs.org/api/errors.html#errorstack>), and the runtime's own lines around an invocation
/// (<https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html>).
fn is_noise(line: &str) -> bool {
    let line = line.trim_start();
    let is_frame = line.starts_with("at ")
        && ["node:internal/", "(internal/", "/var/runtime/", "semantest-shim", "node:diagnostics_channel"]
            .iter()
            .any(|place| line.contains(place));
    let is_runtimes = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START ", "INIT_REPORT "]
        .iter()
        .any(|start| line.starts_with(start));
    is_frame || is_runtimes || line.starts_with("XRAY TraceId: ")
}

/// Whether a line is the head of an error: `TypeError: …`, `Error [ERR_X]: …`, `npm error …`.
fn is_error(line: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let name_end =
        line.find(|character: char| !(character.is_alphanumeric() || character == '_')).unwrap_or(line.len());
    let (name, rest) = line.split_at(name_end);
    (name.ends_with("Error") && (rest.starts_with(": ") || rest.starts_with(" ["))) || line.starts_with("npm error ")
}

/// The last lines of an output, at most so many, with the last error among them.
pub fn excerpt(output: &str, most: usize) -> Vec<&str> {
    let lines: Vec<&str> = output.lines().filter(|line| !is_noise(line) && !line.trim().is_empty()).collect();
    let tail = lines.len().saturating_sub(most);
    match lines.iter().rposition(|line| is_error(line)) {
        Some(error) if error < tail => {
            let mut kept = vec![lines[error]];
            kept.extend(&lines[tail + 1..]);
            kept
        }
        _ => lines[tail..].to_vec(),
    }
}

/// What the shim says that is wrong with the server, without what the server printed itself.
pub fn cause(output: &str) -> Option<&str> {
    let told =
        output.lines().rev().find_map(|line| line.split_once("semantest-shim: the server ").map(|(_, told)| told));
    let told = told.filter(|told| !told.starts_with("listens on"))?;
    Some(told.strip_suffix(" Its last output:").unwrap_or(told).trim_end_matches([' ', '.', ';']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_stays_and_frames_of_others_go() {
        let frames: String =
            (0..30).map(|line| format!("    at Module.load (node:internal/modules/cjs/loader:{line}:3)\n")).collect();
        let output = format!(
            "INIT_START Runtime Version: nodejs:22\nstarting\nError: Cannot find module 'express'\nRequire stack:\n- /var/task/server.js\n{frames}    at Object.<anonymous> (/var/task/server.js:1:17)\n    at send (/var/task/semantest-shim.mjs:3:1)\n{{\n  code: 'MODULE_NOT_FOUND'\n}}\n\nREPORT RequestId: 1 Duration: 3 ms\n"
        );
        assert_eq!(
            excerpt(&output, 20),
            [
                "starting",
                "Error: Cannot find module 'express'",
                "Require stack:",
                "- /var/task/server.js",
                "    at Object.<anonymous> (/var/task/server.js:1:17)",
                "{",
                "  code: 'MODULE_NOT_FOUND'",
                "}"
            ]
        );
        let notes: String = (0..30).map(|line| format!("note {line}\n")).collect();
        let shown = format!("TypeError [ERR_X]: broken\n{notes}");
        assert_eq!(excerpt(&shown, 3), ["TypeError [ERR_X]: broken", "note 28", "note 29"]);
        assert_eq!(excerpt(&notes, 2), ["note 28", "note 29"]);
        assert_eq!(excerpt("No errors: fine", 2), ["No errors: fine"]);
    }

    #[test]
    fn the_cause_is_what_the_shim_says() {
        let told = "x\nsemantest-shim: the server (node server.js) does not listen on the port in PORT (4) after 8.0 s; it listens on [::]:3456 instead: it must take its port from the environment variable PORT. It printed nothing.\nsemantest-shim: GET /health: The server does not listen";
        assert!(cause(told).unwrap().contains("it listens on [::]:3456 instead"), "{:?}", cause(told));
        assert_eq!(
            cause(
                "semantest-shim: the server ended with exit code 1 before it listened. Its last output:\n    Error: x"
            ),
            Some("ended with exit code 1 before it listened")
        );
        assert_eq!(cause("semantest-shim: the server listens on port 8080 and not on the one in PORT"), None);
        assert_eq!(cause("plain output"), None);
    }
}
