// SPDX-License-Identifier: Apache-2.0
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Attack, commitOf, harmless, type Scene, treeOf } from "./attack.ts";

const refusedByGit = /^source fails.*it has an object that git's own check refuses/;

/** Rows 5, 6, 14 and 31: what git, or a build tool, could be made to run, and objects that it should not take. */
export const gitTricks: readonly Attack[] = [
  {
    name: "5 filters and submodules that run a command",
    commit: (scene) => ({
      ...harmless(scene),
      "policy/.gitattributes": "* filter=evil diff=evil merge=evil\n",
      "policy/.gitconfig": `[filter "evil"]\n\tsmudge = touch ${scene.marker}\n\tclean = touch ${scene.marker}\n`,
      ".gitattributes": "* filter=evil\n",
      ".gitmodules": `[submodule "x"]\n\tpath = x\n\turl = ext::touch ${scene.marker}\n\tupdate = !touch ${scene.marker}\n`,
    }),
    says: refusedByGit,
  },
  {
    name: "5 filters that run a command",
    commit: (scene) => ({
      ...harmless(scene),
      ".gitattributes": "* filter=evil diff=evil merge=evil\n",
      "policy/.gitattributes": "* filter=evil diff=evil merge=evil\n",
      "policy/.gitconfig": `[filter "evil"]\n\tsmudge = touch ${scene.marker}\n`,
    }),
    says: /^revision applied/,
  },
  {
    name: "5 a submodule",
    commit: (scene) => commitOf(scene, treeOf([["160000 vendor", "1".repeat(40)]])),
    says: /\\"vendor\\": it is a submodule/,
  },
  { name: "5 hooks and settings of the repository that is fetched from", commit: armed, says: /^revision applied/ },
  { name: "6 a link to a file of the host among the repository's objects", commit: linkedObjects, says: /^revision applied/ },
  ...[".git", ".GIT", "git~1", ".git\u200c"].map((name) => ({
    name: `14 a folder called ${JSON.stringify(name)}`,
    commit: (scene: Scene) =>
      commitOf(
        scene,
        treeOf([[`40000 ${name}`, scene.object("tree", treeOf([["100644 config", scene.object("blob", Buffer.from("x"))]]))]]),
      ),
    says: refusedByGit,
  })),
  {
    name: "14 a tree that names a file twice",
    commit: (scene) => {
      const [one, other] = ["1", "2"].map((text) => scene.object("blob", Buffer.from(text))) as [string, string];
      return commitOf(
        scene,
        treeOf([
          ["100644 a", one],
          ["100644 a", other],
        ]),
      );
    },
    says: refusedByGit,
  },
  {
    name: "31 packages and their scripts",
    commit: (scene) => ({
      ...harmless(scene),
      "policy/package.json": JSON.stringify({ type: "module", scripts: { preinstall: `touch ${scene.marker}` } }),
      "policy/.npmrc": `script-shell=${scene.marker}\n`,
      "policy/node_modules/yaml/package.json": '{ "main": "index.js" }',
      "policy/node_modules/yaml/index.js": `require("fs").writeFileSync(${JSON.stringify(scene.marker)}, "")`,
    }),
    says: /^revision applied/,
  },
];

/** Whatever a repository on this host brings along to be run. The push that follows is by a git that has other settings. */
function armed({ bare, marker, commitFiles, ...scene }: Scene): string {
  const script = join(bare, "evil");
  writeFileSync(script, `#!/bin/sh\ntouch ${marker}\n`, { mode: 0o755 });
  const settings = ["core.fsmonitor", "core.sshCommand", "core.pager", "uploadpack.packObjectsHook", "credential.helper"];
  for (const setting of settings) scene.git("config", "--file", join(bare, "config"), setting, script);
  for (const hook of ["post-checkout", "post-upload-pack", "post-index-change", "fsmonitor-watchman"]) {
    symlinkSync(script, join(bare, "hooks", hook));
  }
  return commitFiles(harmless({ bare, marker, commitFiles, ...scene }));
}

/** CVE-2022-39253: a copy that links or follows would bring the file along. */
function linkedObjects(scene: Scene): string {
  symlinkSync(scene.secret, join(scene.bare, "objects", "secret"));
  symlinkSync(scene.secret, join(scene.bare, "objects", "info", "secret"));
  return scene.commitFiles(harmless(scene));
}
