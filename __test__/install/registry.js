// A registry on loopback, which prints its port. It stores packages in a folder and asks no other registry.

const { join } = require("node:path");
const { runServer } = require("verdaccio");

const [folder] = process.argv.slice(2);
const anybody = { access: "$all", publish: "$all" };
const configuration = {
  configPath: join(folder, "config.yaml"),
  storage: join(folder, "storage"),
  auth: { htpasswd: { file: join(folder, "htpasswd"), max_users: -1 } },
  packages: { "os-secrets": anybody, "@os-secrets/*": anybody },
  uplinks: {},
  web: { enable: false },
  log: { type: "stdout", format: "json", level: "fatal" },
  max_body_size: "100mb",
};

runServer(configuration).then((server) => {
  server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
});
