// What cargo binstall would download and unpack, by the package's Cargo.toml.

const { version } = require("../../package.json");
const { describePrograms } = require("../../tools/platforms.js");

/** The addresses that binstall makes for a platform: { url, format, pathOf(program) }. `repo` is the repository's. */
function binstall({ target, suffix }, repo) {
  const { overrides, ...general } = describePrograms().metadata.binstall;
  const { "pkg-url": url, "pkg-fmt": format, "bin-dir": path } = { ...general, ...overrides[target] };
  const values = { repo, version, target, "binary-ext": suffix };
  const expand = (template, own) =>
    template.replaceAll(/\{ ([\w-]+) \}/g, (_, name) => {
      const value = { ...values, ...own }[name];
      if (value === undefined) throw new Error(`binstall has no value for ${name} in ${template}`);
      return value;
    });
  return { url: expand(url), format, pathOf: (bin) => expand(path, { bin }) };
}

module.exports = { binstall };
