#!/usr/bin/env node
// Plain JavaScript on purpose: it must parse on old Node versions to say what is missing.
import { existsSync } from 'node:fs';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 12)) {
  console.error(`beckon needs Node 24.12 or later; this is ${process.versions.node}`);
  process.exit(2);
}

// A checkout runs its TypeScript directly; the published package holds the compiled output only.
const source = new URL('../src/main.ts', import.meta.url);
const built = new URL('../dist/main.js', import.meta.url);
const { main } = await import((existsSync(source) ? source : built).href);
process.exitCode = await main(process.argv.slice(2));
