// From a token matrix to one vector, and from two vectors to one number. A matrix is a
// Float32Array that holds one row of `width` numbers for each token in turn.

export const POOLINGS = ["mean", "max", "cls"];

/**
 * Collapse a matrix into one vector, Float32Array(width).
 *
 * `winners` tells for each number which token it came from; null where all have a share.
 */
export function pool(matrix, width, how) {
  const tokens = matrix.length / width;
  const vector = Float32Array.from(matrix.subarray(0, width));
  const winners = how === "mean" ? null : new Uint16Array(width);
  if (how === "cls") return { vector, winners };
  for (let token = 1; token < tokens; token++) {
    for (let i = 0; i < width; i++) {
      const value = matrix[token * width + i];
      if (how === "mean") vector[i] += value;
      else if (value > vector[i]) {
        vector[i] = value;
        winners[i] = token;
      }
    }
  }
  if (how === "mean") for (let i = 0; i < width; i++) vector[i] /= tokens;
  return { vector, winners };
}

/** The cosine of two vectors; NaN where one of them has no length. */
export function cosineOf(a, b) {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / Math.sqrt(aa * bb);
}

/**
 * Where a token looks: its share of attention for each token, or with `from` -1 what
 * each token gets on average. `head` -1 is the average of all heads.
 *
 * @param {Float32Array} attention of all layers: layers * heads * tokens * tokens
 */
export function lookAt(attention, { tokens, heads, layer, head, from }) {
  const shares = new Float32Array(tokens);
  const some = head < 0 ? Array.from({ length: heads }, (_, h) => h) : [head];
  const rows = from < 0 ? Array.from({ length: tokens }, (_, row) => row) : [from];
  for (const h of some) {
    for (const row of rows) {
      const start = ((layer * heads + h) * tokens + row) * tokens;
      for (let to = 0; to < tokens; to++) shares[to] += attention[start + to];
    }
  }
  return shares.map((share) => share / (some.length * rows.length));
}

/** A round number that all but a hundredth of the values stay below. */
export function roundScale(matrices) {
  const sizes = [];
  for (const values of matrices) {
    const step = Math.max(1, Math.floor(values.length / 4000)) | 1;
    for (let i = 0; i < values.length; i += step) sizes.push(Math.abs(values[i]));
  }
  if (sizes.length === 0) return 1;
  sizes.sort((a, b) => a - b);
  const most = sizes[Math.floor(0.99 * (sizes.length - 1))] || 1;
  const power = 10 ** Math.floor(Math.log10(most));
  const round = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((n) => n * power >= 0.999 * most);
  return round * power;
}
