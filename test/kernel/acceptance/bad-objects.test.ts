// SPDX-License-Identifier: Apache-2.0
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { readBtf } from "../../../bpf/btf/read.ts";
import { readElf, sectionBytes } from "../../../bpf/object/elf.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { station } from "../cli/station.ts";
import { own, tallyObject, writeFiles, xdpPolicy } from "./policy.ts";

type Damage = (object: Buffer) => Uint8Array;

/** What is done to an object that works, and what `sluice plan` says of it. */
const damages: readonly (readonly [title: string, damage: Damage, says: RegExp])[] = [
  ["an object that is cut off", (object) => object.subarray(0, object.length >> 1), /bytes: it is cut off/],
  ["a header whose sections lie behind the end", (object) => write(object, 40, 1 << 30), /bytes: it is cut off/],
  ["a header without a section of names", (object) => write(object, 62, 0xffff), /bytes: it refers to section 65535 and has \d+/],
  ["types that refer to themselves", typedefOfItself, /bytes: its BTF is broken: /],
  ["zeros", (object) => object.fill(0), /bytes: it does not begin like a little-endian ELF64 file/],
];

kernelTest(
  "damaged objects are refused by plan and apply in a sentence with the line that names them; nothing is pinned",
  async (t, lab) => {
    const host = await station(t, lab);
    const object = tallyObject(lab);
    for (const [title, damage, says] of damages) {
      const damaged = damage(Buffer.from(object));
      writeFiles(host.folder, {
        "objects/tally.bpf.o": damaged,
        "interfaces/a.yaml": xdpPolicy(host.device, [own("tally", "tally", damaged)]),
      });

      for (const verb of [["plan"], ["apply", "--yes"]]) {
        const { exit, err } = await host.sluice(...verb);

        t.is(exit, 3, `${title}: ${err}`);
        t.regex(err, says, title);
        t.regex(err, /^interfaces\/a\.yaml:\d+:\d+: .*\.\/objects\/tally\.bpf\.o/, title);
      }
      t.deepEqual(await lab.kernel.pins(lab.root), [], title);
    }
  },
);

kernelTest("an object of 200 MB is refused by its size, before it is read", async (t, lab) => {
  const host = await station(t, lab);
  const object = tallyObject(lab);
  writeFiles(host.folder, { "objects/tally.bpf.o": object, "interfaces/a.yaml": xdpPolicy(host.device, [own("tally", "tally", object)]) });
  truncateSync(join(host.folder, "objects/tally.bpf.o"), 200e6);

  const { exit, err } = await host.sluice("plan");

  t.is(exit, 3, err);
  t.true(err.startsWith('Error: Cannot read "objects/tally.bpf.o": it has 200000000 bytes, at most 67108864 are read\n'), err);
  t.deepEqual(await lab.kernel.pins(lab.root), []);
});

function write(object: Buffer, offset: number, value: number): Buffer {
  if (offset === 62) object.writeUInt16LE(value, offset);
  else object.writeBigUInt64LE(BigInt(value), offset);
  return object;
}

/** The first typedef becomes one of itself: struct btf_type has its name at 0, kind and count at 4, the type at 8. */
function typedefOfItself(object: Buffer): Buffer {
  const btf = sectionBytes(readElf(object), ".BTF") as Uint8Array;
  const bytes = Buffer.from(btf.buffer, btf.byteOffset, btf.length);
  const { types } = readBtf(btf);
  const id = types.findIndex(({ kind }) => kind === "typedef");
  const { name } = types[id] as { readonly name: string };
  const strings = bytes.readUInt32LE(4) + bytes.readUInt32LE(16);
  const record = Buffer.alloc(8);
  record.writeUInt32LE(bytes.indexOf(`\0${name}\0`, strings) + 1 - strings);
  record.writeUInt32LE(8 << 24, 4);
  bytes.writeUInt32LE(id, bytes.indexOf(record) + 8);
  return object;
}
