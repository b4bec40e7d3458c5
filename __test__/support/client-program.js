// The program behind client.js: reads one call from standard input, prints its outcome as JSON.

const secrets = process.argv[2] === "bun" ? globalThis.Bun.secrets : require("../..").secrets;

let input = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text) => {
  input += text;
});
process.stdin.on("end", async () => {
  const { method, parameters } = JSON.parse(input);
  try {
    const value = await secrets[method](...parameters);
    process.stdout.write(JSON.stringify({ value }));
  } catch ({ name, code, message }) {
    process.stdout.write(JSON.stringify({ error: { name, code, message } }));
  }
});
