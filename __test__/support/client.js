// `secrets` in another process: a program in a session that makes the calls it is sent.

const { once } = require("node:events");
const { join } = require("node:path");
const { createInterface } = require("node:readline");

const program = join(__dirname, "client-program.js");

/** Starts one implementation ("bun", "os-secrets" or a peer of bench/implementations.js) under one runtime in a session. Returns its methods and its pid. */
function secretsIn(session, [command, ...args], implementation, { env = {} } = {}) {
  const options = { env: { ...session.env, ...env } };
  const child = session.start(command, [...args, program, implementation], options);
  const pending = new Map();
  let stderr = "";
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  child.stdin.on("error", () => {});
  createInterface(child.stdout).on("line", (line) => {
    const { id, value, error } = JSON.parse(line);
    const { resolve, reject } = pending.get(id);
    pending.delete(id);
    if (error) reject(Object.assign(new Error(error.message), error));
    else resolve(value);
  });
  child.once("close", (code, signal) => {
    const error = new Error(`${implementation} ended with ${code ?? signal}: ${stderr}`);
    for (const { reject } of pending.values()) reject(error);
  });

  let calls = 0;
  const call = (method, parameters) =>
    new Promise((resolve, reject) => {
      const id = calls++;
      pending.set(id, { resolve, reject });
      child.stdin.write(`${JSON.stringify({ id, method, parameters })}\n`);
    });
  const method = (name) => [name, (...parameters) => call(name, parameters)];
  const signaled = ["aborted", "aborting"].flatMap((kind) =>
    ["Get", "Set", "Delete"].map((name) => kind + name),
  );
  return {
    pid: child.pid,
    ...Object.fromEntries(["get", "set", "delete", ...signaled].map(method)),
    /** Closes the program's input, so that it ends by itself. */
    async close() {
      const closed = once(child, "close");
      child.stdin.end();
      const [code, signal] = await closed;
      if (code !== 0) throw new Error(`${implementation} ended with ${code ?? signal}: ${stderr}`);
    },
  };
}

module.exports = { secretsIn };
