// SPDX-License-Identifier: Apache-2.0
import test, { type ExecutionContext } from "ava";
import { type Lab, openLab } from "./lab.ts";
import { whyNotHere } from "./why-not.ts";

const reason = whyNotHere();
let reported = false;

/**
 * A test on the real kernel, one at a time. Where it cannot run, the file shows one skipped test that says why; with
 * SLUICE_REQUIRE_KERNEL=1 that is a failure.
 */
export function kernelTest(title: string, run: (t: ExecutionContext, lab: Lab) => Promise<void>): void {
  if (reason === null) {
    test.serial(title, async (t) => runInLab(t, run));
  } else if (!reported) {
    reported = true;
    report(reason);
  }
}

async function runInLab(t: ExecutionContext, run: (t: ExecutionContext, lab: Lab) => Promise<void>): Promise<void> {
  const lab = openLab();
  try {
    await run(t, lab);
  } finally {
    lab.close();
  }
}

function report(why: string): void {
  const title = `not run: ${why}`;
  const required = process.env["SLUICE_REQUIRE_KERNEL"] === "1";
  if (required) test(title, (t) => t.fail(`SLUICE_REQUIRE_KERNEL=1, but kernel tests cannot run: ${why}`));
  else test.skip(title, (t) => t.fail(why));
}
