// The archives, the Debian packages and the formula of a release, made from the programs that have been built here. The
// programs are run as they lie in an archive: on this machine, in an emulator, or under Wine.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { version } = require("../../package.json");
const { archiveNames, archiveStem } = require("../../tools/contents.js");
const { debianName } = require("../../tools/debian.js");
const { formula, formulaPlatforms } = require("../../tools/formula.js");
const { place } = require("../../tools/install.js");
const { oldestGlibc, ownPlatform, platform, platforms, programNames } = require("../../tools/platforms.js");
const { WINE, makePrefix, wineEnvironment } = require("../../tools/wine.js");
const { binstall } = require("../support/binstall.js");
const { root } = require("../support/runtimes.js");
const { startSession } = require("../support/session.js");

const names = programNames();
const [first, ...links] = names;
const built = platforms.filter(({ program }) => existsSync(program));
const isBuilt = (name) => built.some((each) => each.name === name);

/** What runs the program of a platform here, before its path. */
const runners = {
  "linux-x64-gnu": [],
  "linux-x64-musl": [],
  "linux-arm64-gnu": ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"],
  "linux-arm64-musl": ["qemu-aarch64-static"],
  "linux-arm-gnueabihf": ["qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf"],
  "linux-riscv64-gnu": ["qemu-riscv64-static", "-L", place("node-riscv64")],
};

const folder = mkdtempSync(join(tmpdir(), "os-secrets-archives-"));
const made = join(folder, "made");
const unpacked = join(folder, "unpacked");
after(() => rmSync(folder, { recursive: true }));

function runSuccessfully(command, args, options) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", ...options });
  assert.equal(status, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Makes everything in a folder, in an environment with other variables. */
function makeAll(destination, own = {}, mask = "022") {
  const script = 'umask "$1"; shift; exec "$@"';
  const args = [mask, process.execPath, join(root, "tools", "archives.js"), "--built", destination];
  const env = { ...process.env, GITHUB_REPOSITORY: "owner/name", ...own };
  runSuccessfully("sh", ["-c", script, "sh", ...args], { cwd: root, env });
}

/** What a program prints for --version. A credential helper says that it is `secrets`, except that of Docker. */
function versionOf(name) {
  if (name === "docker-credential-os-secrets") return `${name} (os-secrets) v${version}\n`;
  return `${name === "bus-secrets" ? name : "secrets"} ${version}\n`;
}

const digest = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");

/** The entries of a tarball: { type, mode, owner, path, target }. */
function listTar(name) {
  const lines = runSuccessfully("tar", [
    "--list",
    "--verbose",
    "--numeric-owner",
    "--file",
    join(made, name),
  ]);
  return lines
    .trim()
    .split("\n")
    .map((line) => {
      const [, type, mode, owner, rest] = /^(.)(\S+) (\S+) +\d+ \S+ \S+ (.*)$/.exec(line);
      const [path, target] = rest.split(" -> ");
      return { type, mode, owner, path, target };
    });
}

/** The paths of the files in one of a platform's archives, without its only folder. */
function listFiles(each, name) {
  const paths = name.endsWith(".zip")
    ? runSuccessfully("unzip", ["-Z1", join(made, name)])
        .trim()
        .split("\n")
    : listTar(name)
        .filter(({ type }) => type !== "d")
        .map(({ path }) => path);
  const start = `${archiveStem(each)}/`;
  for (const path of paths) assert.ok(path.startsWith(start), path);
  return paths.map((path) => path.slice(start.length)).sort();
}

/** Unpacks a platform's first archive once, and returns its folder. */
function unpack(each) {
  const place = join(unpacked, archiveStem(each));
  if (existsSync(place)) return place;
  mkdirSync(unpacked, { recursive: true });
  const [name] = archiveNames(each);
  if (name.endsWith(".zip")) runSuccessfully("unzip", ["-q", join(made, name), "-d", unpacked]);
  else runSuccessfully("tar", ["--extract", "--file", join(made, name), "--directory", unpacked]);
  return place;
}

/** The names of the commands that a program lists in its help. */
function commandsOf(program) {
  const [, text] = /^Commands:\n(.*?)\n\n/ms.exec(runSuccessfully(program, ["help"]));
  return [...text.matchAll(/^ {2}([\w-]+)/gm)].map(([, name]) => name);
}

before(() => {
  assert.ok(built.length > 0, "no program is built: npm run build:programs");
  makeAll(made);
});

describe("what is made for a release", () => {
  it("has the same bytes if it is made again, by a user with another mask and time zone", () => {
    const again = join(folder, "again");
    makeAll(again, { TZ: "Pacific/Auckland", LC_ALL: "C.UTF-8" }, "077");
    const files = readdirSync(made);
    assert.deepEqual(readdirSync(again), files);
    for (const file of files) assert.equal(digest(join(again, file)), digest(join(made, file)), file);
    rmSync(again, { recursive: true });
  });

  it("has a list of digests, which sha256sum checks", () => {
    const lines = runSuccessfully("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: made });
    const expected = built.flatMap((each) => [...archiveNames(each), debianName(each)]).filter(Boolean);
    assert.deepEqual(lines.trim().split("\n").sort(), expected.map((name) => `${name}: OK`).sort());
    const files = readdirSync(made).filter((name) => !["SHA256SUMS", "os-secrets.rb"].includes(name));
    assert.deepEqual(files.sort(), expected.sort());
  });
});

for (const each of built) {
  describe(`the archive for ${each.name}`, () => {
    it("contains the programs, manual pages, completions and documents", () => {
      const lists = archiveNames(each).map((name) => listFiles(each, name));
      for (const list of lists) {
        assert.deepEqual(list, lists[0]);
        const below = (start) =>
          list.filter((path) => path.startsWith(start)).map((path) => path.slice(start.length));
        assert.deepEqual(below("bin/"), names.map((name) => name + each.suffix).sort());
        const pages = below("share/man/man1/");
        for (const name of [...names, "secrets-run"]) assert.ok(pages.includes(`${name}.1`), name);
        assert.deepEqual(
          list.filter((path) => !/^(bin|share\/(man\/man1|doc\/os-secrets))\//.test(path)),
          [
            "share/bash-completion/completions/secrets",
            "share/fish/vendor_completions.d/secrets.fish",
            "share/pwsh/completions/_secrets.ps1",
            "share/zsh/site-functions/_secrets",
          ],
        );
        const documents = below("share/doc/os-secrets/");
        for (const name of ["LICENSE", "README.md", "THIRD-PARTY-LICENSES.md", "docs/program.md"])
          assert.ok(documents.includes(name), name);
      }
    });

    it("has every program where cargo binstall looks for it, as a regular file", () => {
      const { url, pathOf } = binstall(each, "https://github.com/owner/name");
      const name = url.split("/").at(-1);
      if (name.endsWith(".zip")) {
        const files = listFiles(each, name).map((path) => `${archiveStem(each)}/${path}`);
        for (const program of names) assert.ok(files.includes(pathOf(program)), program);
        return;
      }
      const entries = listTar(name);
      for (const program of names)
        assert.equal(entries.find(({ path }) => path === pathOf(program))?.type, "-", program);
    });

    it("links the other names to the program, and belongs to nobody", {
      skip: each.suffix ? "a zip has no links" : false,
    }, () => {
      const entries = listTar(archiveNames(each)[0]);
      const bin = `${archiveStem(each)}/bin/`;
      for (const link of links) {
        const { type, target } = entries.find(({ path }) => path === bin + link);
        assert.deepEqual({ type, target }, { type: "l", target: first });
      }
      for (const { type, mode, owner, path } of entries) {
        assert.equal(owner, "0/0", path);
        const isProgram = type === "d" || path.startsWith(bin);
        if (type !== "l") assert.equal(mode, isProgram ? "rwxr-xr-x" : "rw-r--r--", path);
      }
    });

    it("has a program that runs under each of its names", {
      skip: !(each.name in runners) && "not Linux",
    }, () => {
      for (const name of names) {
        const [command, ...args] = [...runners[each.name], join(unpack(each), "bin", name), "--version"];
        assert.equal(runSuccessfully(command, args), versionOf(name));
      }
    });
  });
}

for (const { name: target } of built.filter(({ name }) => name in runners)) {
  describe(`the program for ${target}`, () => {
    let session;
    before(async () => {
      session = await startSession();
    });
    after(() => session.stop());

    /** Runs `secrets` in the session, and expects that it succeeds. */
    async function runSecrets(words, options) {
      const [command, ...args] = [...runners[target], join(unpack(platform(target)), "bin", first), ...words];
      const { code, stdout, stderr } = await session.run(command, args, options);
      assert.equal(code, 0, stderr);
      return stdout;
    }

    it("keeps secrets in the Secret Service, where the npm package finds them", {
      skip: !existsSync(ownPlatform().binary) && "the addon for this machine was not built",
    }, async () => {
      await runSecrets(["set", "token"], { input: "vălue" });
      const script = `require(${JSON.stringify(root)}).secrets.get("os-secrets", "token").then(console.log)`;
      assert.equal((await session.run(process.execPath, ["-e", script])).stdout, "vălue\n");
      assert.equal(await runSecrets(["get", "token"]), "vălue\n");
    });

    it("keeps secrets in an encrypted file", async () => {
      const env = {
        OS_SECRETS_PROVIDER: "file",
        OS_SECRETS_FILE: join(session.home, "secrets.age"),
        OS_SECRETS_IDENTITY: join(session.home, "identity"),
      };
      await runSecrets(["init", "--quiet", env.OS_SECRETS_IDENTITY], { env });
      await runSecrets(["set", "token"], { env, input: "vălue" });
      assert.equal(await runSecrets(["get", "token"], { env }), "vălue\n");
    });
  });
}

describe("the program for musl", { skip: !isBuilt("linux-x64-musl") && "it was not built" }, () => {
  const bin = () => join(unpack(platform("linux-x64-musl")), "bin");

  it("needs no library and no loader, and its address is random", () => {
    const flags = ["--wide", "--file-header", "--program-headers", "--dynamic"];
    const text = runSuccessfully("readelf", [...flags, join(bin(), first)]);
    assert.match(text, /^ *Type: +DYN /m);
    assert.doesNotMatch(text, /INTERP|NEEDED/);
  });

  it("has a manual page for each of its commands, and for no other", () => {
    const pages = readdirSync(join(bin(), "..", "share", "man", "man1"));
    const commands = commandsOf(join(bin(), "secrets"));
    assert.ok(commands.includes("run"), commands.join());
    const expected = [...names, ...commands.map((command) => `secrets-${command}`)];
    assert.deepEqual(pages.sort(), expected.map((name) => `${name}.1`).sort());
  });

  it("has manual pages without a mistake, which name the version", () => {
    const pages = join(bin(), "..", "share", "man", "man1");
    for (const page of readdirSync(pages)) {
      const path = join(pages, page);
      assert.equal(runSuccessfully("mandoc", ["-T", "lint", "-W", "warning", path]), "");
      const options = { env: { ...process.env, MANWIDTH: "120", LC_ALL: "C.UTF-8" } };
      const { status, stdout, stderr } = spawnSync("man", ["--warnings", "--local-file", path], {
        ...options,
        encoding: "utf8",
      });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: "" }, page);
      assert.match(stdout, new RegExp(`^NAME\\n +${page.slice(0, -2)} +(-|—|–) \\S`, "m"));
      assert.ok(stdout.includes(`os-secrets ${version}`), stdout);
    }
  });

  it("has completions that the shells read", () => {
    const share = join(bin(), "..", "share");
    runSuccessfully("bash", ["-n", join(share, "bash-completion", "completions", "secrets")]);
    assert.match(
      readFileSync(join(share, "zsh", "site-functions", "_secrets"), "utf8"),
      /^#compdef secrets\n/,
    );
    for (const file of ["fish/vendor_completions.d/secrets.fish", "pwsh/completions/_secrets.ps1"])
      assert.match(readFileSync(join(share, file), "utf8"), /__complete/);
  });
});

for (const each of built.filter(debianName)) {
  describe(`the program for glibc of ${each.name}`, () => {
    it("needs no library but the C library, and that of no late version", () => {
      const text = runSuccessfully("readelf", ["--wide", "--version-info", "--dynamic", each.program]);
      const needed = [...text.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
      const known = /^(ld-linux-\w[\w-]*\.so\.\d|lib(c|m|dl|rt|pthread)\.so\.\d+)$/;
      assert.deepEqual(
        needed.filter((name) => !known.test(name)),
        [],
      );
      const minors = [...text.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
      const [, oldest] = oldestGlibc(each).split(".").map(Number);
      assert.ok(
        minors.length > 0 && Math.max(...minors) <= oldest,
        `it needs glibc 2.${Math.max(...minors)}`,
      );
    });
  });
}

describe("the programs for Windows", { skip: !isBuilt("win32-x64") && "they were not built" }, () => {
  it("run under Wine, under each of their names", () => {
    const bin = join(unpack(platform("win32-x64")), "bin");
    const env = wineEnvironment(makePrefix());
    for (const name of names) {
      // Programs under Wine cannot use pipes from outside.
      const path = join(folder, "output");
      const file = openSync(path, "w");
      const [command, ...args] = [...WINE, join(bin, `${name}.exe`), "--version"];
      const { status } = spawnSync(command, args, { env, stdio: ["ignore", file, file] });
      closeSync(file);
      assert.deepEqual([status, readFileSync(path, "utf8")], [0, versionOf(name)]);
    }
  });
});

for (const each of built.filter(debianName)) {
  describe(`the Debian package for ${each.name}`, () => {
    const file = join(made, debianName(each));
    const installed = join(folder, `installed-${each.name}`);
    before(() => runSuccessfully("dpkg-deb", ["--extract", file, installed]));

    it("has no error and no warning by lintian", () => {
      // A root's lintian says that it should not be one.
      const args = ["--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", file];
      assert.equal(runSuccessfully("lintian", args), "");
    });

    it("says what it is, and what it conflicts with", () => {
      const fields = ["Package", "Version", "Architecture", "Depends", "Conflicts"];
      const [name, debianVersion, architecture, needed, others] = fields.map((field) =>
        runSuccessfully("dpkg-deb", ["--field", file, field]).trim(),
      );
      assert.deepEqual([name, debianVersion], ["os-secrets", `${version}-1`]);
      const processor = each.name.split("-")[1];
      assert.equal(architecture, { x64: "amd64", arm: "armhf" }[processor] ?? processor);
      // Debian's package secrets, a password manager, has the same program.
      assert.deepEqual([needed, others], [`libc6 (>= ${oldestGlibc(each)})`, "secrets"]);
      const digests = join(folder, "md5sums");
      writeFileSync(digests, runSuccessfully("dpkg-deb", ["--info", file, "md5sums"]));
      runSuccessfully("md5sum", ["--check", "--quiet", "--strict", digests], { cwd: installed });
    });

    it("has everything where Debian looks for it", () => {
      const list = (...path) => readdirSync(join(installed, "usr", ...path)).sort();
      assert.deepEqual(list("bin"), [...names].sort());
      const pages = list("share", "man", "man1");
      for (const name of names) assert.ok(pages.includes(`${name}.1.gz`), name);
      assert.deepEqual(list("share", "bash-completion", "completions"), ["secrets"]);
      assert.deepEqual(list("share", "zsh", "vendor-completions"), ["_secrets"]);
      assert.deepEqual(list("share", "fish", "vendor_completions.d"), ["secrets.fish"]);
      for (const name of ["changelog.Debian.gz", "changelog.gz", "copyright"])
        assert.ok(list("share", "doc", "os-secrets").includes(name), name);
    });

    it("has a program that runs under each of its names", () => {
      for (const name of names) {
        const [command, ...args] = [...runners[each.name], join(installed, "usr", "bin", name), "--version"];
        assert.equal(runSuccessfully(command, args), versionOf(name));
      }
    });
  });
}

describe("the formula", () => {
  const [name] = archiveNames(platform("linux-x64-musl"));
  const path = join(folder, "os-secrets.rb");
  before(() => {
    // The archives of the platforms that nothing here builds for have digests that nobody uses.
    const others = formulaPlatforms.map((each) => [archiveNames(platform(each))[0], "0".repeat(64)]);
    const own = isBuilt("linux-x64-musl") ? { [name]: digest(join(made, name)) } : {};
    writeFileSync(path, formula("https://github.com/owner/name", { ...Object.fromEntries(others), ...own }));
  });

  it("is valid Ruby", () => {
    assert.equal(runSuccessfully("ruby", ["-wc", path]), "Syntax OK\n");
  });

  it("installs the archive under every name", {
    skip: !isBuilt("linux-x64-musl") && "it was not built",
  }, () => {
    const [source, prefix] = [join(folder, "source"), join(folder, "prefix")];
    mkdirSync(source);
    runSuccessfully("tar", [
      "--extract",
      "--strip-components=1",
      "--file",
      join(made, name),
      "--directory",
      source,
    ]);
    const harness = join(root, "__test__", "support", "formula.rb");
    const facts = JSON.parse(runSuccessfully("ruby", [harness, path, "linux", "intel", source, prefix]));
    const url = `https://github.com/owner/name/releases/download/v${version}/${name}`;
    assert.deepEqual([facts.url, facts.sha256], [url, digest(join(made, name))]);
    assert.deepEqual([facts.version, facts.license], [version, "MIT"]);
    // The rules of Homebrew for a description.
    assert.ok(facts.desc.length < 80 && !/^(an?|the)\b|\.$/i.test(facts.desc), facts.desc);
    for (const program of names) {
      assert.equal(runSuccessfully(join(prefix, "bin", program), ["--version"]), versionOf(program));
      assert.ok(existsSync(join(prefix, "share", "man", "man1", `${program}.1`)), program);
    }
    assert.ok(existsSync(join(prefix, "share", "zsh", "site-functions", "_secrets")));
    assert.ok(existsSync(join(prefix, "share", "doc", "os-secrets", "LICENSE")));
  });
});
