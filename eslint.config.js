import ava from "eslint-plugin-ava";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  { ignores: ["dist/", ".build-*/", "coverage/", "**/*.generated.ts", "*.config.js"] },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A union with many kinds may be switched over in part, if it has a default.
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // Numbers print as anybody expects.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // `() => void work()` says that nobody waits.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true, ignoreVoidOperator: true }],
      // The kernel interface is asynchronous although some of its implementations are not.
      "@typescript-eslint/require-await": "off",
      // noUncheckedIndexedAccess asks for it in loops over typed arrays; a cast to the element's type says what is known.
      "@typescript-eslint/no-non-null-assertion": "error",
    },
  },
  { files: ["test/**/*.test.ts"], ...ava.configs["flat/recommended"] },
  {
    files: ["test/**/*.ts"],
    rules: {
      // ava's registration functions return promises that nobody awaits.
      "@typescript-eslint/no-floating-promises": "off",
    },
  },
);
