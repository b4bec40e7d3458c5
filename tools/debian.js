// The Debian packages, which are attached to a release and published nowhere.

const { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { gzipSync } = require("node:zlib");
const { author, repository, version } = require("../package.json");
const { epoch, filesBelow, makeAlike } = require("./contents.js");
const { oldestGlibc } = require("./platforms.js");
const { output, root, run, temporaryFolder } = require("./process.js");

/** Debian's names of the platforms that there is a package for: those with glibc. */
const architectures = {
  "linux-x64-gnu": "amd64",
  "linux-arm64-gnu": "arm64",
  "linux-arm-gnueabihf": "armhf",
  "linux-riscv64-gnu": "riscv64",
};

/** What a package says as long as package.json names no author. Nobody gets mail there. */
const MAINTAINER = author ?? "The os-secrets authors <nobody@os-secrets.invalid>";

/** The version, by Debian's rules, in which a tilde sorts before everything. */
const debianVersion = `${version.replace("-", "~")}-1`;

/** The name of a platform's package, or `undefined` if it has none. */
function debianName({ name }) {
  return architectures[name] && `os-secrets_${version}_${architectures[name]}.deb`;
}

/** Where Debian has what lies elsewhere below `share` in the archives. Other shells' completions are left out. */
const moved = {
  man: "man",
  "bash-completion": "bash-completion",
  "fish/vendor_completions.d": "fish/vendor_completions.d",
  "zsh/site-functions": "zsh/vendor-completions",
};

/** Compresses as Debian's rules have it: as small as can be, and without a date. */
const compress = (text) => gzipSync(text, { level: 9 });

const control = (platform, size) => `Package: os-secrets
Version: ${debianVersion}
Architecture: ${architectures[platform.name]}
Maintainer: ${MAINTAINER}
Installed-Size: ${size}
Depends: libc6 (>= ${oldestGlibc(platform)})
Recommends: default-dbus-session-bus | dbus-session-bus
Suggests: gnome-keyring | kwalletmanager | keepassxc, age
Conflicts: secrets
Section: utils
Priority: optional
${repository?.url ? `Homepage: ${repository.url.replace(/^git\+|\.git$/g, "")}\n` : ""}Description: keep secrets in the operating system's credential store
 The program secrets keeps named secrets in the Secret Service (GNOME Keyring,
 KWallet, KeePassXC) or in an encrypted file, and hands them to other programs:
 in their environment, in templates and configuration files, and as a credential
 helper.
 .
 It reads and writes the same items as Bun.secrets and the npm package
 os-secrets.
`;

const changelog = () => `os-secrets (${debianVersion}) unstable; urgency=medium

  * Package version ${version}. The file changelog.gz says what is new in it.

 -- ${MAINTAINER}  ${new Date(epoch() * 1000).toUTCString().replace("GMT", "+0000")}
`;

/** The text of Apache's licence, as crates have it. */
const APACHE = /^ *Apache License\n +Version 2\.0, [^`]*?\n +limitations under the License\.$/gm;

/** The licences of all that is in the program. Every Debian has the text of Apache's, which must not be repeated. */
function copyright() {
  const [own, others] = ["LICENSE", "THIRD-PARTY-LICENSES.md"].map((file) =>
    readFileSync(join(root, file), "utf8"),
  );
  const common = "The Apache License, Version 2.0, is in /usr/share/common-licenses/Apache-2.0.";
  // A crate under other licences may contain the text, too.
  return `${own}\n${others.replace(APACHE, common)}`;
}

/** What lintian does not warn of, with the reason. */
const overrides = `# The package is not in Debian, where no bug asks for it.
os-secrets: initial-upload-closes-no-bugs
`;

/** Makes a platform's package in a folder and returns its path. `staged` is what the archive contains. */
function makeDebian(platform, staged, destination) {
  const folder = temporaryFolder();
  const share = join(folder, "usr", "share");
  cpSync(join(staged, "bin"), join(folder, "usr", "bin"), { recursive: true, verbatimSymlinks: true });
  for (const [from, to] of Object.entries(moved)) {
    cpSync(join(staged, "share", from), join(share, to), { recursive: true });
  }
  const pages = join(share, "man", "man1");
  run("gzip", ["-9n", ...readdirSync(pages).map((page) => join(pages, page))]);
  const documentation = join(share, "doc", "os-secrets");
  for (const file of ["README.md", "SECURITY.md", "docs"]) {
    cpSync(join(staged, "share", "doc", "os-secrets", file), join(documentation, file), { recursive: true });
  }
  writeFileSync(join(documentation, "copyright"), copyright());
  mkdirSync(join(share, "lintian", "overrides"), { recursive: true });
  writeFileSync(join(share, "lintian", "overrides", "os-secrets"), overrides);
  writeFileSync(join(documentation, "changelog.gz"), compress(readFileSync(join(root, "CHANGELOG.md"))));
  writeFileSync(join(documentation, "changelog.Debian.gz"), compress(changelog()));
  writeControl(folder, platform);
  makeAlike(folder);
  const file = join(destination, debianName(platform));
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch()) };
  run("dpkg-deb", ["--root-owner-group", "-Zxz", "--build", folder, file], { env });
  return file;
}

/** Writes what dpkg reads of a package: what it is, and the digests of its files. */
function writeControl(folder, platform) {
  const names = filesBelow(join(folder, "usr")).map((file) => join("usr", file));
  const sizes = names.map((name) => Math.ceil(statSync(join(folder, name)).size / 1024));
  const kibibytes = sizes.reduce((sum, size) => sum + size, 0);
  const digests = output("md5sum", names, { cwd: folder });
  mkdirSync(join(folder, "DEBIAN"));
  writeFileSync(join(folder, "DEBIAN", "control"), control(platform, kibibytes));
  writeFileSync(join(folder, "DEBIAN", "md5sums"), `${digests}\n`);
}

module.exports = { debianName, makeDebian };
