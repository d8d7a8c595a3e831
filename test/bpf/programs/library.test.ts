// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { openObject } from "../../../bpf/object/open-object.ts";
import { library, libraryObject } from "../../../bpf/programs/library.ts";
import { protocolNumbers } from "../../../bpf/programs/shared/protocol.ts";

/** The least that a filter needs to be told. */
const smallest: Readonly<Record<string, object>> = {
  acl: { rules: [] },
  "conn-limit": { ports: 443, max: 1 },
  "drop-match": { rules: [{ match: "udp", action: "drop" }] },
  "port-quota": { bytes: 1 },
  "rate-limit": { limit: 1 },
};

for (const program of library) {
  test(`${program.name}: its object has the functions and maps that the manifest names`, (t) => {
    const { programs, maps } = openObject(libraryObject(program.object));
    const settings = program.lower(smallest[program.name] ?? {}, { hook: "xdp", list: () => null });

    const functions = programs.map(({ name }) => name);
    t.true(Object.values(program.functions).every((name) => functions.includes(name)));
    t.is(settings.kind, "settings");
    for (const name of Object.keys(settings.kind === "settings" ? settings.maps : {}))
      t.true(
        maps.some((map) => map.name === name),
        name,
      );
  });

  test(`${program.name}: the schema describes every parameter and knows every protocol`, (t) => {
    const schema = program.schema as {
      properties: Record<string, { description?: string }>;
      $defs?: { protocolName?: { enum: string[] } };
    };

    t.deepEqual(
      Object.keys(schema.properties).filter((name) => schema.properties[name]?.description === undefined),
      [],
    );
    t.deepEqual(schema.$defs?.protocolName?.enum ?? Object.keys(protocolNumbers), Object.keys(protocolNumbers));
  });
}

test("libraryObject() says how to build what is not there", (t) => {
  const error = t.throws(() => libraryObject("none.bpf.o"));

  t.regex(error.message, /^Cannot read the filter ".*dist\/bpf\/programs\/none\.bpf\.o": build it with `npm run build`$/);
});
