// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import test from "ava";
import { Command } from "commander";
import type { Kernel } from "../../../bpf/kernel/kernel.ts";
import { createMemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import { Interrupted } from "../../../reconciler/cli/cli-error.ts";
import { interruptibleKernel } from "../../../reconciler/cli/interruptible-kernel.ts";
import { sourceOptions } from "../../../reconciler/cli/read-policy.ts";
import { addPolicyOptions } from "../../../reconciler/cli/shared-options.ts";
import { didYouMean } from "../../../reconciler/cli/suggest.ts";

test("sourceOptions() reads this folder unless told otherwise", (t) => {
  t.deepEqual(sourceOptions({}), { kind: "directory", directory: "." });
  t.deepEqual(sourceOptions({ dir: "policy", path: "hosts/edge" }), { kind: "directory", directory: "policy/hosts/edge" });
});

test("sourceOptions() follows main of a repository unless told otherwise", (t) => {
  const base = { kind: "git", repository: "/srv/git", path: "", cache: null, timeoutMilliseconds: 60_000, credentials: {} };

  t.deepEqual(sourceOptions({ repo: "/srv/git" }), { ...base, ref: { kind: "branch", name: "main" } });
  t.deepEqual(sourceOptions({ repo: "/srv/git", tag: "v1", timeout: "5s" }), {
    ...base,
    ref: { kind: "tag", name: "v1" },
    timeoutMilliseconds: 5000,
  });
  t.deepEqual(sourceOptions({ repo: "/srv/git", commit: "ab", path: "p" }), { ...base, ref: { kind: "commit", name: "ab" }, path: "p" });
  t.deepEqual(sourceOptions({ repo: "/srv/git", branch: "b", passwordFile: "/p" }), {
    ...base,
    ref: { kind: "branch", name: "b" },
    credentials: { passwordFile: "/p" },
  });
  t.like(sourceOptions({ repo: "/srv/git", keyring: "/k", verifyMode: "commits", forcePush: "refuse", state: "/s" }), {
    verify: { keyring: "/k", mode: "commits" },
    forcePush: "refuse",
    state: "/s",
  });
});

test("addPolicyOptions() takes files from where somebody types, because git runs elsewhere", (t) => {
  const files = ["password-file", "ca-file", "identity-file", "known-hosts-file", "allowed-signers", "keyring"];
  const options = (place: string) => files.flatMap((name) => [`--${name}`, join(place, name)]);
  const parse = (args: readonly string[]) => addPolicyOptions(new Command()).parse(args, { from: "user" }).opts();

  t.deepEqual(parse(options("keys")), parse(options(join(process.cwd(), "keys"))));
  t.is(parse(["--keyring", "./k"])["keyring"], join(process.cwd(), "k"));
});

test("sourceOptions() refuses what makes no sense together", (t) => {
  t.throws(() => sourceOptions({ branch: "main" }), { message: 'Option "--branch" needs a repository' });
  t.throws(() => sourceOptions({ forcePush: "alert" }), { message: 'Option "--force-push" needs a repository' });
  t.throws(() => sourceOptions({ repo: "/srv/git", verifyMode: "head" }), { message: 'Option "--verify-mode" needs keys' });
  t.throws(() => sourceOptions({ knownHostsFile: "x" }), { message: 'Option "--known-hosts-file" needs a repository' });
  t.throws(() => sourceOptions({ repo: "/srv/git", timeout: "soon" }), {
    message: 'Cannot read --timeout "soon": expected a number and a unit, like 30s or 5m',
  });
});

test("didYouMean() knows a slip of the finger from another word", (t) => {
  t.is(didYouMean("eth0/xpd", ["eth0/xdp", "eth1/xdp"]), 'Did you mean "eth0/xdp"?');
  t.is(didYouMean("wlan0/xdp", ["eth0/tc-ingress"]), null);
  t.is(didYouMean("eth0", []), null);
});

test("interruptibleKernel() fails one change after the signal, and none before or after it", async (t) => {
  const memory = createMemoryKernel();
  const controller = new AbortController();
  const kernel = interruptibleKernel(memory, controller.signal);
  const map = (name: string) => kernel.createFrozenMap(`/sys/fs/bpf/sluice/${name}`, name, Uint8Array.of(1));

  await map("before");
  controller.abort(new Interrupted());
  t.deepEqual(
    (await kernel.pins("/sys/fs/bpf/sluice")).map(({ path }) => path),
    ["/sys/fs/bpf/sluice/before"],
  );
  await t.throwsAsync(map("during"), { instanceOf: Interrupted });
  await map("after");

  t.deepEqual(
    (await memory.pins("/sys/fs/bpf/sluice")).map(({ path }) => path),
    ["/sys/fs/bpf/sluice/after", "/sys/fs/bpf/sluice/before"],
  );
});

test("interruptibleKernel() waits for no verifier, and lets go what it loads all the same", async (t) => {
  const memory = createMemoryKernel();
  const controller = new AbortController();
  const pin = "/sys/fs/bpf/sluice/late";
  let load = (): void => undefined;
  const slow: Kernel = {
    ...memory,
    relocate: () => new Promise(() => undefined),
    load: () => new Promise((resolve) => (load = () => void memory.createFrozenMap(pin, "late", Uint8Array.of(1)).then(resolve))),
  };
  const kernel = interruptibleKernel(slow, controller.signal);
  const loading = kernel.load(pin, {} as never);
  const relocating = kernel.relocate({} as never);

  controller.abort(new Interrupted());

  await t.throwsAsync(loading, { instanceOf: Interrupted });
  await t.throwsAsync(relocating, { instanceOf: Interrupted });
  load();
  await new Promise(setImmediate);
  t.deepEqual(await memory.pins("/sys/fs/bpf/sluice"), []);
});
