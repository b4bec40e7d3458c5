// The published packages install and work on a machine without this repository and Rust.

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require("node:fs");
const { tmpdir } = require("node:os");
const { dirname, join } = require("node:path");
const { after, before, describe, it } = require("node:test");
const { read } = require("./support/documents.js");
const { exceptOnWine, linuxOnly } = require("./support/platform.js");
const { description, version } = require("../package.json");
const { root, runtimes } = require("./support/runtimes.js");
const { startSession } = require("./support/session.js");

describe("the packed tarballs", linuxOnly("packages of Linux"), () => {
  let directory;
  let project;
  let session;

  function runSuccessfully(command, args, options) {
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", ...options });
    assert.equal(status, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
    return stdout;
  }

  before(async () => {
    session = await startSession();
    directory = mkdtempSync(join(tmpdir(), "os-secrets-packing-"));
    project = join(directory, "project");
    mkdirSync(project);
    const tarballs = join(directory, "tarballs");
    runSuccessfully(process.execPath, [join(root, "tools", "pack.js"), "--built", tarballs]);
    writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", private: true }));
    const own = ["os-secrets", "os-secrets-linux-x64-gnu"];
    const files = own.map((name) => join(tarballs, `${name}-${version}.tgz`));
    runSuccessfully("npm", ["install", "--no-audit", "--no-fund", "--offline", ...files], { cwd: project });
  });
  after(async () => {
    await session.stop();
    rmSync(directory, { recursive: true });
  });

  it("hold what is needed and nothing else", () => {
    const listFolder = (name) => readdirSync(join(project, "node_modules", name)).sort();
    assert.deepEqual(listFolder("os-secrets"), [
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "SECURITY.md",
      "bin",
      "calls.js",
      "custom-provider.js",
      "docs",
      "ignored-variables.js",
      "index.d.ts",
      "index.js",
      "keytar.d.ts",
      "keytar.js",
      "load-asset.js",
      "load.js",
      "not-loaded.js",
      "package.json",
      "program.js",
      "references.js",
      "store-options.js",
      "store.js",
    ]);
    assert.deepEqual(listFolder(join("os-secrets", "bin")), [
      "bazel-credential-os-secrets.js",
      "bus-secrets.js",
      "cargo-credential-os-secrets.js",
      "docker-credential-os-secrets.js",
      "git-credential-os-secrets.js",
      "os-secrets.js",
      "secrets.js",
      "terraform-credentials-os-secrets.js",
    ]);
    assert.deepEqual(listFolder(join("os-secrets", "docs")), [
      "api.md",
      "errors.md",
      "file-store.md",
      "helpers.md",
      "keytar.md",
      "linux.md",
      "macos.md",
      "performance.md",
      "platforms.md",
      "program.md",
      "reliability.md",
      "servers.md",
      "testing.md",
      "windows.md",
    ]);
    assert.deepEqual(listFolder("@os-secrets/linux-x64-gnu"), [
      "LICENSE",
      "THIRD-PARTY-LICENSES.md",
      "os-secrets.node",
      "package.json",
    ]);
    const manifest = JSON.parse(
      readFileSync(join(project, "node_modules", "os-secrets", "package.json"), "utf8"),
    );
    const folders = readdirSync(join(root, "npm")).filter((folder) => folder !== "keytar");
    const packages = folders.map((platform) => [`@os-secrets/${platform}`, version]);
    assert.equal(packages.length, 11);
    assert.deepEqual(manifest.optionalDependencies, Object.fromEntries(packages));
    assert.equal(manifest.scripts, undefined);
    assert.equal(require("../package.json").optionalDependencies, undefined);
  });

  for (const [name, [command, ...args]] of Object.entries(runtimes)) {
    it(`work under ${name}, in an empty directory and without Rust`, async () => {
      // A PATH that contains only the runtime.
      const bin = join(directory, name.replace(" ", "-"));
      mkdirSync(bin);
      symlinkSync(command, join(bin, "runtime"));
      writeFileSync(
        join(project, "main.mjs"),
        `import { secrets } from "os-secrets";
         await secrets.set("packed", "name", ${JSON.stringify(name)});
         console.log(await secrets.get("packed", "name"), await secrets.delete("packed", "name"));`,
      );
      const options = { cwd: project, env: { PATH: bin } };
      const { code, stdout, stderr } = await session.run(
        join(bin, "runtime"),
        [...args, "main.mjs"],
        options,
      );
      assert.deepEqual({ code, stdout }, { code: 0, stdout: `${name} true\n` }, stderr);
    });
  }

  it("can be compiled into a program that runs by itself", async () => {
    const [bun] = runtimes.Bun;
    const program = join(directory, "program");
    writeFileSync(
      join(project, "compiled.mjs"),
      `import { secrets } from "os-secrets";
       await secrets.set("compiled", "name", "value");
       console.log(await secrets.get("compiled", "name"));`,
    );
    runSuccessfully(bun, ["build", "--compile", "compiled.mjs", "--outfile", program], { cwd: project });
    const { stdout, stderr } = await session.run(program, [], { cwd: directory });
    assert.equal(stdout, "value\n", stderr);
  });

  it("bring the programs along", async () => {
    const [node] = runtimes["Node 20"];
    const env = { PATH: `${join(project, "node_modules", ".bin")}:${dirname(node)}:/usr/bin:/bin` };
    const script = `
      set -e
      printf packed | secrets set packed
      secrets get packed
      secrets run -- sh -c 'printf "%s\\n" "$TOKEN"'
      bus-secrets resolve plain`;
    const { code, stdout, stderr } = await session.run("sh", ["-c", script], {
      cwd: project,
      env: { ...env, TOKEN: "secret:packed" },
    });
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "packed\npacked\nplain\n", stderr: "" });
  });

  it("bring a program that npx finds by the package's name", async () => {
    const [node] = runtimes["Node 20"];
    const { code, stdout, stderr } = await session.run("npx", ["--offline", "os-secrets", "--version"], {
      cwd: project,
      env: { PATH: `${dirname(node)}:${process.env.PATH}` },
    });
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `os-secrets ${version}\n` }, stderr);
  });

  it("advise nobody to run npx secrets, which is another package", () => {
    const place = join(project, "node_modules");
    const files = ["os-secrets", "@os-secrets"]
      .flatMap((name) => readdirSync(join(place, name), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    assert.ok(files.some((file) => file.endsWith("os-secrets.node")));
    for (const file of files) {
      assert.doesNotMatch(readFileSync(file, "latin1"), /npx (-\S+ (os-secrets )?)*secrets\b/, file);
    }
  });

  it("load with one line", async () => {
    const [node] = runtimes["Node 20"];
    const { code, stderr } = await session.run(node, ["-e", 'require("os-secrets")'], {
      cwd: project,
      env: { PATH: dirname(node) },
    });
    assert.equal(code, 0, stderr);
  });

  it("bring the types along", () => {
    const source = `import { secrets } from "os-secrets";
      export const token: string | null = await secrets.get({ service: "s", name: "n" });
      // @ts-expect-error values are text
      await secrets.set("s", "n", 5);`;
    writeFileSync(join(project, "typed.mts"), source);
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const flags = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--types", ""];
    // The second run has the types of neither Node nor a browser.
    for (const libraries of [[], ["--lib", "es2022"]]) {
      runSuccessfully(process.execPath, [tsc, ...flags, ...libraries, "typed.mts"], { cwd: project });
    }
  });
});

describe("the crate", () => {
  it("installs both programs", exceptOnWine("compilers, of Rust and TypeScript"), () => {
    const directory = mkdtempSync(join(tmpdir(), "os-secrets-install-"));
    try {
      // As the manual has it, but without a download and without a long build.
      const [, line] = /`cargo (install --locked --path\s\S+)`/.exec(read("docs/program.md"));
      const args = [...line.split(/\s/), "--root", directory, "--debug", "--offline"];
      const { status, stderr } = spawnSync("cargo", args, { cwd: root, encoding: "utf8" });
      assert.equal(status, 0, stderr);
      for (const program of ["secrets", "bus-secrets"]) {
        const path = join(directory, "bin", program);
        assert.match(spawnSync(path, ["-V"], { encoding: "utf8" }).stdout, new RegExp(`^${program} \\d`));
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("the types of this repository", () => {
  const projects = ["", "node", "bun", "dom", "none", "loose"];
  for (const project of projects.map((name) => (name ? `no-any/${name}.json` : "tsconfig.json"))) {
    it(
      `compile, and fail where they must: ${project}`,
      exceptOnWine("compilers, of Rust and TypeScript"),
      () => {
        const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
        const path = join(root, "__test__", "types", project);
        const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "-p", path], {
          encoding: "utf8",
        });
        assert.equal(status, 0, `${stdout}${stderr}`);
      },
    );
  }
});

it(
  "the package's description names the runtimes that the tests run under, and no other",
  linuxOnly("packages of Linux"),
  () => {
    const [, named] = /^The Bun\.secrets API for (.*), over /.exec(description);
    const tested = new Set(Object.keys(runtimes).map((name) => name.split(" ")[0]));
    assert.deepEqual(new Set(named.split(/, | and /)), tested);
  },
);
