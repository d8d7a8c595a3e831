// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { prepareStep } from "./chains.ts";
import { statefulSource } from "./sources.ts";

const kernelModule = new URL("../../../bpf/kernel/libbpf-kernel.js", import.meta.url).href;

/** Commands of bpf(2) that look and change nothing. */
const looks = /^BPF_(OBJ_GET|OBJ_GET_INFO_BY_FD|PROG_QUERY|MAP_LOOKUP_(ELEM|BATCH)|MAP_GET_NEXT_KEY|(PROG|LINK|MAP)_GET_(FD_BY|NEXT)_ID)$/;

kernelTest("reading issues no bpf(2) command that changes anything", async (t, lab) => {
  const { inside } = await lab.veth();
  const { request, maps } = await prepareStep(lab, lab.compile(statefulSource, "stateful"), "limited");
  await lab.kernel.load(`${lab.root}/program`, request);
  await lab.kernel.attach(`${lab.root}/link`, { device: inside, hook: "xdp", program: `${lab.root}/program`, mode: "native" });
  const folder = mkdtempSync(join(tmpdir(), "sluice-strace-"));
  writeFileSync(
    join(folder, "read.mjs"),
    `import { openLibbpfKernel } from ${JSON.stringify(kernelModule)};
const kernel = openLibbpfKernel();
await kernel.devices();
for (const hook of ["xdp", "tc-ingress", "tc-egress"]) await kernel.attached(${JSON.stringify(inside)}, hook);
for (const pin of await kernel.pins(${JSON.stringify(lab.root)})) if (pin.kind === "map") await kernel.readMap(pin.path);
await kernel.readMap(${JSON.stringify(maps["by_length"])});
`,
  );

  const trace = join(folder, "trace");
  const { status, stderr } = spawnSync("strace", ["-f", "-e", "trace=bpf", "-o", trace, process.execPath, join(folder, "read.mjs")], {
    encoding: "utf8",
  });

  t.is(status, 0, stderr);
  const commands = [...readFileSync(trace, "utf8").matchAll(/ bpf\((BPF_\w+|0x[0-9a-f]+)/g)].map(([, command]) => command ?? "");
  t.true(commands.length > 10);
  t.deepEqual(
    commands.filter((command) => !looks.test(command)),
    [],
  );
  rmSync(folder, { recursive: true });
});

kernelTest("reading shows programs that others attached, by netlink and by tcx", async (t, lab) => {
  const { inside } = await lab.veth();
  const { request } = await prepareStep(lab, lab.compile(statefulSource, "stateful"), "unrelated");
  await lab.kernel.load(`${lab.root}/program`, request);
  execFileSync("ip", ["link", "set", "dev", inside, "xdpgeneric", "pinned", `${lab.root}/program`]);

  t.like(await lab.kernel.attached(inside, "xdp"), [{ name: "unrelated", linkId: null, mode: "generic" }]);
  t.deepEqual(await lab.kernel.attached(inside, "tc-ingress"), []);
});
