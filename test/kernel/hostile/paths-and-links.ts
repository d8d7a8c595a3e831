// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { xdpPolicy } from "../acceptance/policy.ts";
import { type Attack, commitOf, type Files, harmless, type Scene, treeOf } from "./attack.ts";

/** Rows 1 to 4: what leads out of the policy's folder. */
export const pathsAndLinks: readonly Attack[] = [
  { name: "1 a list by a path that climbs", commit: (scene) => list(scene, `../..${scene.secret}`), says: /is not in the repository/ },
  { name: "1 a list by an absolute path", commit: (scene) => list(scene, scene.secret), says: /is not in the repository/ },
  { name: "1 a list by a path with a backslash", commit: (scene) => list(scene, "..\\\\secret"), says: /is not in the repository/ },
  { name: "1 a list by a path with a zero", commit: (scene) => list(scene, "lists/a\\0.txt"), says: /is not in the repository/ },
  {
    name: "1 an object by a path that climbs",
    commit: (scene) => object(scene, `./../..${scene.secret}.bpf.o`),
    says: /secret.bpf.o\\" does not exist/,
  },
  {
    name: "1 a tree with an entry of two dots",
    commit: (scene) => climbing(scene, ".."),
    says: /^source fails.*it has an object that git's own check refuses/,
  },
  {
    name: "1 a file with a backslash in its name",
    commit: (scene) => ({ ...harmless(scene), "policy/..\\x": "" }),
    says: /a backslash, or is not UTF-8/,
  },
  { name: "1 a file whose name is no UTF-8", commit: (scene) => named(scene, Buffer.from("100644 a\xff", "latin1")), says: /is not UTF-8/ },
  {
    name: "2 a list of a folder that only begins like the policy's",
    commit: (scene) => ({ ...list(scene, "../policy-evil/list.txt"), "policy-evil/list.txt": "10.0.0.0/8\n" }),
    says: /is not in the repository/,
  },
  {
    name: "3 a link to a file of the host",
    commit: (scene) => linked(scene, "lists/a.txt", scene.secret),
    says: /\\"lists\/a.txt\\": it is a symbolic link/,
  },
  { name: "3 a link to a folder above", commit: (scene) => linked(scene, "lists", "../../.."), says: /\\"lists\\": it is a symbolic link/ },
  { name: "3 a link in place of the policy's folder", commit: linkedFolder, says: /has none of that name/ },
  {
    name: "4 a link, and a file below the name of the link",
    commit: linkThenFile,
    says: /^source fails.*it has an object that git's own check refuses/,
  },
];

function list({ device }: Scene, file: string): Files {
  const step = `    - name: bogons\n      uses: acl\n      with: { rules: [{ src: { file: "${file}" }, action: drop }] }\n`;
  return { "policy/interfaces/a.yaml": xdpPolicy(device, [step]) };
}

function object({ device }: Scene, path: string): Files {
  return { "policy/interfaces/a.yaml": xdpPolicy(device, [`    - name: own\n      uses: ${path}\n      sha256: "${"0".repeat(64)}"\n`]) };
}

/** The empty tree is the same in every repository. */
function climbing(scene: Scene, name: string): string {
  return commitOf(scene, treeOf([[`40000 ${name}`, scene.object("tree", Buffer.alloc(0))]]));
}

function named(scene: Scene, entry: Buffer): string {
  return commitOf(scene, treeOf([[entry, scene.object("blob", Buffer.alloc(0))]]));
}

function linked({ tree, commitAll }: Scene, path: string, to: string): string {
  const at = join(tree, "policy", path);
  mkdirSync(join(at, ".."), { recursive: true });
  symlinkSync(to, at);
  return commitAll();
}

function linkedFolder({ tree, commitAll }: Scene): string {
  rmSync(join(tree, "policy"), { recursive: true });
  symlinkSync("/etc", join(tree, "policy"));
  return commitAll();
}

/** A checkout would follow the link that it has just made (CVE-2024-32021 and its like). */
function linkThenFile(scene: Scene): string {
  const link = scene.object("blob", Buffer.from(join(scene.marker, "..")));
  const folder = scene.object("tree", treeOf([["100644 marker", scene.object("blob", Buffer.from("x"))]]));
  return commitOf(
    scene,
    treeOf([
      ["120000 a", link],
      ["40000 a", folder],
    ]),
  );
}
