// SPDX-License-Identifier: Apache-2.0
import { openRingBuffer } from "../../../bpf/kernel/ring-buffer.ts";
import { readTapRecord, type TapRecord } from "../../../bpf/programs/tap/record.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, tcp, udp } from "../../lab/packet.ts";
import { type ClockedFilter, clockedFilter } from "./clocked-filter.ts";

const second = 1_000_000_000n;
const start = 1_000n * second;
const to = (port: number, size = 0): Uint8Array => ethernet({}, ipv4({}, udp({ to: port, payload: new Uint8Array(size) })));
const web = ethernet({}, ipv4({}, tcp({ to: 80 })));

interface Logged extends ClockedFilter {
  records(): readonly TapRecord[];
  listen(until: bigint): Promise<void>;
  close(): void;
}

async function logged(lab: Lab, parameters: object, hook: "xdp" | "tc-ingress" | "tc-egress" = "xdp"): Promise<Logged> {
  const filter = await clockedFilter(lab, "acl", parameters, start, { hook, source: "acl-log" });
  const buffer = openRingBuffer(filter.pin("samples"));
  const listen = async (until: bigint): Promise<void> => {
    const values = new Uint8Array(8);
    new DataView(values.buffer).setBigUint64(0, until, true);
    await filter.write("listening", { keySize: 4, valueSize: 8, count: 1, keys: new Uint8Array(4), values });
  };
  await listen(start + 1_000n * second);
  const records = () => buffer.read().map((bytes) => readTapRecord(bytes) as TapRecord);
  return { ...filter, records, listen, close: () => buffer.close() };
}

for (const hook of ["xdp", "tc-ingress", "tc-egress"] as const) {
  kernelTest(`acl at ${hook} copies what rules with log decide, with rule and verdict, while somebody listens`, async (t, lab) => {
    const rules = [
      { protocol: "udp", dport: 53, action: "drop", log: "1/1" },
      { protocol: "udp", dport: 54, action: "drop" },
      { protocol: "udp", action: "pass", log: "1/1" },
    ];
    const acl = await logged(lab, { rules, sample: { snaplen: 50 } }, hook);

    t.deepEqual(await acl.verdicts([to(53, 100), to(54), to(55), web]), ["drop", "drop", "pass", "pass"]);
    await acl.listen(0n);
    await acl.verdict(to(53));

    const [drop, pass] = hook === "xdp" ? [1, 2] : [2, -1];
    const copied = acl
      .records()
      .map(({ rule, verdict, step, length, bytes }) => [rule, verdict, step, length, Buffer.from(bytes).toString("hex")]);
    const start = (frame: Uint8Array): string => Buffer.from(frame.subarray(0, 50)).toString("hex");
    t.deepEqual(copied, [
      [0, drop, null, 142, start(to(53, 100))],
      [2, pass, null, 60, start(to(55))],
    ]);
    t.deepEqual((await acl.sums("rules", 0))[0], 2);
    acl.close();
  });
}

kernelTest("acl copies as many packets a second as each rule may, whatever the others do", async (t, lab) => {
  const rules = [
    { protocol: "udp", dport: 53, action: "drop", log: "1/1" },
    { protocol: "udp", dport: 54, action: "drop", log: "1/1" },
  ];
  const acl = await logged(lab, { rules, sample: { limit_pps: 3 } });
  const ruleNumbers = (): readonly (number | null)[] => acl.records().map(({ rule }) => rule);

  await acl.verdicts([...new Array<Uint8Array>(9).fill(to(53)), to(54), to(54)]);
  t.deepEqual(ruleNumbers(), [0, 0, 0, 1, 1]);
  await acl.at(start + second);
  await acl.verdicts([to(53), to(54), to(54), to(54), to(54)]);
  t.deepEqual(ruleNumbers(), [0, 1, 1, 1]);

  t.deepEqual(await acl.sums("sample_counters", 0), [16, 9, 0, 7, 0]);
  acl.close();
});

kernelTest("acl that observes copies packets with the verdict that they get, and one in so many at random", async (t, lab) => {
  const rules = [{ protocol: "udp", action: "drop", log: "1/4" }];
  const acl = await logged(lab, { rules, mode: "observe", sample: { limit_pps: 10_000 } });

  await acl.run(to(53), 4000);

  const records = acl.records();
  t.true(records.every(({ verdict }) => verdict === 2));
  const [seen, copied, notChosen] = await acl.sums("sample_counters", 0);
  t.is(seen, 4000);
  t.is((copied as number) + (notChosen as number), 4000);
  // A thousand; beyond seven standard deviations on either side once in a million million runs.
  t.true((copied as number) > 800 && (copied as number) < 1200, String(copied));
  acl.close();
});
