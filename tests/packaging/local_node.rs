//! A local cloud has no Node.js of its own: what it runs a component with is told.

use std::sync::Mutex;

use semantest_iac::adapters::source_code::SourceCode;
use semantest_iac::domain::code::environment::Environment;
use semantest_iac::domain::code::function::{ServerlessFunction, SourceFolder, Start};
use semantest_iac::domain::code::runtime::{Architecture, Runtime};
use semantest_iac::domain::names::ComponentName;
use semantest_iac::domain::quantity::{Memory, Timeout};
use semantest_iac::ports::{Notice, NoticeHandler, Packager as _};

/// Keeps warnings.
#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl NoticeHandler for Warnings {
    fn notice(&self, notice: Notice) {
        if let Notice::Warning { message, .. } = notice {
            self.0.lock().unwrap().push(message);
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_local_cloud_that_runs_another_node_is_told_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("bin/node", "#!/bin/sh\necho v20.1.0\n");
    write("web/index.js", "exports.handler = async () => ({});\n");
    let function = |major| ServerlessFunction {
        source: SourceFolder::new(folder.path(), "web").unwrap(),
        build: None,
        start: Start::Handler("index.handler".parse().unwrap()),
        port: None,
        runtime: Runtime::node_js(major),
        architecture: Architecture::default(),
        memory: Memory::from_megabytes(128).unwrap(),
        timeout: Timeout::from_seconds(3).unwrap(),
        environment: Environment::default(),
    };
    for (major, is_local, told) in [(24, true, 1), (20, true, 0), (24, false, 0)] {
        let cache = tempfile::tempdir().unwrap();
        let code = SourceCode::new(cache.path().to_owned(), [("PATH".into(), folder.path().join("bin").into())].into());
        if is_local {
            code.runs_here();
        }
        let warnings = Warnings::default();
        for _ in 0..2 {
            code.package(&ComponentName::new("web").unwrap(), &function(major), &warnings).await.unwrap();
        }
        let warnings = warnings.0.lock().unwrap();
        assert_eq!(warnings.len(), told, "{warnings:?}");
        assert!(warnings.iter().all(|it| it.contains("nodejs24") && it.contains("Node.js 20")), "{warnings:?}");
    }
}
