// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { ExecutionContext } from "ava";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { main } from "../../reconciler/cli/run-sluice.ts";
import { json, type Station, station } from "../cli/station.ts";
import { startAgent } from "./agent.ts";
import { own, writeFiles, xdpPolicy } from "./policy.ts";

/** The verifier walks through each of the rounds, remembers them all, and refuses the last line: seconds, three times over. */
const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u8[4096]); } table SEC(".maps");
SEC("xdp") int slow(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u8 *bytes = bpf_map_lookup_elem(&table, &key);
	__u64 at = 1;
	if (!bytes)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int round = 0; round < 60000; round++) {
		at += round ^ (bpf_get_prandom_u32() & 0);
		bytes[at & 1023] += 1;
		asm volatile("" : "+r"(at));
	}
	return bytes[(at & 1023) + 4000];
}
char _license[] SEC("license") = "GPL";`;

async function slowStation(t: ExecutionContext, lab: Lab): Promise<Station> {
  const host = await station(t, lab);
  const elf = lab.compile(source, "slow");
  writeFiles(host.folder, { "objects/slow.bpf.o": elf, "interfaces/lab.yaml": xdpPolicy(host.device, [own("slow", "slow", elf)]) });
  return host;
}

kernelTest("Ctrl-C does not wait for the verifier: nothing stays pinned, and the exit code says so", async (t, lab) => {
  const host = await slowStation(t, lab);
  const child = spawn(process.execPath, [main, "apply", "--yes", "--log-format", "json", ...host.host], { cwd: host.folder });
  t.teardown(() => child.kill("SIGKILL"));
  let err = "";
  child.stderr.on("data", (part: Buffer) => {
    const before = err;
    err += part.toString();
    if (!before.includes("load generation") && err.includes("load generation")) setTimeout(() => child.kill("SIGINT"), 200);
  });
  child.stdout.resume();

  const [exit] = (await once(child, "close")) as [number];

  t.is(exit, 130, err);
  t.regex(err, /Not applied: .*no packet has met any of it\n.*Interrupted/);
  t.deepEqual(await lab.kernel.pins(lab.root), []);
});

kernelTest("an agent answers while the verifier walks, and says in the end what it refused", async (t, lab) => {
  const host = await slowStation(t, lab);
  const agent = startAgent(t, host, ["--dir", host.folder, "--drift", "off", "--log-level", "debug"]);
  while (!/load generation/.test(String((await agent.told("operation"))["operation"])));

  const status = await host.sluice("status", "--json");

  t.truthy(json(status)["agent"], status.err);
  t.false(
    agent.log.some(({ level }) => level === "error"),
    "it was still at it",
  );
  const end = await agent.told("revision rolled back");
  t.regex(JSON.stringify(end["error"]), /the verifier refused it .* invalid access to map value/);
  t.is(await agent.stop(), 0);
  t.deepEqual(await lab.kernel.pins(lab.root), []);
});
