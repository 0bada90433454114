// People who look at a dashboard, from one Node.js process: usage dashboard.mjs PLAN, a JSON object of
//   port, users, seconds, pauseMs, tiles: [{key, sql, params}], postgres (a URL)
//
// Each user has five tiles drawn, looks at them for pauseMs, and again. With `postgres` every tile is
// its query, over a pool of ten connections, otherwise a GET of its key. {day} and {product} in keys
// and parameters are what that user looks at.
//
// Prints {"warm": {...}, "views": ..., "errors": {text: count}, ...} when the time is over.

import {Redis} from "ioredis";
import pg from "pg";

const plan = JSON.parse(process.argv[2]);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const filled = (text, choice) => text.replace(/{(\w+)}/g, (_, name) => choice[name]);

// The same choices in every run: most look at the last day.
let state = 20260630;
const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
let looks = 0;
const choose = () => {
  // Everything is looked at once to begin with, so that later nothing is asked for the first time.
  const first = looks++ < Math.max(plan.days.length, plan.products.length);
  const of = (list) => (first ? list[(looks - 1) % list.length] : pick(list));
  return {day: of(plan.days), product: of(plan.products)};
};
const pick = (list) => list[random() < 0.8 ? 0 : Math.floor(random() * list.length)];

const pool = plan.postgres && new pg.Pool({connectionString: plan.postgres, max: 10});
pool?.on("error", () => {});  // Of an idle connection; queries have their own.
const redis = plan.postgres ? null : new Redis({port: plan.port});

const draw = async (tile, choice) => {
  if (pool) return (await pool.query(tile.sql, tile.params.map((one) => filled(one, choice)))).rows;
  const value = await redis.get(filled(tile.key, choice));
  if (value === null) throw new Error("nil");
  return JSON.parse(value);
};

const begun = performance.now();
const elapsed = () => (performance.now() - begun) / 1000;
const views = [];  // [second it began, ms]
const errors = {};
const failures = [];  // Second it was seen.

const user = async (number) => {
  await sleep((plan.pauseMs * number) / plan.users);
  while (elapsed() < plan.seconds) {
    const choice = choose();
    const at = elapsed();
    const drawn = await Promise.allSettled(plan.tiles.map((tile) => draw(tile, choice)));
    views.push([at, (elapsed() - at) * 1000]);
    for (const {reason} of drawn.filter((one) => one.status === "rejected")) {
      errors[reason.message] = (errors[reason.message] ?? 0) + 1;
      failures.push(elapsed());
    }
    await sleep(plan.pauseMs);
  }
};

await Promise.all(Array.from({length: plan.users}, (_, i) => user(i)));
const percentiles = (list) => {
  const sorted = list.map(([, ms]) => ms).sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
  return {views: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), longest: at(1)};
};
const warm = views.filter(([at]) => at >= plan.warmSeconds);
const within = (second) => (at) => Math.floor(at) === second;
const timeline = Array.from({length: Math.ceil(plan.seconds)}, (_, second) => ({
  second, ...percentiles(views.filter(([at]) => within(second)(at))),
  failed: failures.filter(within(second)).length}));
console.log(JSON.stringify({all: percentiles(views), warm: percentiles(warm), seconds: elapsed(),
                            errors, failed: failures.length, timeline}));
await pool?.end();
redis?.disconnect();
