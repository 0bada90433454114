// What the scripts of the Node.js clients share: arguments, output, and waiting for the restart.

const [port, redisPort, prefix, resp = "3"] = process.argv.slice(2);
export const PORT = Number(port);
export const REDIS_PORT = Number(redisPort);
export const RESP = Number(resp);
export const k = (name) => prefix + name;

const plain = (value) => {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (Buffer.isBuffer(value)) return value.toString("base64");
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return {map: [...value].map(plain)};
  if (typeof value === "number" && !Number.isFinite(value)) return `number ${value}`;
  if (value === undefined) return "undefined";
  return value && typeof value === "object" ? {...value} : value;
};

/** Prints one line: the step's name and the values of its promises, errors included. */
export const show = async (step, ...promises) => {
  const settled = await Promise.allSettled(promises);
  const values = settled.map((one) => plain(one.status === "fulfilled" ? one.value : one.reason));
  console.log(step, JSON.stringify(values));
};

/** Tells the test to restart the server and waits until it has. */
export const restart = () =>
  new Promise((resolve) => {
    process.stdin.once("data", () => resolve(process.stdin.destroy()));
    console.log("restart");
  });

/** A function to be called with messages, and a promise of the first `count` of them. */
export const collect = (count) => {
  const heard = [];
  let done;
  const all = new Promise((resolve) => (done = resolve));
  return [(...message) => heard.push(message) === count && done(heard), all];
};

export const binary = Buffer.concat([
  Buffer.from(Array.from({length: 256}, (_, i) => i)),
  Buffer.from("\r\n$5\r\n\0"),
  Buffer.from([0xff]),
]);
export const large = "0123456789abcdef".repeat(327680);
