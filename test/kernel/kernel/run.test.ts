// SPDX-License-Identifier: Apache-2.0
import { openObject } from "../../../bpf/object/open-object.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { loadConstant, prepareStep } from "./chains.ts";

const packet = ethernet({}, ipv4({}, udp({})));

const source = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("xdp") int grow(struct xdp_md *ctx) { return bpf_xdp_adjust_head(ctx, -8) ? XDP_ABORTED : XDP_TX; }
SEC("xdp") int from_loopback(struct xdp_md *ctx) { return ctx->ingress_ifindex == 1 ? XDP_PASS : XDP_DROP; }
SEC("tc") int at_loopback(struct __sk_buff *skb) { return skb->ifindex == 1 ? 0 : 2; }
`;

async function load(lab: Lab, name: string, hook: "xdp" | "tc-ingress"): Promise<string> {
  const { request } = await prepareStep(lab, lab.compile(source, "runs"), name, hook);
  const pin = `${lab.root}/runs/${name}`;
  await lab.kernel.load(pin, request);
  return pin;
}

kernelTest("run() gives the verdict, the packet as it left, and the time", async (t, lab) => {
  const program = await load(lab, "grow", "xdp");

  const result = await lab.kernel.run(program, { packet });

  t.is(result.verdict, 3);
  t.is(result.packet.length, packet.length + 8);
  t.deepEqual(result.packet.subarray(8), packet);
  t.true(result.nanoseconds >= 0);
});

kernelTest("run() gives negative verdicts as such, also of many repeats", async (t, lab) => {
  const program = await loadConstant(lab, -1, "tc-ingress");

  t.is((await lab.kernel.run(program, { packet })).verdict, -1);
  t.like(await lab.kernel.run(program, { packet, repeat: 5000 }), { verdict: -1, packet });
});

kernelTest("run() lets the packet come from a device", async (t, lab) => {
  const xdp = await load(lab, "from_loopback", "xdp");
  const tc = await load(lab, "at_loopback", "tc-ingress");

  t.is((await lab.kernel.run(xdp, { packet, ifindex: 1 })).verdict, 2);
  t.is((await lab.kernel.run(tc, { packet, ifindex: 1 })).verdict, 0);
});

kernelTest("run() says what it was asked when the kernel refuses the packet", async (t, lab) => {
  const program = await loadConstant(lab, 1);

  await t.throwsAsync(lab.kernel.run(program, { packet: new Uint8Array(4) }), {
    message: `Cannot run the program pinned at "${program}" on a packet of 4 bytes: Invalid argument (EINVAL)`,
  });
});

kernelTest("fragments in an object's section are a flag of its programs", async (t, lab) => {
  const object = lab.compile(source.replace('SEC("xdp") int grow', 'SEC("xdp.frags") int grow'), "runs_frags");

  const { request } = await prepareStep(lab, object, "grow");

  t.true(request.chain.frags);
  t.true(openObject(object).programs.some(({ frags }) => frags));
  await t.notThrowsAsync(lab.kernel.load(`${lab.root}/frags`, request));
});
