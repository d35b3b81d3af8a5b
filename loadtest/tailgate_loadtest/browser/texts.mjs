// What is said of errors, and numbers that scripts draw.

const LONGEST = 10_000; // letters of a text that are looked at
const COLOURS = /\u001b\[[0-9;]*m/g;
const QUERY = /\?[^\s"'<>]+/g;

/** One line, at most so long, in which no address tells its query. */
export function cleaned(text, most = 300) {
  const [line] = String(text).slice(0, LONGEST).replace(COLOURS, "").trim().split("\n", 1);
  const told = line.replace(QUERY, "?…");
  const cut = told.length > most ? `${told.slice(0, most - 1)}…` : told;
  // A letter of two halves may have been cut in between, and no reader takes half of one.
  return cut.toWellFormed();
}

/** What an error says, or whatever else was thrown. */
export function described(error, most = 300) {
  return cleaned(error instanceof Error ? error.message : error, most) || "it did not say why";
}

/** A function that draws numbers from 0 up to 1, the same for the same seed: mulberry32, after a hash (FNV-1a). */
export function drawing(...seeds) {
  let state = 0x811c9dc5;
  for (const letter of seeds.join("/")) state = Math.imul(state ^ letter.codePointAt(0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seconds since the epoch. */
export function now() {
  return (performance.timeOrigin + performance.now()) / 1e3;
}

/** What a promise gives, or undefined when that takes longer; it may fail whenever it likes. */
export async function within(seconds, promise) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, seconds * 1e3);
  });
  try {
    return await Promise.race([promise.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
