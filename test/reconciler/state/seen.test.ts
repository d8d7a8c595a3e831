// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { clearSeen, readSeen, writeSeen } from "../../../reconciler/state/seen.ts";
import { temporaryFolder } from "../temporary.ts";

const seen = (ref: string, commit: string) => ({ repository: "/srv/git/a.git", ref, name: `main@sha1:${commit}`, commit });

test("one commit is remembered for each branch and repository, of twenty at most, until all are forgotten", async (t) => {
  const directory = temporaryFolder(t);
  const rewound = { ...seen("branch main", "3"), repository: "/srv/git/b.git", rewound: "main@sha1:2" };

  t.is(await readSeen(directory, seen("branch main", "")), null);
  await writeSeen(directory, seen("branch main", "1"));
  await writeSeen(directory, rewound);
  await writeSeen(directory, seen("branch main", "2"));
  t.deepEqual(await readSeen(directory, seen("branch main", "")), seen("branch main", "2"));
  t.deepEqual(await readSeen(directory, rewound), rewound);
  t.is(await readSeen(directory, seen("tag main", "")), null);

  for (let number = 0; number < 19; number++) await writeSeen(directory, seen(`branch ${number}`, "1"));
  t.is(await readSeen(directory, rewound), null);
  t.not(await readSeen(directory, seen("branch main", "")), null);

  await clearSeen(directory);
  t.is(await readSeen(directory, seen("branch main", "")), null);
});
