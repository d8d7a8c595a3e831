// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import picocolors from "picocolors";
import { type CountersMap, countVerdicts } from "../../../reconciler/3-observed/count-verdicts.ts";
import { printInspect } from "../../../reconciler/cli/print-inspect.ts";
import { inspectHook } from "../../../reconciler/inspect-hook.ts";
import { countersPath, layout, observedHook, running } from "./observed-builders.ts";

const plain = { width: null, colors: picocolors.createColors(false) };

/** A counters map of some CPUs; each count is [cpu, row, column, packets]. */
function countersMap(slots: number, cpus: number, counts: readonly (readonly [number, number, number, bigint])[]): CountersMap {
  const values = new Uint8Array(cpus * slots * 128);
  const view = new DataView(values.buffer);
  for (const [cpu, row, column, packets] of counts) view.setBigUint64(cpu * slots * 128 + row * 128 + column * 8, packets, true);
  return { slots, entries: { keySize: 4, valueSize: values.length, count: 1, keys: new Uint8Array(4), values } };
}

test("countVerdicts() adds up CPUs and the maps of a family, exactly beyond 2^53", (t) => {
  const small = countersMap(16, 2, [
    [0, 3, 3, 2n ** 60n],
    [1, 3, 3, 1n],
    [1, 3, 2, 7n],
    [0, 4, 3, 99n],
  ]);
  const big = countersMap(32, 2, [[0, 3, 3, 10n]]);

  t.deepEqual(countVerdicts("xdp", 3, [small, big]), [
    { verdict: "drop", packets: 7n },
    { verdict: "pass", packets: 2n ** 60n + 11n },
  ]);
});

test("countVerdicts() knows next at tc, verdicts without a name, and rows that a map does not have", (t) => {
  const map = countersMap(16, 1, [
    [0, 0, 0, 5n],
    [0, 0, 15, 6n],
    [0, 0, 13, 8n],
  ]);

  t.deepEqual(countVerdicts("tc-ingress", 0, [map]), [
    { verdict: "next", packets: 5n },
    { verdict: "12", packets: 8n },
    { verdict: "other", packets: 6n },
  ]);
  t.deepEqual(countVerdicts("xdp", 20, [map]), []);
  t.deepEqual(countVerdicts("xdp", -1, [map]), []);
});

test("printInspect() shows steps, how they are linked, counters and ids", (t) => {
  const counters = new Map([
    [
      countersPath,
      countersMap(16, 1, [
        [0, 0, 3, 120n],
        [0, 0, 2, 30n],
      ]),
    ],
  ]);

  const text = printInspect([inspectHook(layout, observedHook, counters)], plain);

  t.is(
    text,
    `eth0 / xdp   generation 4f1a2c0099aabbcc   native mode, 2 steps, 160 instructions, ends with pass
  program 912 (sl_eth0_xdp, tag 8f3c)   link 41   pins below /sys/fs/bpf/sluice/eth0/xdp
  bpftool prog show id 912    bpftool map dump id MAP    bpftool net

#  STEP  USES                FUNCTION  LINK    INSNS  PACKETS
1  acl   acl                 acl_xdp   inline    100  120 pass, 30 drop
2  lb    ./objects/lb.bpf.o  balance   call       50  0

MAP  STEP  NAME      TYPE          KEY/VALUE  MAX  HOLDS
 31  acl   limits    hash          4/8 B       16  policy
 32  -     counters  percpu_array  4/8 B       16  counters
  ! lb is linked as call: it makes tail calls itself
  ! Generation 9be07d0000000000 is kept for rollback
`,
  );
});

test("printInspect() shows the programs that a chain was split into", (t) => {
  const { manifest, program } = running;
  if (manifest === null || program === null) return t.fail("nothing runs");
  const segments = [
    { steps: ["acl"], instructions: 110 },
    { steps: ["lb"], instructions: 50 },
  ];
  const linked = { ...manifest.linked, split: { reason: 'step "lb" does not fit in', segments } };
  const path = program.path.replace("/program", "/segment-2");
  const behind = [{ ...program, path, id: 913, name: "sl_eth0_xdp_2", verified: 321 }];
  const shown = (generation: Partial<typeof running>) => {
    const hook = { ...observedHook, generations: [{ ...running, manifest: { ...manifest, linked }, ...generation }] };
    return printInspect([inspectHook(layout, hook, new Map())], plain);
  };

  t.true(
    shown({ behind }).includes(`
SEGMENT  PROGRAM  NAME           INSNS  VERIFIED  STEPS
      1      912  sl_eth0_xdp      110      1234  acl
      2      913  sl_eth0_xdp_2     50       321  lb
`),
  );
  t.true(shown({ behind }).includes('  ! The chain is split into 2 programs, joined by tail calls: step "lb" does not fit in\n'));
  t.regex(shown({ behind: [] }), /2 +\? +not pinned +50 +\? +lb\n/);
});

test("inspectHook() says what is wrong with what runs", (t) => {
  const none = new Map<string, CountersMap>();
  const broken = (hook: Partial<typeof observedHook>) => inspectHook(layout, { ...observedHook, ...hook }, none).broken;
  const link = observedHook.link;

  t.is(broken({}), null);
  t.is(broken({ link: null }), "Nothing is attached: the link is not there");
  t.is(broken({ link: null, generations: [] }), null);
  t.is(broken({ link: link && { ...link, ifindex: 0 } }), "The device that the link was attached to is gone");
  t.is(broken({ generations: [] }), "The link holds program 912, which is not pinned as a generation");
  t.is(
    broken({ generations: [{ ...running, intact: false }] }),
    "The generation that runs does not match its pins: sluice drift says more",
  );
});

test("printInspect() shows what others attached, and hooks where nothing of ours runs", (t) => {
  const foreign = [{ programId: 7, name: "tail\x1b[1m", linkId: null, mode: null }];
  const bare = { ...observedHook, link: null, mode: null, generations: [], maps: [], counters: [], foreign };

  const text = printInspect([inspectHook(layout, bare, new Map())], plain);

  t.is(
    text,
    `eth0 / xdp   nothing of Sluice runs here
  ! Program 7 (tail\\x1b[1m) also runs here; Sluice did not attach it and leaves it alone
`,
  );
});

test("inspectHook() tells state from policy, and counting that is switched off", (t) => {
  const manifest = running.manifest && { ...running.manifest, counters: null };
  const hook = { ...observedHook, generations: [{ ...running, manifest }] };

  const { steps, maps } = inspectHook(layout, hook, new Map());

  t.deepEqual(
    steps.map((step) => step.counts),
    [null, null],
  );
  t.deepEqual(
    maps.map(({ map, content, inUse }) => ({ map, content, inUse })),
    [
      { map: "limits", content: "policy", inUse: true },
      { map: "counters", content: "counters", inUse: false },
    ],
  );
});
