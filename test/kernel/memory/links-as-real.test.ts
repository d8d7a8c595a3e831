// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import type { AttachRequest, HookKind } from "../../../bpf/kernel/kernel.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip } from "../../lab/lab.ts";
import { bothKernels } from "./both-kernels.ts";
import { answer, attached, type Call, load, pins, type Scene, sameAnswers } from "./scene.ts";

for (const hook of ["xdp", "tc-ingress", "tc-egress"] as const) {
  kernelTest(`MemoryKernel answers as the real kernel does: links at ${hook}`, async (t, lab) => {
    const other: HookKind = hook === "xdp" ? "tc-ingress" : "xdp";
    const attach = (s: Scene, link: string, program: string, more: Partial<AttachRequest> = {}) =>
      s.kernel.attach(`${s.root}/${link}`, { device: s.device, hook, program: `${s.root}/${program}`, mode: "auto", ...more });
    const update = (link: string, from: string | null, to: string) => (s: Scene) =>
      s.kernel.switchLink(`${s.root}/${link}`, from === null ? null : `${s.root}/${from}`, `${s.root}/${to}`);
    await sameAnswers(t, lab, [
      ["load a", (s) => load(s, "a", hook, 2)],
      ["load b", (s) => load(s, "b", hook, 1)],
      ["load c", (s) => load(s, "c", hook, 0)],
      ["load for another hook", (s) => load(s, "other", other, 0)],
      ["attach to no device", (s) => attach(s, "link", "a", { device: "nodev0" })],
      ["attach nothing", (s) => attach(s, "link", "none")],
      ["attach another hook's", (s) => attach(s, "link", "other")],
      ["attached before", (s) => attached(s, hook)],
      ["attached to no device", (s) => s.kernel.attached("nodev0", hook)],
      ["attach", (s) => attach(s, "link", "a")],
      ["attach again", (s) => attach(s, "link", "a")],
      ["attach another to the same pin", (s) => attach(s, "link", "b")],
      ["attach at a program's pin", (s) => attach(s, "b", "a")],
      ["attach the same twice", (s) => attach(s, "link2", "a")],
      ...(hook === "xdp" ? xdpConflicts(attach) : []),
      ["attached", (s) => attached(s, hook)],
      ["switch", update("link", "a", "b")],
      ["switch again", update("link", "a", "b")],
      ["switch from a third", update("link", "a", "c")],
      ["switch from nothing", update("link", "none", "c")],
      ["switch to nothing", update("link", "b", "none")],
      ["switch to another hook's", update("link", "b", "other")],
      ["switch no link", update("none", "b", "c")],
      ["switch a program", update("a", "b", "c")],
      ["switch from anything", update("link", null, "c")],
      ["attached after", (s) => attached(s, hook)],
      ["pins", (s) => pins(s)],
      ["detach", (s) => s.kernel.detach(`${s.root}/link`)],
      ["detach again", (s) => s.kernel.detach(`${s.root}/link`)],
      ["detach a program", (s) => s.kernel.detach(`${s.root}/a`)],
      ["attached in the end", (s) => attached(s, hook)],
      ["attach anew", (s) => attach(s, "link", "b")],
      ["the device vanishes", async (s) => s.removeDevice()],
      ["pins without device", (s) => pins(s)],
      ["switch without device", update("link", "b", "c")],
      ["switch without device to what it holds", update("link", "b", "b")],
      ["attach without device", (s) => attach(s, "link", "b")],
      ["the device comes back", async (s) => s.addDevice()],
      ["attached to the new one", (s) => attached(s, hook)],
      ["attach where a dead link is pinned", (s) => attach(s, "link", "b")],
      ["detach the dead link", (s) => s.kernel.detach(`${s.root}/link`)],
      ["attach to the new one", (s) => attach(s, "link", "b")],
      ["attached to the new one at last", (s) => attached(s, hook)],
      ["detach at last", (s) => s.kernel.detach(`${s.root}/link`)],
    ]);
  });
}

kernelTest("MemoryKernel answers as the real kernel does: a driver without native XDP", async (t, lab) => {
  const { real: kernel, memory } = bothKernels(lab);
  ip("link add ifb7 type ifb");
  t.teardown(() => ip("link del ifb7"));
  memory.addDevice("ifb7", { native: false });
  for (const mode of ["native", "auto", "generic"] as const) {
    const answers = [];
    for (const one of [memory, kernel]) {
      const scene = { kernel: one, root: lab.root, device: "ifb7", removeDevice: () => undefined, addDevice: () => undefined };
      await load(scene, "a", "xdp", 2);
      const request = { device: "ifb7", hook: "xdp", program: `${lab.root}/a`, mode } as const;
      const attempt = await answer(() => one.attach(`${lab.root}/link`, request), scene);
      answers.push({ attempt, attached: await attached(scene, "xdp") });
      await one.detach(`${lab.root}/link`);
    }
    t.deepEqual(answers[0], answers[1], mode);
  }
});

kernelTest("MemoryKernel answers as the real kernel does: an XDP program without a link", async (t, lab) => {
  const { memory } = bothKernels(lab);
  const { inside } = await lab.veth();
  memory.addDevice(inside);
  const answers = [];
  for (const kernel of [memory, lab.kernel]) {
    const scene = { kernel, root: lab.root, device: inside, removeDevice: () => undefined, addDevice: () => undefined };
    await load(scene, "theirs", "xdp", 2);
    await load(scene, "ours", "xdp", 1);
    if (kernel === memory) memory.attachForeign(inside, "xdp", { name: "constant", verdict: 2 });
    else execFileSync("bpftool", ["net", "attach", "xdpdrv", "pinned", `${lab.root}/theirs`, "dev", inside]);
    for (const mode of ["auto", "native", "generic"] as const) {
      const request = { device: inside, hook: "xdp", program: `${lab.root}/ours`, mode } as const;
      answers.push(await answer(() => kernel.attach(`${lab.root}/link`, request), scene));
    }
    answers.push(await attached(scene, "xdp"), (await kernel.attached(inside, "xdp"))[0]?.linkId);
  }
  t.deepEqual(answers.slice(0, answers.length / 2), answers.slice(answers.length / 2));
});

function xdpConflicts(attach: (s: Scene, link: string, program: string, more?: Partial<AttachRequest>) => Promise<void>): Call[] {
  return [
    ["attach a second in native mode", (s) => attach(s, "link2", "b", { mode: "native" })],
    ["attach a second in generic mode", (s) => attach(s, "link2", "b", { mode: "generic" })],
  ];
}
