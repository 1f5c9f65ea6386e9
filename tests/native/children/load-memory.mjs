// Loads a model and prints what that took in memory: node load-memory.mjs FOLDER DTYPE. All in bytes.
import { readFileSync, writeFileSync } from 'node:fs';
import { Policy } from '../../../lib/model/policy.ts';
import { nativeAddon } from '../../../lib/native/load.ts';

const status = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;

const [folder, dtype] = process.argv.slice(2);
nativeAddon().info();
const baseline = status('VmRSS');
// The peak counts from here: https://www.kernel.org/doc/Documentation/filesystems/proc.txt
writeFileSync('/proc/self/clear_refs', '5');
const begun = performance.now();
const policy = await Policy.load(folder, { dtype, progress: false });
const seconds = (performance.now() - begun) / 1000;
console.log(JSON.stringify({ baseline, peak: status('VmHWM'), after: status('VmRSS'), seconds }));
await policy.dispose();
