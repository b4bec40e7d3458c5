// The implementations to compare, each with the same three functions. An implementation is loaded on first
// use.

/** os-secrets in this repository, or in the folder that OS_SECRETS_BENCH names. */
function ours() {
  const { secrets } = require(process.env.OS_SECRETS_BENCH || "..");
  return { get: secrets.get, set: secrets.set, remove: secrets.delete };
}

function bun() {
  const { secrets } = globalThis.Bun;
  return {
    get: (service, name) => secrets.get({ service, name }),
    set: (service, name, value) => secrets.set({ service, name, value }),
    remove: (service, name) => secrets.delete({ service, name }),
  };
}

function keytar() {
  const { getPassword, setPassword, deletePassword } = require("keytar");
  return { get: getPassword, set: setPassword, remove: deletePassword };
}

function napiRsKeyring() {
  const { AsyncEntry } = require("@napi-rs/keyring");
  return {
    get: (service, name) => new AsyncEntry(service, name).getPassword(),
    set: (service, name, value) => new AsyncEntry(service, name).setPassword(value),
    remove: (service, name) => new AsyncEntry(service, name).deletePassword(),
  };
}

module.exports = { bun, keytar, "napi-rs-keyring": napiRsKeyring, ours };
