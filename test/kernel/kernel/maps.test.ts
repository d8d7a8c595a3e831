// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { type Entries, entryAt, noEntries, packEntries } from "../../../bpf/kernel/entries.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import type { MapDefinition } from "../../../bpf/object/spec.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { manyMapsSource } from "./sources.ts";

async function makeMap(lab: Lab, name: string): Promise<{ pin: string; definition: MapDefinition; btf: Uint8Array | null }> {
  const spec = openObject(lab.compile(manyMapsSource, "many_maps"));
  const definition = spec.maps.find((map) => map.name === name)?.definition;
  if (definition === undefined) throw new Error(`No map ${name}`);
  const pin = `${lab.root}/maps/${name}`;
  await lab.kernel.createMap(pin, { name, definition, btf: spec.btf });
  return { pin, definition, btf: spec.btf };
}

/** Keys 0, 1, 2 … and values that follow from them. */
function numbered(count: number, valueSize = 8, factor = 7): Entries {
  const keys = Buffer.alloc(count * 4);
  const values = Buffer.alloc(count * valueSize);
  for (let index = 0; index < count; index += 1) {
    keys.writeUInt32LE(index, index * 4);
    values.writeUInt32LE((index * factor) % 0xffff_ffff, index * valueSize);
  }
  return { keySize: 4, valueSize, count, keys, values };
}

/** Entries as text, sorted, so that order does not matter. */
function shown(entries: Entries): string[] {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  return Array.from({ length: entries.count }, (_, index) => entryAt(entries, index).map(hex).join(" ")).sort();
}

const none = noEntries(4, 8);

for (const [name, count] of [
  ["a_hash", 3],
  ["a_hash", 200_000],
  ["a_lru_hash", 100],
] as const) {
  kernelTest(`writeMap() and readMap() carry ${count} entries of ${name}`, async (t, lab) => {
    const { pin } = await makeMap(lab, name);
    const entries = numbered(count);

    await lab.kernel.writeMap(pin, entries, none);

    t.deepEqual(shown(await lab.kernel.readMap(pin)), shown(entries));
  });
}

kernelTest("writeMap() deletes first, then puts; absent keys are no error", async (t, lab) => {
  const { pin } = await makeMap(lab, "a_hash");
  await lab.kernel.writeMap(pin, numbered(6000), none);
  const all = numbered(10_000, 8, 9);
  const first = { ...all, count: 2, keys: all.keys.subarray(0, 8), values: all.values.subarray(0, 16) };

  await lab.kernel.writeMap(pin, first, { ...all, values: new Uint8Array(0) });

  t.deepEqual(shown(await lab.kernel.readMap(pin)), shown(first));
});

kernelTest("writeMap() carries prefixes of a trie in batches", async (t, lab) => {
  const { pin } = await makeMap(lab, "a_trie");
  const prefixes = Array.from({ length: 100_000 }, (_, index) => {
    const key = Buffer.alloc(8);
    key.writeUInt32LE(32);
    key.writeUInt32BE(index, 4);
    return [key, Buffer.from([1, 0, 0, 0])] as const;
  });
  const entries = packEntries(prefixes, 8, 4);

  await lab.kernel.writeMap(pin, entries, noEntries(8, 4));
  const read = await lab.kernel.readMap(pin);

  t.is(read.count, entries.count);
  t.deepEqual(shown(read), shown(entries));
});

kernelTest("writeMap() zeroes what is deleted of an array", async (t, lab) => {
  const { pin } = await makeMap(lab, "an_array");
  await lab.kernel.writeMap(pin, numbered(5), none);

  await lab.kernel.writeMap(pin, none, { ...numbered(4), values: new Uint8Array(0) });

  const read = await lab.kernel.readMap(pin);
  t.deepEqual(
    shown(read).slice(0, 4),
    ["00000000", "01000000", "02000000", "03000000"].map((key) => `${key} ${"00".repeat(8)}`),
  );
  t.deepEqual(shown(read)[4], `04000000 1c00000000000000`);
});

for (const name of ["a_percpu_array", "a_percpu_hash"] as const) {
  kernelTest(`readMap() gives the values of all CPUs of ${name}`, async (t, lab) => {
    const { pin, definition } = await makeMap(lab, name);
    const empty = await lab.kernel.readMap(pin);
    const perCpu = Math.ceil(definition.valueSize / 8) * 8;
    t.is(empty.valueSize % perCpu, 0);
    t.true(empty.valueSize >= perCpu);

    const entries = { ...numbered(2, empty.valueSize), values: new Uint8Array(2 * empty.valueSize).fill(0) };
    entries.values[empty.valueSize] = 5;
    await lab.kernel.writeMap(pin, entries, noEntries(4, empty.valueSize));

    t.deepEqual(shown(await lab.kernel.readMap(pin)), shown(entries));
  });
}

kernelTest("readMap() of maps without batches or keys gives what they hold", async (t, lab) => {
  const devices = await makeMap(lab, "a_devmap");
  const programs = await makeMap(lab, "a_prog_array");
  const ring = await makeMap(lab, "a_ringbuf");
  const outer = await makeMap(lab, "an_outer");
  const [loopback] = await lab.kernel.devices();
  const index = Buffer.alloc(4);
  index.writeUInt32LE(loopback?.ifindex ?? 0);
  const entries = packEntries([[Buffer.from([2, 0, 0, 0]), index]], 4, 4);

  await lab.kernel.writeMap(devices.pin, entries, noEntries(4, 4));

  t.deepEqual(shown(await lab.kernel.readMap(devices.pin)), shown(entries));
  t.is((await lab.kernel.readMap(programs.pin)).count, 0);
  t.is((await lab.kernel.readMap(ring.pin)).count, 0);
  t.is((await lab.kernel.readMap(outer.pin)).count, 0);

  await lab.kernel.writeMap(devices.pin, noEntries(4, 4), entries);

  t.is((await lab.kernel.readMap(devices.pin)).count, 0);
});

kernelTest("a frozen map is told from others, and takes what it holds already", async (t, lab) => {
  const { pin, definition } = await makeMap(lab, "a_hash");
  const array = await makeMap(lab, "an_array");
  const some = numbered(2, definition.valueSize);
  await lab.kernel.writeMap(pin, some, none);
  for (const path of [pin, array.pin]) execFileSync("bpftool", ["map", "freeze", "pinned", path]);
  const before = await lab.kernel.readMap(array.pin);
  const other = await makeMap(lab, "a_devmap");

  const frozen = (await lab.kernel.pins(lab.root)).map(({ path, ...pinned }) => [path, "frozen" in pinned]);
  await lab.kernel.writeMap(
    pin,
    some,
    packEntries([[Buffer.from([9, 9, 9, 9]), new Uint8Array(definition.valueSize)]], 4, definition.valueSize),
  );
  await lab.kernel.writeMap(array.pin, noEntries(4, before.valueSize), { ...before, count: 1 });

  t.deepEqual(Object.fromEntries(frozen) as object, { [pin]: true, [array.pin]: true, [other.pin]: false });
  for (const [puts, deletes] of [
    [{ ...some, values: new Uint8Array(some.values.length).fill(7) }, none],
    [none, some],
  ] as const) {
    await t.throwsAsync(lab.kernel.writeMap(pin, puts, deletes), {
      message: `Cannot write to the map pinned at "${pin}": it is frozen (EPERM)`,
    });
  }
});

kernelTest("createMap() again is content; another definition or another kind is refused", async (t, lab) => {
  const { pin, definition, btf } = await makeMap(lab, "a_hash");
  const again = await makeMap(lab, "a_devmap");
  const [before] = await lab.kernel.pins(`${lab.root}/maps`);

  await lab.kernel.createMap(pin, { name: "a_hash", definition, btf });
  await lab.kernel.createMap(again.pin, { name: "a_devmap", definition: again.definition, btf });

  t.deepEqual(
    (await lab.kernel.pins(`${lab.root}/maps`))[1],
    (await lab.kernel.pins(`${lab.root}/maps`)).find(({ path }) => path === pin),
  );
  t.truthy(before);
  await t.throwsAsync(lab.kernel.createMap(pin, { name: "a_hash", definition: { ...definition, maxEntries: 7 }, btf }), {
    message: `Cannot create a map at "${pin}": the map pinned there has the number of entries 300000, expected 7 (EEXIST)`,
  });
  await t.throwsAsync(lab.kernel.createMap(pin, { name: "a_hash", definition: { ...definition, type: "lru_hash" }, btf }), {
    message: `Cannot create a map at "${pin}": the map pinned there has the type hash, expected lru_hash (EEXIST)`,
  });
});

kernelTest("createMap() gives a perf_event_array the machine's size, and says what the kernel refuses", async (t, lab) => {
  const { pin } = await makeMap(lab, "events");
  const definition: MapDefinition = {
    type: "hash",
    keySize: 4,
    valueSize: 4,
    maxEntries: 0,
    flags: 0,
    btfKey: 0,
    btfValue: 0,
    inner: null,
  };

  t.true((await lab.kernel.pins(`${lab.root}/maps`)).some((found) => found.path === pin && found.kind === "map" && found.maxEntries > 0));
  await t.throwsAsync(lab.kernel.createMap(`${lab.root}/empty`, { name: "empty", definition, btf: null }), {
    message: 'Cannot create the hash map "empty": Invalid argument (EINVAL)',
  });
  await t.throwsAsync(lab.kernel.createMap(`${lab.root}/odd`, { name: "odd", definition: { ...definition, type: "odd" }, btf: null }), {
    message: 'Cannot create the odd map "odd": no such type of map is known (EINVAL)',
  });
});

kernelTest("createFrozenMap() cannot be written by anybody, and is content with the same value", async (t, lab) => {
  const pin = `${lab.root}/gen/manifest`;
  const value = Buffer.from('{"format":1}');
  await lab.kernel.createFrozenMap(pin, "sl_manifest", value);

  await lab.kernel.createFrozenMap(pin, "sl_manifest", value);

  const entries = await lab.kernel.readMap(pin);
  t.deepEqual(Buffer.from(entries.values), value);
  await t.throwsAsync(lab.kernel.writeMap(pin, { ...entries, values: Buffer.alloc(value.length) }, noEntries(4, value.length)), {
    message: `Cannot write to the map pinned at "${pin}": it is frozen (EPERM)`,
  });
  await t.throwsAsync(lab.kernel.createFrozenMap(pin, "sl_manifest", Buffer.from("{}")), {
    message: `Cannot create a frozen map at "${pin}": a map with other contents is pinned there (EEXIST)`,
  });
});

kernelTest("writeMap() says which key a full map did not take, and refuses entries of another size", async (t, lab) => {
  const { pin } = await makeMap(lab, "a_percpu_hash");
  const { valueSize } = await lab.kernel.readMap(pin);
  const tooMany = numbered(9, valueSize, 0);

  await t.throwsAsync(lab.kernel.writeMap(pin, tooMany, noEntries(4, valueSize)), {
    message: `Cannot write to the map pinned at "${pin}" at the key 0x08000000: the map is full (E2BIG)`,
  });
  await t.throwsAsync(lab.kernel.writeMap(pin, numbered(1, valueSize + 1), noEntries(4, valueSize)), {
    message: `Cannot write to the map pinned at "${pin}": values of ${valueSize + 1} bytes, expected ${valueSize} (EINVAL)`,
  });
});

kernelTest("readMap() says what is pinned instead of a map", async (t, lab) => {
  await t.throwsAsync(lab.kernel.readMap(`${lab.root}/nothing`), {
    message: `Cannot open the map pinned at "${lab.root}/nothing": No such file or directory (ENOENT)`,
  });
});
