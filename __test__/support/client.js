// `secrets` in another process: each call is a program that runs in a session to its end.

const { join } = require("node:path");

const program = join(__dirname, "client-program.js");

/** The methods of one implementation ("bun" or "os-secrets") under one runtime, in one session. */
function secretsIn(session, [command, ...args], implementation, { env = {} } = {}) {
  const call = async (method, parameters) => {
    const input = JSON.stringify({ method, parameters });
    const { code, signal, stdout, stderr } = await session.run(command, [...args, program, implementation], {
      input,
      env,
    });
    if (code !== 0) throw new Error(`${implementation} ended with ${code ?? signal}: ${stderr}`);
    const { value, error } = JSON.parse(stdout);
    if (error) throw Object.assign(new Error(error.message), error);
    return value;
  };
  return {
    get: (...parameters) => call("get", parameters),
    set: (...parameters) => call("set", parameters),
    delete: (...parameters) => call("delete", parameters),
  };
}

module.exports = { secretsIn };
