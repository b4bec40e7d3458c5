// Git repositories over HTTP, with basic authentication in front of `git http-backend`.

const { spawn, spawnSync } = require("node:child_process");
const { once } = require("node:events");
const { createServer } = require("node:http");
const { join } = require("node:path");

/** Runs git without the configuration of the user who runs the tests. */
function runGit(args, cwd, input) {
  const env = { PATH: process.env.PATH, HOME: cwd, GIT_CONFIG_NOSYSTEM: "1" };
  const { status, stdout, stderr } = spawnSync("git", args, { cwd, env, input, encoding: "utf8" });
  if (status !== 0) throw new Error(`git ${args.join(" ")} failed: ${stderr}`);
  return stdout.trim();
}

/** The user and password that a request has. */
function readLogin({ authorization = "" }) {
  const [, encoded] = /^Basic (.*)$/.exec(authorization) ?? [];
  const [, user, password] = /^([^:]*):(.*)$/.exec(Buffer.from(encoded ?? "", "base64").toString()) ?? [];
  return { user, password };
}

/** Answers a request with what the CGI program prints. */
async function answerWithBackend(folder, user, request, response) {
  const { pathname, search } = new URL(request.url, "http://localhost");
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_PROJECT_ROOT: folder,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: decodeURIComponent(pathname),
    QUERY_STRING: search.slice(1),
    REQUEST_METHOD: request.method,
    CONTENT_TYPE: request.headers["content-type"] ?? "",
    HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
    REMOTE_USER: user,
  };
  const backend = spawn("git", ["http-backend"], { env, stdio: ["pipe", "pipe", "ignore"] });
  backend.stdin.on("error", () => {});
  request.pipe(backend.stdin);
  const chunks = [];
  for await (const chunk of backend.stdout) chunks.push(chunk);
  const printed = Buffer.concat(chunks);
  const end = printed.indexOf("\r\n\r\n");
  for (const line of printed.subarray(0, end).toString("latin1").split("\r\n")) {
    const [, name, value] = /^(\S+): (.*)$/.exec(line);
    if (name === "Status") response.statusCode = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.end(printed.subarray(end + 4));
}

/**
 * Serves the bare repositories of a folder until the test ends. `logins` maps users to their passwords, and can be changed
 * while the server runs. Returns { url, origin, seen, addRepository }: `seen` has the login of every request that had one.
 */
async function startGitServer(t, folder, logins) {
  const seen = [];
  const server = createServer((request, response) => {
    const { user, password } = readLogin(request.headers);
    if (user !== undefined) seen.push(`${user}:${password}`);
    if (user !== undefined && logins[user] === password) {
      answerWithBackend(folder, user, request, response).catch(() => response.destroy());
      return;
    }
    request.resume();
    response.writeHead(401, { "WWW-Authenticate": 'Basic realm="tests"' }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const host = `127.0.0.1:${server.address().port}`;
  return {
    host,
    url: `http://${host}`,
    seen,
    /** Makes a bare repository with one commit, which may have submodules: { path: URL }. */
    addRepository(name, submodules = {}) {
      const path = join(folder, `${name}.git`);
      runGit(["init", "--quiet", "--bare", "--initial-branch=main", path], folder);
      runGit(["config", "http.receivepack", "true"], path);
      const blob = runGit(["hash-object", "-w", "--stdin"], path, `${name}\n`);
      const modules = Object.entries(submodules)
        .map(([at, url]) => `[submodule "${at}"]\n\tpath = ${at}\n\turl = ${url}\n`)
        .join("");
      const lines = [`100644 blob ${blob}\tfile`];
      if (modules)
        lines.push(`100644 blob ${runGit(["hash-object", "-w", "--stdin"], path, modules)}\t.gitmodules`);
      for (const at of Object.keys(submodules)) {
        const commit = runGit(["rev-parse", "main"], join(folder, `${at}.git`));
        lines.push(`160000 commit ${commit}\t${at}`);
      }
      const tree = runGit(["mktree", "--missing"], path, `${lines.join("\n")}\n`);
      const who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
      const commit = runGit([...who, "commit-tree", "-m", name, tree], path);
      runGit(["update-ref", "refs/heads/main", commit], path);
    },
  };
}

module.exports = { startGitServer };
