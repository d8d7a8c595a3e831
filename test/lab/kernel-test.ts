// SPDX-License-Identifier: Apache-2.0
import test, { type ExecutionContext } from "ava";
import { type Lab, openLab } from "./lab.ts";
import { whyNotHere } from "./why-not.ts";

const reason = whyNotHere();
let reported = false;

/**
 * A test on the real kernel, one at a time. Where it cannot run, the file has one test instead, which fails and says why.
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

/** .ci/test.sh does not start kernel tests where they cannot run, and says so; whoever starts one by hand is told why it fails. */
function report(why: string): void {
  test(`not run: ${why}`, (t) => t.fail(`Kernel tests cannot run: ${why}`));
}
