// SPDX-License-Identifier: Apache-2.0
import type { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip } from "../../lab/lab.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { loadConstant } from "./chains.ts";

const frame = ethernet({}, ipv4({}, udp({})));
const drop = 1;
const pass = 2;

for (const mode of ["native", "generic"] as const) {
  kernelTest(`attach() puts a program on a device in ${mode} mode, and detach() takes it off`, async (t, lab) => {
    const { inside, outside } = await lab.veth();
    const ear = lab.listen(inside);
    const program = await loadConstant(lab, drop);
    const link = `${lab.root}/link`;

    await lab.kernel.attach(link, { device: inside, hook: "xdp", program, mode });

    const attached = await lab.kernel.attached(inside, "xdp");
    t.like(attached, [{ name: "sl_answer_2", mode }]);
    t.not(attached[0]?.linkId, null);
    await lab.send(outside, [frame]);
    t.deepEqual(await ear.frames(1, 50), []);

    await lab.kernel.detach(link);

    t.deepEqual(await lab.kernel.attached(inside, "xdp"), []);
    await lab.send(outside, [frame]);
    t.is((await ear.frames(1)).length, 1);
  });
}

kernelTest("attach() takes the place of what is pinned there and is no link", async (t, lab) => {
  const { inside } = await lab.veth();
  const program = await loadConstant(lab, pass);
  const link = `${lab.root}/link`;
  await lab.kernel.createFrozenMap(link, "other", new Uint8Array(8));

  await lab.kernel.attach(link, { device: inside, hook: "xdp", program, mode: "native" });

  t.is((await lab.kernel.attached(inside, "xdp")).length, 1);
  t.is((await lab.kernel.pins(lab.root)).find(({ path }) => path === link)?.kind, "link");
});

kernelTest('attach() in mode "auto" takes native where the driver has it, generic where not', async (t, lab) => {
  const { inside } = await lab.veth();
  ip("link add br_auto type bridge");
  const program = await loadConstant(lab, pass);

  await lab.kernel.attach(`${lab.root}/one`, { device: inside, hook: "xdp", program, mode: "auto" });
  await lab.kernel.attach(`${lab.root}/two`, { device: "br_auto", hook: "xdp", program, mode: "auto" });

  t.like(await lab.kernel.attached(inside, "xdp"), [{ mode: "native" }]);
  t.like(await lab.kernel.attached("br_auto", "xdp"), [{ mode: "generic" }]);
  ip("link del br_auto");
});

kernelTest("attach() says what to do when a driver has no native mode", async (t, lab) => {
  ip("link add br_native type bridge");
  const program = await loadConstant(lab, pass);

  const error = await t.throwsAsync<KernelError>(
    lab.kernel.attach(`${lab.root}/link`, { device: "br_native", hook: "xdp", program, mode: "native" }),
  );

  t.is(
    error.message,
    'Cannot attach to "br_native" at xdp: its driver has no native XDP; use "mode: generic" or "mode: auto" (EOPNOTSUPP)',
  );
  t.is(error.errno, "EOPNOTSUPP");
  t.deepEqual(await lab.kernel.attached("br_native", "xdp"), []);
  ip("link del br_native");
});

for (const hook of ["tc-ingress", "tc-egress"] as const) {
  kernelTest(`attach() puts a program behind those of others at ${hook}`, async (t, lab) => {
    const { inside } = await lab.veth();
    const first = await loadConstant(lab, -1, hook);
    const second = await loadConstant(lab, 0, hook);

    await lab.kernel.attach(`${lab.root}/one`, { device: inside, hook, program: first, mode: "native" });
    await lab.kernel.attach(`${lab.root}/two`, { device: inside, hook, program: second, mode: "native" });

    const attached = await lab.kernel.attached(inside, hook);
    t.deepEqual(
      attached.map(({ name, mode }) => ({ name, mode })),
      [
        { name: "sl_answer_0", mode: null },
        { name: "sl_answer_1", mode: null },
      ],
    );
    t.true(attached.every(({ linkId }) => linkId !== null));

    await lab.kernel.detach(`${lab.root}/one`);

    t.like(await lab.kernel.attached(inside, hook), [{ name: "sl_answer_1" }]);
  });
}

kernelTest("attach() at tc egress drops what leaves", async (t, lab) => {
  const { inside, outside } = await lab.veth();
  const ear = lab.listen(outside);
  const program = await loadConstant(lab, 2, "tc-egress");

  await lab.kernel.attach(`${lab.root}/link`, { device: inside, hook: "tc-egress", program, mode: "native" });
  await lab.send(inside, [frame]);

  t.deepEqual(await ear.frames(1, 50), []);
});

kernelTest("attach() names the foreign XDP program that is in the way", async (t, lab) => {
  const { inside } = await lab.veth();
  const program = await loadConstant(lab, pass);
  ip(`link set dev ${inside} xdp pinned ${await loadConstant(lab, drop)}`);
  const [foreign] = await lab.kernel.attached(inside, "xdp");
  t.is(foreign?.linkId, null);

  const error = await t.throwsAsync<KernelError>(
    lab.kernel.attach(`${lab.root}/link`, { device: inside, hook: "xdp", program, mode: "auto" }),
  );

  t.is(
    error.message,
    `Cannot attach to "${inside}" at xdp: XDP program ${foreign?.programId} "sl_answer_2" is attached there already (native), ` +
      `and it is not Sluice's; remove it with "ip link set dev ${inside} xdp off" (EBUSY)`,
  );
  t.is(error.errno, "EBUSY");
  t.deepEqual(await lab.kernel.attached(inside, "xdp"), [foreign]);
});

kernelTest("attach() again is content; with another program or device it is refused", async (t, lab) => {
  const [first, second] = [await lab.veth(), await lab.veth()];
  const [program, other] = [await loadConstant(lab, drop), await loadConstant(lab, pass)];
  const link = `${lab.root}/link`;
  const request = { device: first.inside, hook: "xdp", program, mode: "native" } as const;
  await lab.kernel.attach(link, request);
  const before = await lab.kernel.pins(link.slice(0, -5));

  await lab.kernel.attach(link, request);

  t.deepEqual(await lab.kernel.pins(lab.root), before);
  await t.throwsAsync(lab.kernel.attach(link, { ...request, program: other }), {
    message:
      /^Cannot attach at ".*\/link": a link is pinned there that holds program \d+ on device \d+, expected program \d+ on device \d+ \(EEXIST\)$/,
  });
  await t.throwsAsync(lab.kernel.attach(link, { ...request, device: second.inside }), { message: /EEXIST/ });
});

kernelTest("attach() says that a device is not there", async (t, lab) => {
  const program = await loadConstant(lab, drop);

  await t.throwsAsync(lab.kernel.attach(`${lab.root}/link`, { device: "nowhere0", hook: "xdp", program, mode: "native" }), {
    message: 'Cannot find the device "nowhere0": No such device (ENODEV)',
  });
});

kernelTest("switchLink() replaces the program, again does nothing, and null takes over from whatever is there", async (t, lab) => {
  const { inside } = await lab.veth();
  const [one, two, three] = [await loadConstant(lab, 1), await loadConstant(lab, 2), await loadConstant(lab, 0)];
  const link = `${lab.root}/link`;
  await lab.kernel.attach(link, { device: inside, hook: "xdp", program: one, mode: "native" });

  await lab.kernel.switchLink(link, one, two);
  t.like(await lab.kernel.attached(inside, "xdp"), [{ name: "sl_answer_3" }]);

  await lab.kernel.switchLink(link, one, two);
  t.like(await lab.kernel.attached(inside, "xdp"), [{ name: "sl_answer_3" }]);

  await lab.kernel.switchLink(link, null, three);
  t.like(await lab.kernel.attached(inside, "xdp"), [{ name: "sl_answer_1" }]);
});

kernelTest("switchLink() is refused when the link holds a third program", async (t, lab) => {
  const { inside } = await lab.veth();
  const [one, two, three] = [await loadConstant(lab, 1), await loadConstant(lab, 2), await loadConstant(lab, 0)];
  const link = `${lab.root}/link`;
  await lab.kernel.attach(link, { device: inside, hook: "xdp", program: one, mode: "native" });

  const error = await t.throwsAsync<KernelError>(lab.kernel.switchLink(link, two, three));

  t.regex(error.message, /^Cannot switch the link pinned at ".*\/link": it holds program \d+ "sl_answer_2", expected \d+ \(EPERM\)$/);
  t.like(await lab.kernel.attached(inside, "xdp"), [{ name: "sl_answer_2" }]);
});

kernelTest("a link whose device is gone is dead: it cannot be switched, but detached", async (t, lab) => {
  const { inside } = await lab.veth();
  const [one, two] = [await loadConstant(lab, 1), await loadConstant(lab, 2)];
  const link = `${lab.root}/device/link`;
  await lab.kernel.attach(link, { device: inside, hook: "xdp", program: one, mode: "native" });
  ip(`link del ${inside}`);

  t.like(await lab.kernel.pins(`${lab.root}/device`), [{ kind: "link", ifindex: 0 }]);
  await t.throwsAsync(lab.kernel.switchLink(link, one, two), {
    message: `Cannot switch the link pinned at "${link}": its device is gone, and the link is dead (ENOLINK)`,
  });

  await lab.kernel.detach(link);

  t.deepEqual(await lab.kernel.pins(`${lab.root}/device`), []);
  await t.notThrowsAsync(lab.kernel.detach(link));
});

kernelTest("switchLink() under traffic lets every packet meet one of the two programs", async (t, lab) => {
  const { inside, outside } = await lab.veth();
  const ear = lab.listen(inside);
  const [one, two] = [await loadConstant(lab, 1), await loadConstant(lab, 0)];
  const link = `${lab.root}/link`;
  await lab.kernel.attach(link, { device: inside, hook: "xdp", program: one, mode: "native" });

  for (let round = 0; round < 25; round += 1) {
    await lab.send(
      outside,
      Array.from({ length: 20 }, () => frame),
    );
    await lab.kernel.switchLink(link, one, two);
    await lab.send(
      outside,
      Array.from({ length: 20 }, () => frame),
    );
    await lab.kernel.switchLink(link, two, one);
  }

  t.deepEqual(await ear.frames(1, 50), [], "both programs drop, so a packet that passed met neither");
});
