// Bundles the pages into the service's package: HTML, and scripts and styles named by their content, each beside its
// compressed forms. The same sources make the same bytes.
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const TITLES = { inbox: "Inbox", dashboard: "Dashboard", agent: "Agent test" };
const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const target = join(here, "..", "tailgate_service", "pages", "built");

const shell = await readFile(join(source, "shell.html"), "utf8");
const pages = await Promise.all(Object.keys(TITLES).map(made));
await rm(target, { recursive: true, force: true });
await mkdir(join(target, "assets"), { recursive: true });
for (const { name, files } of pages) {
  let sent = 0;
  for (const [path, content] of files) sent += await written(path, content);
  console.log(`${name}: ${(sent / 1000).toFixed(1)} kB compressed`);
}
// Its licence wants to go wherever it goes.
await copyFile(join(here, "node_modules/web-vitals/LICENSE"), join(target, "web-vitals.LICENSE"));

/** The files of a page, by their paths: its script and its style, named by what is in them, and the page. */
async function made(name) {
  const { outputFiles } = await build({
    entryPoints: [
      { in: join(source, name, "main.ts"), out: name },
      { in: join(source, `${name}.css`), out: name },
    ],
    outdir: target,
    entryNames: "[name]-[hash]",
    bundle: true,
    format: "esm",
    target: ["es2022", "chrome111", "firefox121", "safari16.4"],
    minify: true,
    charset: "utf8",
    write: false,
  });
  const assets = outputFiles.map(({ path, contents }) => [`assets/${basename(path)}`, contents]);
  const address = (kind) => `/${assets.find(([path]) => path.endsWith(kind))[0]}`;
  const main = (await readFile(join(source, `${name}.html`), "utf8")).trimEnd();
  const values = { title: TITLES[name], main, script: address(".js"), style: address(".css") };
  const page = shell
    .replace(/\{\{(\w+)\}\}/g, (_, key) => values[key])
    .replace(`<a href="/${name}">`, `<a href="/${name}" aria-current="page">`);
  return { name, files: [...assets, [`${name}.html`, Buffer.from(page)]] };
}

/** Write a file and its compressed forms; the size of the smallest. */
async function written(path, content) {
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  const brotli = brotliCompressSync(content, { params: quality });
  const gzip = gzipSync(content, { level: constants.Z_BEST_COMPRESSION });
  await Promise.all([
    writeFile(join(target, path), content),
    writeFile(join(target, `${path}.br`), brotli),
    writeFile(join(target, `${path}.gz`), gzip),
  ]);
  return brotli.length;
}
