//! What the function couldn't run: native modules for another system or processor, and programs that neither the package nor
//! the runtime has.

use semantest_iac::adapters::packaging::{PackagingError, Start};
use semantest_iac::domain::code::runtime::Architecture;

use crate::packaging::folders::Component;

fn elf(machine: u8) -> Vec<u8> {
    let mut head = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
    head.extend([machine, 0, 1, 0, 0, 0]);
    head
}

fn mach_o(machine: u8) -> Vec<u8> {
    vec![0xcf, 0xfa, 0xed, 0xfe, machine, 0, 0, 1, 0, 0, 0, 0]
}

fn pe() -> Vec<u8> {
    let mut head = b"MZ".to_vec();
    head.resize(0x3c, 0);
    head.extend([0x40, 0, 0, 0]);
    head.extend(b"PE\0\0\x64\x86");
    head
}

const X64: u8 = 62;
const ARM64: u8 = 183;

/// What packaging says of these files.
fn packaged(files: &[(&str, Vec<u8>)], architecture: Option<Architecture>) -> Result<(), PackagingError> {
    let mut component = Component::server(&[("server.js", "")]);
    component.request.architecture = architecture;
    for (path, content) in files {
        component.write(path, content);
    }
    component.try_package().map(drop)
}

#[test]
fn native_modules_for_another_platform_are_refused() {
    let path = "node_modules/a/build/Release/a.node";
    for (content, built_for) in [
        (mach_o(12), "macOS on arm64"),
        (mach_o(7), "macOS on x86_64"),
        (pe(), "Windows on x86_64"),
        (elf(ARM64), "Linux on arm64"),
    ] {
        let error = packaged(&[(path, content)], Some(Architecture::X86_64)).unwrap_err();
        let expected = format!("{path} is built for {built_for}, and the function runs Linux on x86_64");
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().contains("npm ci --omit=dev --os=linux --cpu=x64"), "{}", error.hint());
    }
    let error = packaged(&[(path, elf(X64))], Some(Architecture::Arm64)).unwrap_err();
    assert!(
        error.hint().contains("--cpu=arm64") && error.hint().contains("`architecture: x86_64`"),
        "{}",
        error.hint()
    );
    packaged(&[(path, elf(X64))], Some(Architecture::X86_64)).unwrap();
    packaged(&[(path, elf(ARM64))], Some(Architecture::Arm64)).unwrap();
    // In a local cloud it runs here, where it was installed.
    packaged(&[(path, mach_o(12))], None).unwrap();
}

#[test]
fn modules_for_many_platforms_may_stand_beside_the_one_that_is_needed() {
    let everywhere = [
        ("node_modules/a/prebuilds/darwin-arm64/a.node", mach_o(12)),
        ("node_modules/a/prebuilds/win32-x64/a.node", pe()),
        ("node_modules/a/prebuilds/linux-x64/a.node", elf(X64)),
        ("node_modules/@img/sharp-darwin-arm64/lib/sharp.node", mach_o(12)),
        ("node_modules/@img/sharp-linux-x64/lib/sharp.node", elf(X64)),
    ];
    packaged(&everywhere, Some(Architecture::X86_64)).unwrap();
    // Only for macOS, where it is needed at all.
    let optional = [
        ("node_modules/fsevents/fsevents.node", mach_o(12)),
        ("node_modules/fsevents/package.json", br#"{"os":["darwin"]}"#.to_vec()),
    ];
    packaged(&optional, Some(Architecture::X86_64)).unwrap();
    let lacking = [("node_modules/@img/sharp-darwin-arm64/lib/sharp.node", mach_o(12)), everywhere[2].clone()];
    assert!(matches!(packaged(&lacking, Some(Architecture::X86_64)), Err(PackagingError::NativeModule { .. })));
}

/// What packaging says of a command, with these scripts in package.json and other files.
fn started(start: &str, package: &str, files: &[(&str, &str)]) -> Result<(), PackagingError> {
    let mut component = Component::server(&[("server.js", ""), ("package.json", package)]);
    for (path, content) in files {
        component.write(path, content);
    }
    component.request.start = Start::Server { start: start.into(), port: None };
    component.try_package().map(drop)
}

#[test]
fn programs_that_nobody_brings_are_refused_with_what_to_write() {
    let package = r#"{"scripts":{"start":"node server.js --port 1","serve":"tsx src/server.ts"}}"#;
    for (start, program, advice) in [
        ("pnpm start", "pnpm", "`start: node server.js --port 1`"),
        ("yarn start", "yarn", "`start: node server.js --port 1`"),
        ("yarn", "yarn", "node server.js"),
        ("pnpm run serve", "pnpm", "`start: npm run serve`"),
        ("bun server.js", "bun", "`start: node server.js`"),
        ("tsx server.js", "tsx", "as a dependency"),
        ("NODE_ENV=production next start", "next", "as a dependency"),
        ("sleep 1 && exec nodemon server.js", "nodemon", "as a dependency"),
        ("npm run serve", "tsx", "as a dependency"),
    ] {
        let error = started(start, package, &[]).unwrap_err();
        let PackagingError::ProgramMissing { program: named, .. } = &error else { panic!("{start}: {error}") };
        assert_eq!(named, program, "{start}");
        assert!(error.hint().contains(advice), "{start}: {}", error.hint());
    }
    for start in ["tsx server.js", "npm run serve", "NODE_ENV=production tsx server.js"] {
        started(start, package, &[("node_modules/.bin/tsx", ""), ("src/server.ts", "")]).unwrap();
    }
    for start in [
        "npm start",
        "sh -c 'node server.js'",
        "sleep 1; exec node server.js",
        "cd dist && anything",
        "env A=1 node server.js",
    ] {
        started(start, package, &[]).unwrap_or_else(|error| panic!("{start}: {error}"));
    }
}

#[test]
fn what_cannot_start_is_said_while_packaging() {
    let package = r#"{"scripts":{"start":"pm2 start server.js","gone":"node gone.js"},"dependencies":{"express":"5"}}"#;
    for (start, text, hint) in [
        ("node --env-file=.env server.js", "names the file .env by --env-file", "`environment`"),
        ("node --env-file .env server.js", "names the file .env by --env-file", "`!.env`"),
        ("NODE_ENV=production node --env-file=.env server.js", "names the file .env", "`environment`"),
        ("pm2 start server.js", "into the background", "node server.js"),
        ("npm start", "into the background", "node server.js"),
        ("forever start server.js", "into the background", "node server.js"),
        ("node server.js &", "into the background", "node server.js"),
        ("npm run gone", "names the file gone.js", "relative to"),
        ("npm run none", "names the script `none` of package.json", "add it"),
        ("NODE_ENV=production node gone.js", "names the file gone.js", "relative to"),
    ] {
        let error = started(start, package, &[(".env", "A=1"), ("server.js", "")]).unwrap_err();
        assert!(error.to_string().contains(text), "{start}: {error}");
        assert!(error.hint().contains(hint), "{start}: {}", error.hint());
    }
    started("node --env-file=.env server.js", package, &[(".env", "A=1"), (".semantestignore", "!.env\n")]).unwrap();
    for server in ["const express = require('express')", "import express from \"express\""] {
        let error = started("node server.js", package, &[("server.js", server)]).unwrap_err();
        assert_eq!(error.to_string(), "server.js needs express, and there is no node_modules in the package");
        assert!(error.hint().contains("npm ci --omit=dev"), "{}", error.hint());
        let installed = [("server.js", server), ("node_modules/express/index.js", "")];
        started("node server.js", package, &installed).unwrap();
    }
    // A bundle names its dependencies in package.json all the same.
    started("node server.js", package, &[("server.js", "/* express inside */")]).unwrap();
}
