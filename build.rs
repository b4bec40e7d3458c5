//! Tells the linker what the addon needs. It takes Node-API from the runtime that loads it (`dyn-symbols` of napi), so
//! every symbol that it leaves open must be in a library of the system.

use std::env::var;

/// A script for the linker that leaves out the tables for unwinding.
const NO_UNWINDING: &str = "tools/no-unwinding.ld";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={NO_UNWINDING}");
    let os = var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let argument = match &*os {
        // A runtime may unload the addon while threads still have destructors in it to run: see
        // https://sourceware.org/bugzilla/show_bug.cgi?id=21032. On macOS such a library is never unloaded.
        "linux" | "freebsd" => "-Wl,-z,nodelete",
        // Else the file contains the path that it was built at.
        "macos" => "-Wl,-install_name,@rpath/os-secrets.node",
        _ => return,
    };
    println!("cargo::rustc-cdylib-link-arg={argument}");
    // A debugger that looks at a build for development needs the tables.
    if os == "linux" && var("PROFILE").is_ok_and(|profile| profile == "release") {
        let root = var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-T,{root}/{NO_UNWINDING}");
    }
}
