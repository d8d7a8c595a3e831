// SPDX-License-Identifier: Apache-2.0
import { type Classic, decodeClassic } from "../../../bpf/match/classic.ts";
import { compileMatch } from "../../../bpf/match/compile-match.ts";
import { manyExpressions } from "../../bpf/match/expressions.ts";
import { manyFrames } from "../../bpf/match/frames.ts";
import { runClassic } from "../../bpf/match/run-classic.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ethernet, ipv4, ipv6, type Layer, raw, tcp, udp, vlan } from "../../lab/packet.ts";
import { clockedFilter } from "./clocked-filter.ts";
import { type LoadedFilter, loadFilter, renderStep } from "./load-filter.ts";

interface Rule {
  readonly name?: string;
  readonly match: string;
  readonly action: "drop" | "pass" | "count";
  readonly enabled?: boolean;
  readonly expires?: string;
}

const frame = (layer: Layer): Uint8Array => ethernet({}, layer);
const arp = frame(raw(0x0806, new Uint8Array(46)));
const web = frame(ipv4({ src: "10.0.0.1" }, tcp({ to: 80 })));
const dns = frame(ipv4({ src: "192.0.2.1" }, udp({ to: 53 })));
const hooks = ["xdp", "tc-ingress", "tc-egress"] as const;

/** Packets and bytes of each rule that has counted some, by what the filter calls it. */
async function counted(filter: LoadedFilter): Promise<Readonly<Record<string, readonly [number, number]>>> {
  const { keys, values, valueSize, count } = await filter.entries("counters");
  const [keyView, view] = [new DataView(keys.buffer, keys.byteOffset), new DataView(values.buffer, values.byteOffset)];
  const rows = Array.from({ length: count }, (_, row) => {
    const sums = [0, 8].map((word) => {
      let sum = 0;
      for (let cpu = 0; cpu < valueSize; cpu += 16) sum += Number(view.getBigUint64(row * valueSize + cpu + word, true));
      return sum;
    });
    const name = filter.step.reasons?.cells.find(({ key }) => key === keyView.getUint32(row * 4, true))?.name ?? "gone";
    return [name, sums as [number, number]] as const;
  });
  return Object.fromEntries(rows.sort());
}

for (const hook of hooks) {
  kernelTest(`drop-match at ${hook}: the first rule that drops or passes decides, and each counts what it takes`, async (t, lab) => {
    const rules: readonly Rule[] = [
      { name: "all", match: "ip or ip6", action: "count" },
      { name: "office", match: "src net 10.0.0.0/8", action: "pass" },
      { match: "tcp dst port 80", action: "drop" },
      { name: "dns", match: "udp port 53", action: "drop" },
      { name: "rest", match: "not arp", action: "count" },
    ];
    const filter = await loadFilter(lab.kernel, lab.root, "drop-match", { rules }, { hook });
    const other = frame(ipv4({ src: "203.0.113.9" }, tcp({ to: 80 })));
    const tagged = frame(vlan({ id: 7 }, ipv6({}, tcp({ to: 443 }))));

    const verdicts = [];
    for (const packet of [arp, web, dns, other, tagged]) verdicts.push(await filter.verdict(packet));

    t.deepEqual(verdicts, ["pass", "pass", "drop", "drop", "pass"]);
    t.deepEqual(await counted(filter), {
      'rule "all"': [3, web.length + dns.length + other.length],
      'rule "dns"': [1, dns.length],
      'rule "office"': [1, web.length],
      'rule "rest"': [1, tagged.length],
      "rule 3": [1, other.length],
    });
  });

  kernelTest(`drop-match at ${hook}: a packet that is too short for one rule is still asked by those behind`, async (t, lab) => {
    const rules: readonly Rule[] = [
      { match: "tcp dst port 80", action: "pass" },
      { match: "ip[60] = 1", action: "pass" },
      { name: "odd", match: "ip", action: "drop" },
    ];
    const filter = await loadFilter(lab.kernel, lab.root, "drop-match", { rules }, { hook });

    t.is(await filter.verdict(web), "pass");
    t.is(await filter.verdict(web.slice(0, 36)), "drop");
    t.is(await filter.verdict(dns), "drop");
    t.is(await filter.verdict(arp), "pass");
    t.deepEqual(Object.keys(await counted(filter)), ['rule "odd"', "rule 1"]);
  });

  kernelTest(`drop-match at ${hook}: any list does what its rules do one after another`, async (t, lab) => {
    const seed = chooseSeed();
    t.log(`SLUICE_SEED=${seed}`);
    const random = seededRandom(seed);
    const programs = new Map<string, readonly Classic[]>();
    for (const text of manyExpressions(seed, 100)) {
      const compiled = compileMatch(text);
      if (compiled.kind === "match") programs.set(text, decodeClassic(compiled.code));
    }
    const texts = [...programs.keys()];
    const frames = manyFrames(seed, 40).filter((each) => hook === "xdp" || each.length >= 60);
    let decided = 0;

    for (let list = 0; list < 12; list++) {
      const rules = Array.from({ length: 1 + random.below(25) }, (_, index): Rule => {
        const enabled = random.below(5) > 0;
        return { name: `${index}`, match: random.pick(texts), action: random.pick(["drop", "pass", "drop", "pass", "count"]), enabled };
      });
      const filter = await loadFilter(lab.kernel, lab.root, "drop-match", { rules }, { hook });
      for (const each of frames) {
        const first = rules.find(
          ({ match, action, enabled }) =>
            enabled === true && action !== "count" && runClassic(programs.get(match) as readonly Classic[], each).result !== 0,
        );
        if (first !== undefined) decided++;
        const verdict = await filter.verdict(each);
        if (verdict !== (first?.action ?? "pass")) {
          return t.fail(`${JSON.stringify(rules)} over ${Buffer.from(each).toString("hex")}: ${verdict}, not ${first?.action ?? "pass"}`);
        }
      }
    }

    t.true(decided > 300, `${decided} frames decided`);
  });

  kernelTest(`drop-match at ${hook}: four hundred rules that look at both ends of a packet`, async (t, lab) => {
    const rules = Array.from(
      { length: 400 },
      (_, index): Rule => ({ match: `host 10.1.${index >> 8}.${index & 255} and tcp port ${1000 + index}`, action: "drop" }),
    );
    const filter = await loadFilter(lab.kernel, lab.root, "drop-match", { rules }, { hook });

    t.is(await filter.verdict(frame(ipv4({ dst: "10.1.1.143" }, tcp({ from: 1399 })))), "drop");
    t.is(await filter.verdict(frame(ipv4({ dst: "10.1.1.143" }, tcp({ from: 1398 })))), "pass");
    t.is(await filter.verdict(web), "pass");
    t.deepEqual(Object.keys(await counted(filter)), ["rule 400"]);
  });
}

kernelTest("drop-match: packets of several pieces are looked at as a whole", async (t, lab) => {
  const rules: readonly Rule[] = [
    { match: "ether[5000] = 7", action: "drop" },
    { match: "len > 8000", action: "drop" },
  ];
  const filter = await loadFilter(lab.kernel, lab.root, "drop-match", { rules });
  const long = (length: number, mark: number): Uint8Array =>
    Uint8Array.from({ length }, (_, index) => (index === 5000 ? mark : (web[index] ?? 0)));

  t.is(await filter.verdict(long(6000, 7)), "drop");
  t.is(await filter.verdict(long(6000, 8)), "pass");
  t.is(await filter.verdict(long(9000, 8)), "drop");
});

kernelTest("drop-match: rules are switched, and observed, by writes to a map", async (t, lab) => {
  const rules: readonly Rule[] = [{ match: "tcp dst port 80", action: "drop" }];
  const filter = await loadFilter(lab.kernel, lab.root, "drop-match", { rules });
  const switchTo = async (parameters: object): Promise<void> => {
    const { step } = renderStep("drop-match", parameters, "xdp");
    const map = step.maps.find(({ name }) => name === "rules");
    t.is(map?.incarnation, filter.step.maps.find(({ name }) => name === "rules")?.incarnation);
    t.deepEqual(step.rules, filter.step.rules);
    if (map !== undefined) await filter.write("rules", map.entries);
  };

  t.is(await filter.verdict(web), "drop");
  await switchTo({ rules: rules.map((rule) => ({ ...rule, enabled: false })) });
  t.is(await filter.verdict(web), "pass");
  t.deepEqual(await counted(filter), { "rule 1": [1, web.length] });
  await switchTo({ rules, mode: "observe" });
  t.is(await filter.verdict(web), "pass");
  t.deepEqual(await counted(filter), { "rule 1": [2, 2 * web.length] });
  await switchTo({ rules });
  t.is(await filter.verdict(web), "drop");
});

kernelTest("drop-match: a rule ends by the calendar", async (t, lab) => {
  const end = BigInt(Date.parse("2027-01-31T18:00:00Z")) * 1_000_000n;
  const rules: readonly Rule[] = [
    { match: "tcp dst port 80", action: "drop", expires: "2027-01-31T19:00:00+01:00" },
    { match: "udp", action: "drop" },
  ];
  const filter = await clockedFilter(lab, "drop-match", { rules }, end - 1n);

  t.deepEqual(await filter.verdicts([web, dns]), ["drop", "drop"]);
  await filter.at(end);
  t.deepEqual(await filter.verdicts([web, dns]), ["pass", "drop"]);
});
