//! Builds Lua 5.1.5 from the sources of the crate `lua-src`, with what `patches` changes in them.
//!
//! mlua's feature `vendored` would build the same sources as they are. They have flaws that were found since Lua 5.1.5 came
//! out, and they cannot do all that the sandbox needs. So mlua is told that somebody else brings Lua (feature `external` of
//! `mlua-sys`), and that is here. The sources stay where Cargo has put them: `cargo metadata` says where, and a copy in
//! Cargo's output folder is changed. A patch that does not fit its file stops the build, so a new release of the sources
//! cannot slip past one.

#![allow(clippy::print_stdout, reason = "Cargo reads what a build script prints")]

mod patches;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build");
    let out = PathBuf::from(variable("OUT_DIR")).join("lua");
    let sources = sources();
    copy(&sources, &out);
    for patch in patches::ALL {
        apply(patch, &out);
    }
    compile(&out);
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("Cargo sets {name} for build scripts"))
}

/// The folder with Lua's sources in the package `lua-src`, which is a build dependency so that Cargo brings it here.
fn sources() -> PathBuf {
    // What this build needs is here already; only a missing package of another part of the workspace makes it ask a registry.
    let metadata =
        metadata(&["--offline"]).or_else(|| metadata(&[])).expect("`cargo metadata` tells about packages");
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    let wanted =
        packages.iter().find(|package| package["name"] == "lua-src").expect("lua-src is a dependency");
    let manifest = wanted["manifest_path"].as_str().expect("a package has a manifest");
    Path::new(manifest).parent().expect("a manifest lies in a folder").join("lua-5.1.5")
}

fn metadata(options: &[&str]) -> Option<serde_json::Value> {
    let manifest = Path::new(&variable("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = Command::new(variable("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &variable("TARGET")])
        .arg("--manifest-path")
        .arg(manifest)
        .args(options)
        .output()
        .ok()?;
    output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("metadata is JSON"))
}

/// Copies the C files, afresh, so that no patch is applied twice.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("the output folder can be written");
    for entry in fs::read_dir(from).expect("lua-src has Lua 5.1.5").flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a source file can be copied");
    }
}

/// Changes every place that a patch names; there must be as many as it says.
fn apply(patch: &patches::Patch, folder: &Path) {
    let path = folder.join(patch.file);
    let text = fs::read_to_string(&path).expect("a patched file is there");
    let places = text.matches(patch.from).count();
    assert_eq!(places, patch.places, "{}: the patch \"{}\" does not fit", patch.file, patch.why);
    fs::write(&path, text.replace(patch.from, patch.to)).expect("the output folder can be written");
}

fn compile(folder: &Path) {
    let mut build = cc::Build::new();
    // The interpreter's speed counts in tests as well.
    build.include(folder).warnings(false).opt_level(2).cargo_metadata(false);
    if variable("CARGO_CFG_TARGET_FAMILY") == "unix" {
        build.define("LUA_USE_ULONGJMP", None).flag_if_supported("-fno-common");
    }
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the copy is there")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    files.sort();
    build.files(files).compile("lua51sandboxed");
    // All of it: what mlua-sys needs of it is known only when the program is linked.
    println!("cargo:rustc-link-search=native={}", variable("OUT_DIR"));
    println!("cargo:rustc-link-lib=static:+whole-archive=lua51sandboxed");
    if variable("CARGO_CFG_TARGET_OS") == "linux" {
        println!("cargo:rustc-link-lib=m");
    }
}
