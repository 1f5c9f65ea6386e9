// A lock file between processes, freed by kill -9 too: it names its owner, and a dead owner's lock is taken over.
import { closeSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Start time of a process in clock ticks since boot; null when there is no such process. Tells a reused pid from its former owner. */
function startTime(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return null; // no such process
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Is the owner that a lock file names gone for certain? One on another host is never taken over. */
function abandoned(content) {
  let owner;
  try {
    owner = JSON.parse(content);
  } catch {
    return content !== ''; // damaged; empty is an owner between open and write
  }
  return owner.host === hostname() && startTime(owner.pid) !== owner.start;
}

function tryAcquire(file) {
  // Written under a name of its own, then linked: the lock never exists without its content.
  const mine = JSON.stringify({ pid: process.pid, host: hostname(), start: startTime(process.pid) });
  const draft = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const descriptor = openSync(draft, 'wx');
  try {
    writeSync(descriptor, mine);
  } finally {
    closeSync(descriptor);
  }
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(draft);
  }
}

function removeAbandoned(file, seen) {
  const aside = `${file}.old.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return; // another process was faster
    throw error;
  }
  // Another process may have taken the lock over between reading and renaming: then it gets its lock back.
  if (read(aside) !== seen) {
    try {
      linkSync(aside, file);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
  rmSync(aside);
}

/** Runs `body` while holding the lock `file`. `onWait(owner)` is called once when another process holds it; `signal` ends the wait. */
export async function withLock(file, body, onWait = () => {}, signal = undefined) {
  mkdirSync(dirname(file), { recursive: true });
  let told = false;
  while (!tryAcquire(file)) {
    const content = read(file);
    if (content === null) continue;
    if (abandoned(content)) {
      removeAbandoned(file, content);
      continue;
    }
    if (!told) onWait(content);
    told = true;
    await sleep(200, undefined, { signal });
  }
  try {
    return await body();
  } finally {
    rmSync(file, { force: true });
  }
}
