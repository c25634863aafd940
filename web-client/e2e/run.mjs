// Runs the tests in real browsers: node e2e/run.mjs [FILTER...].
//
// A file that fails gets a second try, from its beginning and with nothing left of the first: on a machine that is
// busy, or that loses its processor to another for seconds, a browser now and then stands still for longer than
// anything can wait for. A rare defect of ours would pass then, too: what passed only at the second try is named at
// the end, with what had failed, and wants looking into. More files than a machine's bad moment explains get no
// second try, nor do norms (HEARKEN_NORMS=hold), which are to be measured once.

import { startVitest } from "vitest/node";

const SECOND_TRIES_MAX = 5;

/** Runs these files, and says which of them failed, by what. */
async function run(filters) {
  process.exitCode = 0;
  const vitest = await startVitest("test", filters, { config: "vitest.e2e.config.ts", watch: false });
  const failed = vitest.state.getTestModules().filter((module) => module.state() === "failed");
  // Such as no file that matches, or an error that nobody caught.
  const beyondFiles =
    process.exitCode !== 0 && (failed.length === 0 || vitest.state.getUnhandledErrors().length > 0);
  await vitest.close();
  return {
    beyondFiles,
    failures: failed.map((module) => ({
      file: module.moduleId,
      tests: [...module.children.allTests("failed")].map((test) => test.fullName),
    })),
  };
}

function say(heading, failures) {
  const lines = failures.flatMap(({ file, tests }) => [file, ...tests.map((test) => `  ${test}`)]);
  process.stdout.write(`\n${[heading, ...lines].join("\n")}\n`);
}

const first = await run(process.argv.slice(2));
const triesAgain =
  !first.beyondFiles && first.failures.length <= SECOND_TRIES_MAX && process.env.HEARKEN_NORMS !== "hold";
if (first.failures.length > 0 && triesAgain) {
  say("Failed, and tried once more:", first.failures);
  const second = await run(first.failures.map(({ file }) => file));
  if (second.failures.length === 0 && !second.beyondFiles) {
    say("Passed at the second try only; what had failed at the first:", first.failures);
  }
}
