// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Pin } from "../../../bpf/kernel/kernel.ts";
import type { Operation } from "../../../reconciler/model/operation.ts";
import { stillOurs } from "../../../reconciler/watchdog/still-ours.ts";

const at = { interface: "eth0", kind: "xdp" } as const;
const link = "/b/eth0/xdp/link";
const [before, after] = ["/b/eth0/xdp/gen/1", "/b/eth0/xdp/gen/2"];
const back: Operation = { kind: "switch", at, link, from: after, to: before };
const away: Operation = { kind: "detach", at, link, generation: after, mode: "auto" };
const again: Operation = { kind: "attach", at, link, generation: before, mode: "auto" };
const keys = { kind: "write-map", pin: "/b/eth0/xdp/steps/a/m__1" } as unknown as Operation;

const programs = [
  { kind: "program", path: `${before}/program`, id: 1 },
  { kind: "program", path: `${after}/program`, id: 2 },
] as unknown as Pin[];

function holding(programId: number | null): readonly Pin[] {
  return programId === null ? programs : [...programs, { kind: "link", path: link, programId } as unknown as Pin];
}

test("stillOurs() keeps what undoes a hook that is as the change left it", (t) => {
  t.deepEqual(stillOurs([back, keys], holding(2)), [back, keys]);
  t.deepEqual(stillOurs([away], holding(2)), [away]);
  t.deepEqual(stillOurs([again], holding(null)), [again]);
  t.deepEqual(stillOurs([keys], holding(7)), [keys]);
});

test("stillOurs() leaves hooks that others have changed since, and keys where none is left", (t) => {
  t.deepEqual(stillOurs([back, keys], holding(7)), []);
  t.deepEqual(stillOurs([back], holding(null)), []);
  t.deepEqual(stillOurs([away], holding(1)), []);
  t.deepEqual(stillOurs([again], holding(1)), []);
  t.deepEqual(stillOurs([back, again], holding(2)), [back]);
});
