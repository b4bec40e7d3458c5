// The formula of Homebrew, which is attached to a release and published nowhere.

const { license, version } = require("../package.json");
const { archiveNames } = require("./contents.js");
const { platform, programNames } = require("./platforms.js");

/** The platforms that the formula installs, by Homebrew's names. A program for musl runs on every Linux. */
const installed = {
  macos: { arm: "darwin-arm64", intel: "darwin-x64" },
  linux: { arm: "linux-arm64-musl", intel: "linux-x64-musl" },
};

/** The names of the platforms that the formula needs the archives of. */
const formulaPlatforms = Object.values(installed).flatMap((byProcessor) => Object.values(byProcessor));

/** The address of a file of this version's release. */
const address = (repository, file) => `${repository}/releases/download/v${version}/${file}`;

/** The formula's text. `repository` is its address, and `sums` has the SHA-256 of each archive by its name. */
function formula(repository, sums) {
  const source = (name) => {
    const [file] = archiveNames(platform(name));
    if (!sums[file]) throw new Error(`The formula has no digest of ${file}.`);
    return [`url "${address(repository, file)}"`, `sha256 "${sums[file]}"`];
  };
  const block = (head, lines) => [head, ...lines.map((line) => (line ? `  ${line}` : "")), "end"];
  const sources = Object.entries(installed).flatMap(([system, byProcessor]) => {
    const blocks = Object.entries(byProcessor).map(([processor, name]) =>
      block(`on_${processor} do`, source(name)),
    );
    return [...block(`on_${system} do`, blocks.flat()), ""];
  });
  const [first, ...links] = programNames();
  const install = [
    `bin.install "bin/${first}"`,
    ...links.map((name) => `bin.install_symlink "${first}" => "${name}"`),
    'man1.install Dir["share/man/man1/*.1"]',
    'bash_completion.install "share/bash-completion/completions/secrets"',
    'fish_completion.install "share/fish/vendor_completions.d/secrets.fish"',
    'zsh_completion.install "share/zsh/site-functions/_secrets"',
    'doc.install Dir["share/doc/os-secrets/*"]',
  ];
  const lines = [
    'desc "Keep secrets in the operating system\'s credential store"',
    `homepage "${repository}"`,
    `version "${version}"`,
    `license "${license}"`,
    "",
    ...sources,
    ...block("def install", install),
    "",
    ...block("test do", [`assert_match version.to_s, shell_output("#{bin}/${first} --version")`]),
  ];
  return `${block("class OsSecrets < Formula", lines).join("\n")}\n`;
}
module.exports = { formula, formulaPlatforms };
