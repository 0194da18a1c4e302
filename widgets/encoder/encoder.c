// A BERT-shaped sentence encoder for a web page, in one file.
//
// Text becomes token ids in JavaScript (wordpiece.js). From there on the model
// is here: ids -> embeddings -> layers of attention and feed-forward -> one
// vector of unit length. Every size comes from the header of the weights file.
//
// Numbers: weights are int8 with one scale per output column. Just before each
// matrix product, a token's values become int16 with one scale per token, so
// the product is whole-number work, eight at a time. All else is float32.
// Rounding costs least if no input column has much larger weights than another, so
// such columns' weights were divided (by pack.py) and their inputs are multiplied.
//
// Shapes are written as [rows][columns]. n is the number of tokens.

#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))

typedef struct {
  char magic[4];  // "SVEC"
  uint32_t version;
  uint64_t sums[2];     // checksum of all that follows these two numbers
  uint32_t text_bytes;  // vocabulary and Unicode tables, for wordpiece.js
  uint32_t layers, heads, dim, ffn, vocab, positions;
  float eps;
} Header;

typedef struct {
  int in, out;
  const float *balance;       // [in]: input columns are multiplied by it
  const float *scale, *bias;  // [out]
  const int8_t *weights;      // [out / 2][in / 8][2][8]: two columns, woven
} Linear;

typedef struct {
  const float *gain, *bias;  // [dim]
} Norm;

typedef struct {
  Linear qkv, mix, up, down;
  Norm attention_norm, ffn_norm;
} Layer;

enum { OK, NOT_WEIGHTS, OTHER_VERSION, BAD_SIZES, WRONG_LENGTH, CHANGED, NO_MEMORY };

static Header model;
static Layer *layers;
static Norm embedding_norm;
static const float *word_scale, *position_rows;  // [vocab], [positions][dim]
static const int8_t *words;                      // [vocab][dim]

static uint32_t *ids;       // [n], written by JavaScript
static float *hidden;       // [n][dim]
static float *qkv;          // [n][3 * dim]
static float *attention;    // [heads][n][n up to a multiple of 4], of the last layer
static float *keys;         // [dim / heads][n up to a multiple of 4]: a head's, turned
static float *inner;        // [n][ffn]; also [n][dim] for what a layer adds
static float *pooled;       // [dim]
static int16_t *quantized;  // [n][max(dim, ffn)]
static float *quantum;      // [n]: what 1 stands for in a quantized row

// ---------------------------------------------------------------- memory

extern uint8_t __heap_base;  // the first free byte, set by the linker
static uint8_t *free_from = &__heap_base;

// Returns room for some bytes that is never given back, or 0.
EXPORT void *reserve(uint32_t bytes) {
  uintptr_t start = ((uintptr_t)free_from + 15) & ~(uintptr_t)15;
  uint64_t end = (uint64_t)start + bytes;
  uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) << 16;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535) >> 16) == -1ul)
    return 0;
  free_from = (uint8_t *)(uintptr_t)end;
  return (void *)start;
}

// ---------------------------------------------------------------- small parts

INLINE v128_t load4(const float *x) { return wasm_v128_load(x); }
INLINE v128_t add(v128_t a, v128_t b) { return wasm_f32x4_add(a, b); }
INLINE v128_t mul(v128_t a, v128_t b) { return wasm_f32x4_mul(a, b); }
INLINE v128_t all(float x) { return wasm_f32x4_splat(x); }

INLINE float total(v128_t x) {
  return (wasm_f32x4_extract_lane(x, 0) + wasm_f32x4_extract_lane(x, 1)) +
         (wasm_f32x4_extract_lane(x, 2) + wasm_f32x4_extract_lane(x, 3));
}

INLINE float largest(v128_t x) {
  x = wasm_f32x4_pmax(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
  x = wasm_f32x4_pmax(x, wasm_i32x4_shuffle(x, x, 1, 0, 3, 2));
  return wasm_f32x4_extract_lane(x, 0);
}

// Half the way to the totals of a and b: lanes (a0+a2, b0+b2, a1+a3, b1+b3).
INLINE v128_t merge(v128_t a, v128_t b) {
  return wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 4, 1, 5),
                        wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
}

INLINE float dot(const float *a, const float *b, int n) {
  v128_t sum = all(0);
  for (int i = 0; i < n; i += 4) sum = add(sum, mul(load4(a + i), load4(b + i)));
  return total(sum);
}

// Adding 1.5 * 2^23 to a small float leaves its nearest whole number in the low
// bits: a fast way to round four floats to integers.
#define ROUNDER 12582912.0f
INLINE v128_t to_int(v128_t x) {
  return wasm_i32x4_sub(add(x, all(ROUNDER)), wasm_i32x4_splat(0x4B400000));
}

// e^x for x <= 0, to about one part in ten million: e^x = 2^k * e^r, where k is
// whole and |r| <= ln(2) / 2, so that a short series for e^r is enough.
INLINE v128_t exp4(v128_t x) {
  x = wasm_f32x4_pmax(x, all(-87));
  v128_t k = wasm_f32x4_sub(add(mul(x, all(1.442695041f)), all(ROUNDER)), all(ROUNDER));
  v128_t r = add(x, mul(k, all(-0.693359375f)));  // ln(2) in two parts, so that
  r = add(r, mul(k, all(2.12194440e-4f)));        // the difference stays exact
  v128_t e = add(all(1.f / 120), mul(r, all(1.f / 720)));
  e = add(all(1.f / 24), mul(r, e));
  e = add(all(1.f / 6), mul(r, e));
  e = add(all(0.5f), mul(r, e));
  e = add(all(1), mul(r, e));
  e = add(all(1), mul(r, e));
  return wasm_i32x4_add(e, wasm_i32x4_shl(to_int(k), 23));
}

// gelu(x) = x * (chance that a normal draw is below x). The chance by formula
// 7.1.26 of Abramowitz and Stegun, off by less than 2e-7.
INLINE v128_t gelu4(v128_t x) {
  v128_t size = wasm_f32x4_abs(x);
  v128_t t = wasm_f32x4_div(all(1), add(all(1), mul(size, all(0.231641888f))));
  v128_t p = add(all(-1.453152027f), mul(t, all(1.061405429f)));
  p = add(all(1.421413741f), mul(t, p));
  p = add(all(-0.284496736f), mul(t, p));
  p = mul(t, add(all(0.254829592f), mul(t, p)));
  v128_t tail = mul(p, exp4(mul(mul(x, x), all(-0.5f))));
  return wasm_f32x4_sub(wasm_f32x4_pmax(x, all(0)), mul(mul(all(0.5f), size), tail));
}

static void gelu(float *x, int n) {
  for (int i = 0; i < n; i += 8) {  // two at a time, to load the constants half as often
    v128_t low = gelu4(load4(x + i)), high = gelu4(load4(x + i + 4));
    wasm_v128_store(x + i, low);
    wasm_v128_store(x + i + 4, high);
  }
}

// Shifts and stretches x to mean 0 and variance 1, then applies gain and bias.
static void normalize(const Norm *norm, float *x) {
  int dim = model.dim;
  v128_t sum = all(0), squares = all(0);
  for (int i = 0; i < dim; i += 4) sum = add(sum, load4(x + i));
  v128_t mean = all(total(sum) / dim);
  for (int i = 0; i < dim; i += 4) {
    v128_t d = wasm_f32x4_sub(load4(x + i), mean);
    squares = add(squares, mul(d, d));
  }
  v128_t inverse = all(1 / __builtin_sqrtf(total(squares) / dim + model.eps));
  for (int i = 0; i < dim; i += 4) {
    v128_t d = mul(wasm_f32x4_sub(load4(x + i), mean), inverse);
    wasm_v128_store(x + i, add(mul(d, load4(norm->gain + i)), load4(norm->bias + i)));
  }
}

// Turns n scores into weights that are positive and sum to 1. Writes up to three
// zeros behind them.
static void softmax(float *x, int n, float stretch) {
  for (int i = n; i & 3; i++) x[i] = -1e30f;
  v128_t top = load4(x), sum = all(0);
  for (int i = 4; i < n; i += 4) top = wasm_f32x4_pmax(top, load4(x + i));
  top = all(largest(top));
  for (int i = 0; i < n; i += 4) {
    v128_t e = exp4(mul(wasm_f32x4_sub(load4(x + i), top), all(stretch)));
    wasm_v128_store(x + i, e);
    sum = add(sum, e);
  }
  v128_t share = all(1 / total(sum));
  for (int i = 0; i < n; i += 4) wasm_v128_store(x + i, mul(load4(x + i), share));
}

// ---------------------------------------------------------------- matrix product

// Rewrites n rows of x, balanced, as int16. The largest value of a row becomes
// `limit`, which is chosen so that no sum of products can leave 32 bits.
static void quantize(const Linear *l, const float *x, int n) {
  int size = l->in;
  float limit = 2147483647.f / 127 / size;
  limit = limit > 32767 ? 32767 : limit;
  for (int t = 0; t < n; t++, x += size) {
    v128_t m = all(0);
    for (int i = 0; i < size; i += 4)
      m = wasm_f32x4_pmax(m, wasm_f32x4_abs(mul(load4(x + i), load4(l->balance + i))));
    float top = largest(m);
    v128_t stretch = all(top > 0 ? limit / top : 0);
    quantum[t] = top / limit;
    int16_t *q = quantized + t * size;
    for (int i = 0; i < size; i += 8) {
      v128_t low = mul(load4(x + i), mul(load4(l->balance + i), stretch));
      v128_t high = mul(load4(x + i + 4), mul(load4(l->balance + i + 4), stretch));
      wasm_v128_store(q + i, wasm_i16x8_narrow_i32x4(to_int(low), to_int(high)));
    }
  }
}

// Two output columns for T tokens. The 2 * T sums stay in registers, each weight
// loaded serves T tokens, and the weights are read in one straight line. (More
// sums than eight no longer fit into the 16 registers: tried, and slower.)
INLINE void tile(const Linear *l, int column, int first, float *y, const int T) {
  const int8_t *w = l->weights + column * l->in;
  const int16_t *x = quantized + first * l->in;
  v128_t sum[4][2] = {};
  for (int k = 0; k < l->in; k += 8, w += 16) {
    v128_t w0 = wasm_i16x8_load8x8(w), w1 = wasm_i16x8_load8x8(w + 8);
    for (int t = 0; t < T; t++) {
      v128_t v = wasm_v128_load(x + t * l->in + k);
      sum[t][0] = wasm_i32x4_add(sum[t][0], wasm_i32x4_dot_i16x8(v, w0));
      sum[t][1] = wasm_i32x4_add(sum[t][1], wasm_i32x4_dot_i16x8(v, w1));
    }
  }
  v128_t scale = wasm_v128_load64_splat(l->scale + column);
  v128_t bias = wasm_v128_load64_splat(l->bias + column);
  for (int t = 0; t < T; t += 2) {
    v128_t four = merge(merge(sum[t][0], sum[t + 1][0]), merge(sum[t][1], sum[t + 1][1]));
    float one = quantum[first + t], other = quantum[first + t + 1];
    v128_t unit = mul(wasm_f32x4_make(one, one, other, other), scale);
    four = add(mul(wasm_f32x4_convert_i32x4(four), unit), bias);
    float *out = y + (first + t) * l->out + column;
    wasm_v128_store64_lane(out, four, 0);
    if (t + 1 < T) wasm_v128_store64_lane(out + l->out, four, 1);
  }
}

// y = x * weights + bias, for x [n][in] and y [n][out].
static void linear(const Linear *l, const float *x, float *y, int n) {
  quantize(l, x, n);
  for (int column = 0; column < l->out; column += 2)
    for (int t = 0, tiles = (n + 3) / 4; tiles; tiles--) {
      int size = (n - t + tiles - 1) / tiles;  // even shares: 10 = 4 + 3 + 3
      if (size == 4) tile(l, column, t, y, 4);
      if (size == 3) tile(l, column, t, y, 3);
      if (size == 2) tile(l, column, t, y, 2);
      if (size == 1) tile(l, column, t, y, 1);
      t += size;
    }
}

// ---------------------------------------------------------------- the model

// hidden = what the tokens mean by themselves, and where they stand.
EXPORT void embed(int n) {
  int dim = model.dim;
  for (int t = 0; t < n; t++) {
    const int8_t *word = words + (uint64_t)ids[t] * dim;
    v128_t scale = all(word_scale[ids[t]]);
    for (int i = 0; i < dim; i += 4) {
      v128_t w = wasm_i32x4_extend_low_i16x8(
          wasm_i16x8_extend_low_i8x16(wasm_v128_load32_zero(word + i)));
      v128_t x = add(mul(wasm_f32x4_convert_i32x4(w), scale),
                     load4(position_rows + t * dim + i));
      wasm_v128_store(hidden + t * dim + i, x);
    }
    normalize(&embedding_norm, hidden + t * dim);
  }
}

// c = a * b in float32, for a [n][m] and b [m][width]; the steps say how far apart
// rows lie. The width is taken in fours, so c needs room for up to three more.
static void product(const float *a, int a_step, const float *b, int b_step, float *c,
                    int c_step, int n, int m, int width) {
  for (int t = 0; t < n; t += 4) {
    const float *rows[4];  // past the last row, the last once more
    for (int r = 0; r < 4; r++) rows[r] = a + (t + r < n ? t + r : n - 1) * a_step;
    for (int i = 0; i < width; i += 4) {
      v128_t sum[4] = {};
      for (int j = 0; j < m; j++) {
        v128_t v = load4(b + j * b_step + i);
        for (int r = 0; r < 4; r++) sum[r] = add(sum[r], mul(all(rows[r][j]), v));
      }
      for (int r = 0; r < 4 && t + r < n; r++)
        wasm_v128_store(c + (t + r) * c_step + i, sum[r]);
    }
  }
}

// Each token looks at every token: weights from query . key, a mix of values.
static void attend(float *out, int n) {
  int dim = model.dim, size = dim / model.heads, row = 3 * dim, wide = (n + 3) & ~3;
  for (int h = 0; h < model.heads; h++) {
    const float *query = qkv + h * size, *key = query + dim, *value = key + dim;
    float *weights = attention + h * n * wide;
    for (int t = 0; t < n; t++)
      for (int i = 0; i < size; i++) keys[i * wide + t] = key[t * row + i];
    product(query, row, keys, wide, weights, wide, n, size, n);
    for (int t = 0; t < n; t++)
      softmax(weights + t * wide, n, 1 / __builtin_sqrtf(size));
    product(weights, wide, value, row, out + h * size, dim, n, n, size);
  }
}

// hidden = normalize(hidden + change), token by token.
static void add_and_normalize(const Norm *norm, const float *change, int n) {
  int dim = model.dim;
  for (int t = 0; t < n; t++) {
    float *x = hidden + t * dim;
    for (int i = 0; i < dim; i += 4)
      wasm_v128_store(x + i, add(load4(x + i), load4(change + t * dim + i)));
    normalize(norm, x);
  }
}

EXPORT void layer(int index, int n) {
  const Layer *l = layers + index;
  linear(&l->qkv, hidden, qkv, n);
  attend(inner, n);
  linear(&l->mix, inner, qkv, n);
  add_and_normalize(&l->attention_norm, qkv, n);
  linear(&l->up, hidden, inner, n);
  gelu(inner, n * model.ffn);
  linear(&l->down, inner, qkv, n);
  add_and_normalize(&l->ffn_norm, qkv, n);
}

// Cuts rows to length 1.
EXPORT void shorten(float *rows, int count) {
  for (float *row = rows; row < rows + count * model.dim; row += model.dim) {
    float length = __builtin_sqrtf(dot(row, row, model.dim));
    for (int i = 0; i < model.dim; i++) row[i] /= length;
  }
}

// pooled = the mean of the token vectors, cut to length 1.
EXPORT void pool(int n) {
  int dim = model.dim;
  for (int i = 0; i < dim; i += 4) {
    v128_t sum = all(0);
    for (int t = 0; t < n; t++) sum = add(sum, load4(hidden + t * dim + i));
    wasm_v128_store(pooled + i, sum);
  }
  shorten(pooled, 1);
}

EXPORT void encode(int n) {
  embed(n);
  for (int i = 0; i < model.layers; i++) layer(i, n);
  pool(n);
}

EXPORT uint32_t *ids_at(void) { return ids; }
EXPORT float *hidden_at(void) { return hidden; }
EXPORT float *attention_at(void) { return attention; }
EXPORT float *pooled_at(void) { return pooled; }

// ---------------------------------------------------------------- search

// float32 from float16: move the bits, then put the exponent right. The float16
// values may be the second half of `out`: each is read before it is written over.
EXPORT void widen(const uint16_t *half, float *out, int n) {
  for (int i = 0; i < n; i++) {
    int value = half[i];
    union { uint32_t bits; float value; } x = {(value & 0x7fff) << 13};
    out[i] = x.value * (value & 0x8000 ? -0x1p112f : 0x1p112f);
  }
}

// scores[i] = rows[i] . pooled, for rows [count][dim].
EXPORT void score(const float *rows, int count, float *scores) {
  for (int i = 0; i < count; i++) scores[i] = dot(rows + i * model.dim, pooled, model.dim);
}

// ---------------------------------------------------------------- loading

static const uint8_t *cursor;  // where the next part of the weights file begins

static const void *take(uint64_t bytes) {
  const void *part = cursor;
  cursor += bytes;
  return part;
}

static Norm take_norm(void) {
  Norm norm;
  norm.gain = take(4 * model.dim);
  norm.bias = take(4 * model.dim);
  return norm;
}

static Linear take_linear(int in, int out) {
  Linear l = {in, out};
  l.balance = take(4 * in);
  l.scale = take(4 * out);
  l.bias = take(4 * out);
  l.weights = take((uint64_t)in * out);
  return l;
}

// Fletcher's checksum: the sum of all words, and the sum of all sums on the way.
// The first notices any one change, the second also a change of order.
static int is_intact(const uint8_t *file, uint32_t bytes) {
  const uint64_t *word = (const uint64_t *)(file + 24);
  const uint64_t *end = (const uint64_t *)(file + bytes);
  uint64_t sum = 0, sums = 0;
  while (word < end) sums += sum += *word++;
  return sum == model.sums[0] && sums == model.sums[1];
}

// Reads the weights file at `file`, checks it, and makes room for the work.
// Returns OK or what is wrong.
EXPORT int load(const uint8_t *file, uint32_t bytes) {
  if (bytes < sizeof(Header)) return NOT_WEIGHTS;
  model = *(const Header *)file;
  int dim = model.dim, ffn = model.ffn, most = dim > ffn ? dim : ffn;
  if (model.magic[0] != 'S' || model.magic[1] != 'V' || model.magic[2] != 'E' ||
      model.magic[3] != 'C')
    return NOT_WEIGHTS;
  if (model.version != 1) return OTHER_VERSION;
  if (!model.layers || !model.heads || !dim || !ffn || !model.vocab || !model.positions ||
      dim % 8 || ffn % 8 || dim % (4 * model.heads) || bytes % 8)
    return BAD_SIZES;

  cursor = file + sizeof(Header) + model.text_bytes;
  word_scale = take(4 * model.vocab);
  position_rows = take(4ull * model.positions * dim);
  embedding_norm = take_norm();
  layers = reserve(model.layers * sizeof(Layer));
  if (!layers) return NO_MEMORY;
  for (Layer *l = layers; l < layers + model.layers; l++) {
    l->qkv = take_linear(dim, 3 * dim);
    l->mix = take_linear(dim, dim);
    l->attention_norm = take_norm();
    l->up = take_linear(dim, ffn);
    l->down = take_linear(ffn, dim);
    l->ffn_norm = take_norm();
  }
  words = take((uint64_t)model.vocab * dim);
  if (((cursor - file + 7) & ~7) != bytes) return WRONG_LENGTH;
  if (!is_intact(file, bytes)) return CHANGED;

  uint64_t n = (model.positions + 3) & ~3;
  ids = reserve(4 * n);
  hidden = reserve(4 * n * dim);
  qkv = reserve(4 * n * 3 * dim);
  attention = reserve(4 * n * n * model.heads);
  keys = reserve(4 * n * dim / model.heads);
  inner = reserve(4 * n * most);
  pooled = reserve(4 * dim);
  quantized = reserve(2 * n * most);
  quantum = reserve(4 * n);
  return ids && hidden && qkv && attention && keys && inner && pooled && quantized && quantum
             ? OK
             : NO_MEMORY;
}
