// k-means as Lloyd wrote it, started by k-means++ from a seed, in steps that a page can
// watch and that never hold it up. And how well clusters agree with known classes.

const ROWS_A_BREATH = 64;
const MOST_STEPS = 300;

/** Make a source of numbers in [0, 1) that a whole number as seed decides (mulberry32). */
export function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Return the squared distance of a vector and a centre, each at its place in an array. */
function squaredDistance(vectors, from, centres, at, width) {
  let sum = 0;
  for (let i = 0; i < width; i++) {
    const apart = vectors[from + i] - centres[at + i];
    sum += apart * apart;
  }
  return sum;
}

/**
 * Choose k rows to start from, as k-means++ does: the first by chance, each next one
 * with a chance that grows with its squared distance to the nearest one chosen.
 *
 * A generator: it yields null where the page may breathe, and returns the rows. Where
 * only copies of chosen rows are left, it takes the first rows not taken.
 * Source: Arthur & Vassilvitskii 2007.
 */
export function* chooseStart(vectors, width, k, random) {
  const rows = vectors.length / width;
  const chosen = [Math.min(rows - 1, Math.floor(random() * rows))];
  const apart = new Float64Array(rows).fill(Infinity);
  while (chosen.length < k) {
    const newest = chosen.at(-1) * width;
    let total = 0;
    for (let row = 0; row < rows; row++) {
      const own = squaredDistance(vectors, row * width, vectors, newest, width);
      apart[row] = Math.min(apart[row], own);
      total += apart[row];
      if (row % (8 * ROWS_A_BREATH) === 0) yield null;
    }
    let left = random() * total;
    let next = apart.findIndex((own) => (left -= own) < 0);
    if (next < 0) next = apart.findIndex((_, row) => !chosen.includes(row));
    chosen.push(next);
  }
  return chosen;
}

/**
 * Run Lloyd's k-means from given centres.
 *
 * A generator: it yields null where the page may breathe, and after each step
 * `{step, labels, centres, inertia, changed, done}`: every row's nearest centre, the
 * centres (k * width) moved to their rows' means, the sum of squared distances to the
 * centres before they moved, how many rows changed their centre, and whether none did.
 * A centre that lost all its rows moves to the row that lies farthest from its own, as
 * in scikit-learn. The arrays are the run's own: copy what is to be kept.
 *
 * @param {Float32Array} vectors one row of `width` numbers after another
 * @param {ArrayLike<number>} start the centres to start from, k * width
 */
export function* kMeansSteps(vectors, width, start, mostSteps = MOST_STEPS) {
  const rows = vectors.length / width;
  const k = start.length / width;
  const centres = Float64Array.from(start);
  const labels = new Int32Array(rows).fill(-1);
  const apart = new Float64Array(rows);
  for (let step = 1; step <= mostSteps; step++) {
    let changed = 0;
    let inertia = 0;
    for (let row = 0; row < rows; row++) {
      let nearest = 0;
      let least = Infinity;
      for (let centre = 0; centre < k; centre++) {
        const own = squaredDistance(
          vectors,
          row * width,
          centres,
          centre * width,
          width,
        );
        if (own < least) {
          least = own;
          nearest = centre;
        }
      }
      if (labels[row] !== nearest) changed += 1;
      labels[row] = nearest;
      apart[row] = least;
      inertia += least;
      if (row % ROWS_A_BREATH === ROWS_A_BREATH - 1) yield null;
    }
    if (changed > 0) moveCentres(vectors, width, labels, apart, centres);
    yield { step, labels, centres, inertia, changed, done: changed === 0 };
    if (changed === 0) return;
  }
}

/** Move every centre to the mean of its rows; one without rows to the farthest row. */
function moveCentres(vectors, width, labels, apart, centres) {
  const sizes = new Float64Array(centres.length / width);
  const owners = Int32Array.from(labels);
  for (const label of labels) sizes[label] += 1;
  const empty = [...sizes.keys()].filter((centre) => sizes[centre] === 0);
  if (empty.length > 0) {
    const farthest = [...labels.keys()]
      .filter((row) => apart[row] > 0)
      .sort((a, b) => apart[b] - apart[a]);
    farthest.slice(0, empty.length).forEach((row, i) => (owners[row] = empty[i]));
  }
  centres.set(meansOf(vectors, width, owners, centres));
}

/**
 * Return the mean of each cluster's rows, k * width; a cluster without rows keeps what
 * stands in `before`.
 */
export function meansOf(vectors, width, labels, before) {
  const sizes = new Float64Array(before.length / width);
  const means = new Float64Array(before.length);
  for (let row = 0; row < labels.length; row++) {
    const to = labels[row] * width;
    sizes[labels[row]] += 1;
    for (let i = 0; i < width; i++) means[to + i] += vectors[row * width + i];
  }
  for (let at = 0; at < means.length; at++) {
    const size = sizes[Math.floor(at / width)];
    means[at] = size > 0 ? means[at] / size : before[at];
  }
  return means;
}

/**
 * Run k-means from a seed: k-means++, of which it yields `{step: 0, chosen}`, the rows
 * to start from, and then Lloyd's steps.
 */
export function* kMeansFromSeed(vectors, width, k, seed) {
  const chosen = yield* chooseStart(vectors, width, k, createRandom(seed));
  yield { step: 0, chosen };
  const start = new Float64Array(k * width);
  chosen.forEach((row, centre) => {
    start.set(vectors.subarray(row * width, (row + 1) * width), centre * width);
  });
  yield* kMeansSteps(vectors, width, start);
}

/**
 * Compare clusters with known classes, each a whole number a row.
 *
 * `purity` is the share of rows that belong to their cluster's commonest class;
 * `vMeasure` the harmonic mean of homogeneity (clusters hold one class) and
 * completeness (classes stay together), 0 to 1. Source: Rosenberg & Hirschberg 2007.
 */
export function compareWithClasses(labels, classes) {
  const rows = labels.length;
  const clusters = new Map();
  const sizes = new Map();
  for (let row = 0; row < rows; row++) {
    const own = clusters.get(labels[row]) ?? new Map();
    clusters.set(labels[row], own.set(classes[row], (own.get(classes[row]) ?? 0) + 1));
    sizes.set(classes[row], (sizes.get(classes[row]) ?? 0) + 1);
  }
  const bits = (counts) =>
    counts.reduce((sum, n) => sum - (n / rows) * Math.log(n / rows), 0);
  let pure = 0;
  const together = [];
  const totals = [];
  for (const own of clusters.values()) {
    const counts = [...own.values()];
    pure += Math.max(...counts);
    together.push(...counts);
    totals.push(counts.reduce((sum, n) => sum + n, 0));
  }
  const [joint, ofClusters, ofClasses] = [together, totals, [...sizes.values()]].map(bits);
  const homogeneity = ofClasses > 0 ? (ofClasses + ofClusters - joint) / ofClasses : 1;
  const completeness = ofClusters > 0 ? (ofClasses + ofClusters - joint) / ofClusters : 1;
  const sum = homogeneity + completeness;
  return {
    purity: pure / rows,
    vMeasure: sum > 0 ? (2 * homogeneity * completeness) / sum : 0,
  };
}

/** Tell groupings apart whatever their clusters' numbers: number them as they come. */
export function renumbered(labels) {
  const places = new Map();
  return labels.map((label) => {
    if (!places.has(label)) places.set(label, places.size);
    return places.get(label);
  });
}
