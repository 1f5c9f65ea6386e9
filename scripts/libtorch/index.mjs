export { buildable, compareVersions, DEFAULT_VERSION, inspect, NEWEST, OLDEST, parseVersion, sameMinor } from './candidate.mjs';
export { cacheFolder, choose, discover, INSTALL_COMMAND, installFolder, noLibtorch, recordedLibtorch } from './discover.mjs';
export { LibtorchError } from './error.mjs';
