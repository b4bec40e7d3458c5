// Starting programs. Once in some thousand times Wine does not start one, and does when it is asked again.

const { spawn, spawnSync } = require("node:child_process");
const { isWine } = require("./platform.js");

/** Whether Wine has not started a program, and said so with this. */
const isMiss = (error) => isWine && error?.code === "UNKNOWN";

/** As `spawn`. */
function launch(...words) {
  try {
    return spawn(...words);
  } catch (error) {
    if (!isMiss(error)) throw error;
    return spawn(...words);
  }
}

/** As `spawnSync`. */
function launchSync(...words) {
  const first = spawnSync(...words);
  return isMiss(first.error) ? spawnSync(...words) : first;
}

module.exports = { launch, launchSync };
