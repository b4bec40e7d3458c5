// A server whose clients must send a token. The token is in an encrypted file and is read once, at start.

import { createHash, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import process from "node:process";
import { openStore } from "os-secrets";

const key = { service: "my-server", name: "token" };

/** Reads the token from the file that OS_SECRETS_FILE names. */
async function readToken() {
  const store = openStore({ provider: "file" });
  const token = await store.get(key);
  await store.close();
  if (token === null) {
    throw new Error(
      "There is no token. Store one: npx os-secrets set --store file --service my-server token",
    );
  }
  return token;
}

function serve(token) {
  const expected = digest(`Bearer ${token}`);
  const server = createServer((request, response) => {
    const isAllowed = timingSafeEqual(digest(request.headers.authorization ?? ""), expected);
    response.statusCode = isAllowed ? 200 : 401;
    response.end(isAllowed ? "Hello\n" : "Wrong token\n");
  });
  server.listen(process.env.PORT ?? 8080, "127.0.0.1", () => {
    console.log(`Listening on http://127.0.0.1:${server.address().port}`);
  });
}

/** Digests have one length, which timingSafeEqual needs. */
function digest(text) {
  return createHash("sha256").update(text).digest();
}

try {
  serve(await readToken());
} catch (error) {
  console.error(`The server cannot start. ${error.message}`);
  process.exitCode = 1;
}
