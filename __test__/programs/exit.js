// Ends the process in different ways: exit.js <scenario>.

const { secrets } = require("../..");

const makeCalls = (count) => Array.from({ length: count }, (_, number) => secrets.get("exit", `${number}`));

const scenarios = {
  // Only the call keeps the process alive. The process ends when the call does.
  pending() {
    secrets.get("exit", "nothing").then((value) => console.log("settled", value));
  },
  async "a thousand calls"() {
    const numbers = Array.from({ length: 1000 }, (_, number) => number);
    await secrets.set("exit", "name", "value");
    const values = await Promise.all(
      numbers.map((n) => secrets.get("exit", n % 2 ? "name" : `missing ${n}`)),
    );
    console.log(
      values.filter((value) => value === "value").length,
      values.filter((value) => value === null).length,
    );
  },
  "import alone"() {
    console.log("imported");
  },
  async idle() {
    await secrets.set("exit", "name", "value");
    console.log("done");
  },
  "exit with calls pending"() {
    makeCalls(500);
    process.exit(7);
  },
  async "exit with calls pending on an open connection"() {
    await secrets.get("exit", "nothing");
    makeCalls(500);
    setTimeout(() => process.exit(7), 2);
  },
  "exit in a callback"() {
    for (const call of makeCalls(50)) call.then(() => process.exit(7));
  },
  "an exception with calls pending"() {
    makeCalls(500);
    throw new Error("thrown on purpose");
  },
  "rejections nobody handles"() {
    // The test starts this without a store.
    secrets.get("exit", "name");
  },
};

scenarios[process.argv[2]]();
