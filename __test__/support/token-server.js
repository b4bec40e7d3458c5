// A server that exchanges tokens, as for OAuth: a refresh token is valid once, and its exchange returns the next one.

const { once } = require("node:events");
const { createServer } = require("node:http");

/**
 * Starts the server. It stops when the test ends. `current` is the only valid token, `exchanged` the number of exchanges,
 * and `refused` the tokens that were not valid.
 */
async function startTokenServer(t) {
  const state = { current: "token 0", exchanged: 0, refused: [] };
  const server = createServer(async (request, response) => {
    let token = "";
    for await (const chunk of request) token += chunk;
    if (token !== state.current) {
      state.refused.push(token);
      response.writeHead(400).end();
      return;
    }
    state.exchanged += 1;
    state.current = `token ${state.exchanged}`;
    response.end(state.current);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(state, { url: `http://127.0.0.1:${server.address().port}/` });
}

module.exports = { startTokenServer };
