// One of several processes that refresh one token: refresh.js <url> <rounds> <options of openStore as JSON>. Prints
// "ready", waits for a line of input, and exchanges the token at the server so many times.

const { once } = require("node:events");
const { request } = require("node:http");
const { openStore } = require("../..");

const [url, rounds, options] = process.argv.slice(2);
const store = openStore(JSON.parse(options));

/** Exchanges a token for the next one. */
async function exchange(token) {
  const sent = request(url, { method: "POST" });
  sent.end(token);
  const [response] = await once(sent, "response");
  let text = "";
  for await (const chunk of response) text += chunk;
  if (response.statusCode !== 200) throw new Error(`the server has refused ${token}`);
  return text;
}

async function main() {
  console.log("ready");
  await once(process.stdin, "data");
  process.stdin.destroy();
  for (let round = 0; round < Number(rounds); round++) {
    await store.update({ service: "my-tool", name: "refresh-token" }, exchange);
  }
}

main();
