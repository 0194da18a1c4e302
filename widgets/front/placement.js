// Where a new sentence belongs on a UMAP map that is already drawn.
// The same steps as umap-learn's `transform` takes for one row (umap_.py, layouts.py):
// weights of the nearest neighbours, their weighted mean as the start, and 100 epochs
// of its stochastic gradient descent, in which only the new point moves.

const NEIGHBOURS = 15;
const EPOCHS = 100;
const NEGATIVE_SAMPLES = 5;
const FIRST_STEP = 0.25; // umap's learning rate 1, a quarter of it in transform
const RUNS = 5;

/**
 * Place one sentence on the map.
 *
 * @param {[number, number][]} hits [row, cosine] of its nearest rows, nearest first
 * @param {Float32Array} points the map: x and y of every row in turn
 * @param {{a: number|null, b: number|null}} curve the map's own a and b; without
 *   them (a map that UMAP did not make) the neighbours' weighted mean is the place
 * @returns {[number, number]|null} x and y; null without hits
 */
export function placePoint(hits, points, { a, b }) {
  const near = hits.slice(0, NEIGHBOURS);
  if (near.length === 0) return null;
  const weights = neighbourWeights(near.map(([, cosine]) => Math.max(0, 1 - cosine)));
  const start = weightedMean(near, weights, points);
  if (!a || !b) return start;
  // One run is a draw, as a seed of umap is; the one in the middle of five is calmer.
  const ends = [];
  for (let seed = 1; seed <= RUNS; seed++) {
    ends.push(descend(start, near, weights, points, a, b, randomFrom(seed)));
  }
  return middleOf(ends);
}

/** Turn distances into weights that add up to about log2(15), as umap does. */
function neighbourWeights(distances) {
  const target = Math.log2(distances.length);
  let low = 0;
  let high = Infinity;
  let width = 1;
  for (let step = 0; step < 64; step++) {
    let sum = 0;
    for (let i = 1; i < distances.length; i++) {
      sum += distances[i] > 0 ? Math.exp(-distances[i] / width) : 1;
    }
    if (Math.abs(sum - target) < 1e-5) break;
    if (sum > target) high = width;
    else low = width;
    width = high === Infinity ? width * 2 : (low + high) / 2;
  }
  const mean = distances.reduce((sum, d) => sum + d, 0) / distances.length;
  const scale = Math.max(width, 1e-3 * mean);
  return distances.map((d) => (d > 0 && scale > 0 ? Math.exp(-d / scale) : 1));
}

function weightedMean(near, weights, points) {
  const twin = weights.indexOf(1);
  if (twin >= 0) return [points[2 * near[twin][0]], points[2 * near[twin][0] + 1]];
  const total = weights.reduce((sum, w) => sum + w, 0);
  let x = 0;
  let y = 0;
  near.forEach(([row], i) => {
    x += (weights[i] / total) * points[2 * row];
    y += (weights[i] / total) * points[2 * row + 1];
  });
  return [x, y];
}

/** Pull the point to its neighbours, push it from rows drawn at random. */
function descend([x, y], near, weights, points, a, b, random) {
  const rows = points.length / 2;
  const strongest = Math.max(...weights);
  const kept = near
    .map(([row], i) => ({ row, every: strongest / weights[i] }))
    .filter(({ every }) => every <= EPOCHS)
    .map(({ row, every }) => ({
      row,
      every,
      next: every,
      nextNegative: every / NEGATIVE_SAMPLES,
    }));
  let step = FIRST_STEP;
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (const edge of kept) {
      if (edge.next > epoch) continue;
      const dx = x - points[2 * edge.row];
      const dy = y - points[2 * edge.row + 1];
      const far = dx * dx + dy * dy;
      if (far > 0) {
        const power = a * far ** b;
        const pull = (-2 * b * power) / (far * (power + 1));
        x += clip(pull * dx) * step;
        y += clip(pull * dy) * step;
      }
      edge.next += edge.every;

      const negativeEvery = edge.every / NEGATIVE_SAMPLES;
      const draws = Math.trunc((epoch - edge.nextNegative) / negativeEvery);
      for (let draw = 0; draw < draws; draw++) {
        const other = Math.trunc(random() * rows);
        const ox = x - points[2 * other];
        const oy = y - points[2 * other + 1];
        const apart = ox * ox + oy * oy;
        if (apart === 0) continue;
        const push = (2 * b) / ((0.001 + apart) * (a * apart ** b + 1));
        x += clip(push * ox) * step;
        y += clip(push * oy) * step;
      }
      edge.nextNegative += draws * negativeEvery;
    }
    step = FIRST_STEP * (1 - epoch / EPOCHS);
  }
  return [x, y];
}

/** Keep one move within umap's bounds. */
function clip(value) {
  return Math.max(-4, Math.min(4, value));
}

/** Return the point with the smallest sum of distances to the others. */
function middleOf(places) {
  const sums = places.map(([x, y]) =>
    places.reduce((sum, [ox, oy]) => sum + Math.hypot(x - ox, y - oy), 0),
  );
  return places[sums.indexOf(Math.min(...sums))];
}

/** Make a repeatable source of numbers from 0 to 1 (mulberry32). */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
