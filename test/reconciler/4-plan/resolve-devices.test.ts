// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { resolveDevices } from "../../../reconciler/4-plan/resolve-devices.ts";
import { warnFrags } from "../../../reconciler/4-plan/warn-frags.ts";
import type { DesiredHook, DeviceSlot } from "../../../reconciler/model/desired.ts";
import { desiredHook, desiredMap, desiredStep } from "../policy-builders.ts";

const origin = { file: "interfaces/eth0.yaml", line: 9, column: 5 };
const eth1 = { name: "eth1", ifindex: 7 };

function leadingTo(...devices: readonly DeviceSlot[]): DesiredHook {
  const map = desiredMap({ name: "ports" });
  const definition = { ...map.definition, type: "devmap", keySize: 4, valueSize: 8 };
  return desiredHook("eth0", "xdp", [
    { ...desiredStep("forward"), maps: [desiredMap({ name: "flows" }), { ...map, definition, devices }] },
  ]);
}

test("resolveDevices() puts numbers where names are, sorted by key bytes, with zeros behind", (t) => {
  const hook = leadingTo({ key: 256, device: "eth1", origin }, { key: 2, device: "eth1", origin });

  const { desired, warnings } = resolveDevices(hook, [eth1]);

  const ports = desired.chain[0]?.maps[1];
  t.is(Buffer.from(ports?.entries.keys ?? []).toString("hex"), "0001000002000000");
  t.is(Buffer.from(ports?.entries.values ?? []).toString("hex"), "07000000000000000700000000000000");
  t.deepEqual(ports?.print, { kind: "device", names: { 7: "eth1" } });
  t.deepEqual(warnings, []);
});

test("resolveDevices() leaves out a device that is not there, and says so", (t) => {
  const { desired, warnings } = resolveDevices(leadingTo({ key: 1, device: "eth9", origin }), [eth1]);

  t.is(desired.chain[0]?.maps[1]?.entries.count, 0);
  t.regex(warnings[0]?.message ?? "", /^Key 1 of forward\/ports stays empty until the interface "eth9" exists \(interfaces\/eth0\.yaml:9/);
});

test("resolveDevices() gives a hook without such maps back as it is", (t) => {
  const hook = desiredHook("eth0", "xdp", [desiredStep("a", { maps: [{ name: "flows" }] })]);

  t.is(resolveDevices(hook, [eth1]).desired, hook);
});

test("warnFrags() names the steps that keep a chain from taking fragments, where others could", (t) => {
  const chain = (...frags: readonly boolean[]) => frags.map((able, index) => desiredStep(`s${index}`, { frags: able }));
  const warned = (hook: DesiredHook) => warnFrags(hook).map(({ message }) => message);

  t.deepEqual(warned(desiredHook("eth0", "xdp", chain(true, true))), []);
  t.deepEqual(warned(desiredHook("eth0", "xdp", chain(false, false))), [], "nobody asked for them");
  t.deepEqual(warned(desiredHook("eth0", "tc-ingress", chain(true, false))), []);
  t.deepEqual(warned(desiredHook("eth0", "xdp", chain(true, false), { mode: "generic" })), []);
  t.regex(warned(desiredHook("eth0", "xdp", chain(true, false)))[0] ?? "", /because step "s1" \(.*\) is not built for them/);
  t.regex(
    warned(desiredHook("eth0", "xdp", chain(false, true, false)))[0] ?? "",
    /because step "s0" \(.*\) and 1 more are not built for them/,
  );
});
