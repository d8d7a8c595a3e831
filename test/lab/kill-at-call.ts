// SPDX-License-Identifier: Apache-2.0
import { replaceCalls } from "./faulty-calls.ts";

/*
 * Loaded into a process before everything else (node --import): kills it with SIGKILL before or after its n-th bpf(2) call, as
 * SLUICE_TEST_KILL says ("before 17").
 */

const [when, nth] = (process.env["SLUICE_TEST_KILL"] ?? "").split(" ");
const die = (number: number): null => {
  if (number === Number(nth)) process.kill(process.pid, "SIGKILL");
  return null;
};
replaceCalls(when === "before" ? die : () => null, when === "after" ? die : () => null);
