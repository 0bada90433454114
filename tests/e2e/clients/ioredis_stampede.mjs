// Get-or-load of one cold key by many callers at once, ROUNDS times:
// usage ioredis_stampede.mjs PORT CONNECTIONS CALLERS LOAD_MS ROUNDS.
//
// Prints for each round how many loads there were, how many callers got the right value, and the
// longest time one of them took, in loads.

import {Redis} from "ioredis";

const [port, connectionCount, callers, loadMs, rounds] = process.argv.slice(2).map(Number);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const connections = Array.from({length: connectionCount}, () => new Redis({port}));
await Promise.all(connections.map((one) => one.ping()));

const round = async (key) => {
  const seen = {loads: 0, right: 0, longest_wait_in_loads: 0};
  let loadTook = loadMs;
  let longest = 0;
  const getOrLoad = async (connection) => {
    const asked = performance.now();
    let value = await connection.get(key);
    const loads = value === null;
    if (loads) {
      seen.loads++;
      await sleep(loadMs);
      value = `value of ${key}`;
      await connection.set(key, value, "EX", 30);
    }
    const wait = performance.now() - asked;
    longest = Math.max(longest, wait);
    if (loads) loadTook = wait;  // What a load costs here and now.
    if (value === `value of ${key}`) seen.right++;
  };
  await Promise.all(Array.from({length: callers}, (_, i) => getOrLoad(connections[i % connectionCount])));
  seen.longest_wait_in_loads = longest / loadTook;
  return seen;
};

const results = [];
for (let i = 0; i < rounds; i++) results.push(await round(`cold:${i}`));
console.log(JSON.stringify(results));
for (const one of connections) one.disconnect();
