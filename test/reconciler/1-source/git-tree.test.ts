// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { parseTree } from "../../../reconciler/1-source/git-tree.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";

const id = "0123456789abcdef0123456789abcdef00000a20";

function entry(mode: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, "hex")]);
}

test("parseTree() gives files and folders with their paths", (t) => {
  const tree = Buffer.concat([entry("100644", "a b"), entry("100755", "ü"), entry("100664", "old"), entry("40000", "lists")]);

  const entries = [...parseTree(tree, "hosts/edge")];

  t.deepEqual(entries, [
    { kind: "file", path: "hosts/edge/a b", id },
    { kind: "file", path: "hosts/edge/ü", id },
    { kind: "file", path: "hosts/edge/old", id },
    { kind: "folder", path: "hosts/edge/lists", id },
  ]);
  t.deepEqual([...parseTree(entry("100644", "a"), "")], [{ kind: "file", path: "a", id }]);
  t.deepEqual([...parseTree(Buffer.alloc(0), "")], []);
});

const refuses = test.macro<[Buffer, string]>({
  title: (about) => `parseTree() refuses ${about ?? ""}`,
  exec(t, tree, message) {
    const error = t.throws(() => [...parseTree(tree, "x")], { instanceOf: ReconcilerError });

    t.deepEqual([error.code, error.message], ["source-invalid", message]);
  },
});

test("a symbolic link", refuses, entry("120000", "a\n"), 'Cannot read "x/a\\n": it is a symbolic link');
test("a submodule", refuses, entry("160000", "a"), 'Cannot read "x/a": it is a submodule');
test("a mode that git does not have", refuses, entry("20000", "a"), 'Cannot read "x/a": it is not a regular file');
test("a mode that is no number", refuses, entry("worse", "a"), 'Cannot read "x/a": it is not a regular file');
test("a list without a space", refuses, Buffer.from("100644"), 'Cannot read folder "x": git\'s list of it is broken');
test("a list that ends in a name", refuses, Buffer.from("100644 a"), 'Cannot read folder "x": git\'s list of it is broken');
test("a list that ends in an id", refuses, entry("100644", "a").subarray(0, -1), 'Cannot read folder "x": git\'s list of it is broken');
